"""uvicorn, set up for the gateway: sockets, signals, and an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn

from elizanet.gateway.app import Gateway
from elizanet.gateway.protocol import GatewayProtocol
from elizanet.limit import Limit, LimitReached
from elizanet.router import Router
from elizanet.settings import Settings

DRAIN_S: Final = 30
"""Seconds that running calls are given after the signal to stop."""
KEEP_ALIVE_S: Final = 75
"""Seconds an idle connection is kept; longer than clients keep theirs, so that they close."""
BACKLOG: Final = 2048
_CUT_OFF_S: Final = 2.0
"""Seconds a call may take to notice that its caller was cut off."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""What binding says of an address family that this machine does not have."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Return listening sockets for every address of the host; port 0 takes a free one.

    Raises OSError.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    for family, address in dict.fromkeys((entry[0], entry[4]) for entry in found):
        where = (address[0], sockets[0].getsockname()[1] if sockets else port, *address[2:])
        try:
            opened = socket.create_server(where, family=family, backlog=BACKLOG)
            # Accepted connections inherit it; asyncio sets it only on sockets of its own making.
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets.append(opened)
        except OSError as error:
            if error.errno in _NOT_HERE:
                missing = error
                continue
            for opened in sockets:
                opened.close()
            raise
    if not sockets:
        raise missing or OSError(errno.EADDRNOTAVAIL, "the host has no address")
    return sockets


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return uvloop's event loop where there is uvloop, else asyncio's."""
    try:
        import uvloop  # noqa: PLC0415 -- absent on Windows
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def serve(
    settings: Settings, sockets: list[socket.socket], started: Callable[[], None]
) -> None:
    """Answer on the sockets until a signal says stop; then close them and everything else.

    `started` is called once requests are answered and signals obeyed.
    """
    async with Router(settings) as router:
        await GatewayServer(Gateway(router), started).serve(sockets)


class GatewayServer(uvicorn.Server):
    """The server of one gateway.

    A first SIGINT or SIGTERM ends it in order: no new connections, running calls may finish
    within `DRAIN_S`. A second one ends it now. Both leave the exit code alone.
    """

    def __init__(self, gateway: Gateway, started: Callable[[], None] | None = None) -> None:
        self._gateway = gateway
        self._on_start = started
        self._stopped = asyncio.Event()
        super().__init__(
            uvicorn.Config(
                gateway,
                http=GatewayProtocol,
                ws="none",
                lifespan="off",
                interface="asgi3",
                loop="none",
                log_config=None,
                log_level="critical",  # the gateway logs its own faults, callers' are no news
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=DRAIN_S,
            )
        )

    def __repr__(self) -> str:
        state = self.server_state
        return f"<GatewayServer connections={len(state.connections)} calls={len(state.tasks)}>"

    def stop(self) -> None:
        """End in order; called again, end now."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._gateway.draining = True
        self._stopped.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        await super().startup(sockets)
        if self._on_start is not None:
            self._on_start()

    async def main_loop(self) -> None:
        """Keep the date header right, and wake at once when it is time to stop."""
        clock = asyncio.get_running_loop().time
        while not self.should_exit:
            await self.on_tick(0)
            with contextlib.suppress(LimitReached), Limit(clock() + 1.0):
                await self._stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, let calls finish, and cut off the callers that are left after that."""
        await super().shutdown(sockets)
        state = self.server_state
        for connection in state.connections:
            connection.transport.abort()
        if tasks := set(state.tasks):
            await asyncio.wait(tasks, timeout=_CUT_OFF_S)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let the signals call `stop`; unlike uvicorn's own, they do not kill afterwards."""
        loop = asyncio.get_running_loop()
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        try:
            for number in _SIGNALS:
                loop.add_signal_handler(number, self.stop)
        except NotImplementedError:  # Windows: Ctrl-C arrives as KeyboardInterrupt
            yield
            return
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
