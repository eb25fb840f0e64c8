"""The gateway's server: uvicorn's HTTP protocol between our listener, signals and drain."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import uvicorn

from elizanet.gateway.connections import Connections
from elizanet.gateway.descriptors import most_connections
from elizanet.gateway.drain import Drain, Pace
from elizanet.gateway.heartbeat import Heartbeat
from elizanet.gateway.listener import Listener
from elizanet.gateway.protocol import GatewayProtocol
from elizanet.gateway.reload import ReloadableGateway, Reloader
from elizanet.gateway.write_watch import UNSENT
from elizanet.logs import log_sink
from elizanet.settings import Settings
from elizanet.telemetry import Sink

KEEP_ALIVE_S: Final = 75
"""Seconds an idle connection is kept; longer than clients keep theirs, so that they close."""
BACKLOG: Final = 2048
_BEATS_A_DATE: Final = 10

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
            sockets.append(opened)
            # Accepted connections inherit them; asyncio sets none on sockets it did not make.
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
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
    """Return uvloop's event loop where there is uvloop, else one that waits for any socket."""
    try:
        import uvloop  # noqa: PLC0415 -- absent on Windows
    except ImportError:
        return asyncio.SelectorEventLoop()
    return uvloop.new_event_loop()


async def serve(
    settings: Settings,
    sockets: list[socket.socket],
    started: Callable[[], None],
    reread: Callable[[], Settings] | None = None,
    sinks: tuple[Sink, ...] = (log_sink,),
) -> None:
    """Answer on the sockets until a signal says stop; then close them and everything else.

    `started` is called once requests are answered and signals obeyed. `reread` reads the
    settings anew, in a thread, when SIGHUP asks for it. `sinks` are told what happens.
    """
    async with ReloadableGateway(settings, sinks=sinks) as app:
        await GatewayServer(app, started, reread).serve(sockets)


class GatewayServer:
    """The server of one gateway. How it ends is told in `drain.py`.

    SIGTERM ends it in order, SIGINT too but without the waits for load balancers, a second one
    of either ends it now; all leave the exit code alone. SIGHUP rereads the settings.
    """

    def __init__(
        self,
        app: ReloadableGateway,
        started: Callable[[], None] | None = None,
        reread: Callable[[], Settings] | None = None,
    ) -> None:
        self._app = app
        self._on_start = started
        self._reloader = Reloader(app, reread) if reread else None
        self._beats = 0
        self._pace: asyncio.Future[Pace] = asyncio.get_running_loop().create_future()
        self.connections = Connections()
        self._config = _config(app)
        self._listener = Listener(self.connections, self._connection, most_connections())
        self._drain = Drain(app, self._listener, self.connections)

    def __repr__(self) -> str:
        return f"<GatewayServer {self.connections!r} {self._app!r}>"

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Answer on the sockets until `stop`, and close them.

        Raises `ConfigurationError` if strangers could come in, and no key is needed.
        """
        with contextlib.ExitStack() as opened:
            for listening in sockets:
                opened.enter_context(listening)
            self._app.listens_on(sockets)
            opened.pop_all()  # from now on they are the listener's
        heartbeat = Heartbeat(self._beat)
        heartbeat.start()
        try:
            with self._signals():
                self._listener.start(sockets)
                if self._on_start is not None:
                    self._on_start()
                await self._drain.run(await self._pace)
        finally:
            heartbeat.stop()
            if self._reloader is not None:
                await self._reloader.aclose()
            await self._listener.close()
            self.connections.abort()

    def stop(self, *, by_person: bool = False) -> None:
        """End in order, for a person at the terminal without much waiting; again: end now."""
        if self._pace.done():
            self._drain.hurry.set()
            return
        self._app.admission.draining = True
        gateway = self._app.settings.gateway
        self._pace.set_result(Pace.of(gateway.host, gateway.drain, by_person=by_person))

    def _reload(self) -> None:
        if self._reloader is not None and not self._pace.done():
            self._reloader.request()

    def _connection(self) -> GatewayProtocol:
        return GatewayProtocol(self._config, self.connections, {}, asyncio.get_running_loop())

    def _beat(self, late: float) -> None:
        self._app.admission.ticked(late)
        self._beats += 1
        if self._beats % _BEATS_A_DATE == 0:
            self.connections.set_date()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Obey signals; unlike with uvicorn's own handlers, they do not kill afterwards."""
        loop = asyncio.get_running_loop()
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers: dict[int, Callable[[], None]] = {
            signal.SIGTERM: self.stop,
            signal.SIGINT: partial(self.stop, by_person=True),
        }
        if hasattr(signal, "SIGHUP"):
            handlers[signal.SIGHUP] = self._reload
        try:
            for number, handler in handlers.items():
                loop.add_signal_handler(number, handler)
        except NotImplementedError:  # Windows: Ctrl-C arrives as KeyboardInterrupt
            yield
            return
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)


def _config(app: ReloadableGateway) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=GatewayProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        loop="none",
        log_config=None,
        log_level="critical",  # the gateway logs its own faults, callers' are no news
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    config.load()
    return config
