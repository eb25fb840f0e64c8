"""A listening socket that can refuse connections for a while and keep its port."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

BACKLOG = 1024


class Listener:
    """Accepts connections while open, refuses them while not; the address stays its own.

    A bound socket that does not listen refuses every connection, and while it exists
    nobody else is given the port.
    """

    def __init__(self, host: str, port: int, accept: Callable[[], asyncio.Protocol]) -> None:
        """Take the address, refusing. Raises `OSError` if it cannot be had."""
        self._accept = accept
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._family = family
        self._socket = self._bound(address)
        self._address = self._socket.getsockname()
        self._server: asyncio.Server | None = None
        self._starting: asyncio.Task[None] | None = None
        self._wanted = False

    @property
    def port(self) -> int:
        """The port, also if it was chosen by the system."""
        return int(self._address[1])

    def open(self) -> None:
        """Accept connections from now on."""
        self._wanted = True
        if self._server is None and self._starting is None:
            self._socket.listen(BACKLOG)
            self._starting = asyncio.get_running_loop().create_task(self._start())

    def refuse(self) -> None:
        """Refuse connections from now on."""
        self._wanted = False
        if self._server is not None:
            self._server.close()
            self._server = None
            self._socket = self._bound(self._address)

    async def aclose(self) -> None:
        """Give the address back. Connections that were accepted stay open."""
        self._wanted = False
        if self._starting is not None:
            await self._starting
        if self._server is not None:
            self._server.close()
        self._socket.close()

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, sock=self._socket, backlog=BACKLOG)
        self._starting = None
        if not self._wanted:
            self.refuse()

    def _bound(self, address: tuple[object, ...]) -> socket.socket:
        made = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":  # elsewhere it would let others take the port as well
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # asyncio sets this only on sockets whose protocol number it knows; accepted ones
            # inherit it, and answers on a kept-alive connection do not wait for an ACK.
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.setblocking(False)
            made.bind(address)
        except OSError:
            made.close()
            raise
        return made

    def __repr__(self) -> str:
        return f"<Listener port {self.port}, {'open' if self._wanted else 'refusing'}>"
