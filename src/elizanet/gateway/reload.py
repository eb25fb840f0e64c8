"""The gateway of the newest good settings: they may change while it answers.

A change makes a new `Router` and `Gateway`. What the process has learnt stays: the health of the
targets, the places that are taken, what callers have used of their limits. Calls under way end on
the settings they began with; when the last one has, the old router closes its connections.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from elizanet.errors import ConfigurationError
from elizanet.gateway.admission import Admission
from elizanet.gateway.app import Gateway
from elizanet.gateway.asgi import Receive, Scope, Send
from elizanet.gateway.observation import Observation
from elizanet.gateway.reach import hosts_of, refuse_open_door
from elizanet.gateway.visit import Visit
from elizanet.logs import log_sink
from elizanet.router import Router
from elizanet.settings import Settings
from elizanet.telemetry import Sink

logger = logging.getLogger("elizanet.gateway")

_HANDOVER_S: Final = 1.0
"""Seconds in which calls that were given to the old gateway certainly begin."""


class ReloadableGateway:
    """Answers with the newest settings. Use it as a context manager: its end cuts every call."""

    def __init__(self, settings: Settings, *, sinks: tuple[Sink, ...] = (log_sink,)) -> None:
        self.observation = Observation(settings, lambda: self.router, sinks)
        self.admission = Admission(settings.gateway.max_in_flight)
        self.router: Router = Router(settings, sinks=self.observation.sinks)
        self.gateway = Gateway(self.router, self.admission, self.observation)
        self._retired: dict[asyncio.Task[None], Gateway] = {}
        self._hosts: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<ReloadableGateway {self.gateway!r} retired={len(self._retired)}>"

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        return self.gateway(scope, receive, send)

    async def __aenter__(self) -> Self:
        self.observation.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._retired:
            task.cancel()
        if self._retired:
            await asyncio.wait(self._retired)
        await self.router.aclose()
        await self.observation.aclose()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.router.settings

    @property
    def max_body(self) -> int:
        """Bytes of the largest request body."""
        return self.gateway.max_body

    @property
    def visits(self) -> list[Visit]:
        """Every call under way, on whatever settings."""
        return [
            visit
            for gateway in (self.gateway, *self._retired.values())
            for visit in gateway.doors.visits
        ]

    def listens_on(self, sockets: Iterable[socket.socket]) -> None:
        """Learn where callers come in, for good.

        Raises `ConfigurationError` if strangers could, and no key is needed.
        """
        hosts = hosts_of(sockets)
        refuse_open_door(self.settings.gateway, hosts)
        self._hosts = hosts

    def reload(self, settings: Settings) -> None:
        """Answer with other settings from now on, where callers come in already.

        Raises `ConfigurationError`, and stays as it is, if they cannot work.
        """
        refuse_open_door(settings.gateway, self._hosts)
        here = self.settings.gateway
        settings = replace(
            settings, gateway=replace(settings.gateway, host=here.host, port=here.port)
        )
        router = Router(settings, sinks=self.observation.sinks, registry=self.router.registry)
        gateway = Gateway(router, self.admission, self.observation, self.gateway)
        self.admission.most = settings.gateway.max_in_flight
        task = asyncio.create_task(_retire(self.gateway, self.router))
        self._retired[task] = self.gateway
        task.add_done_callback(self._retired.pop)
        self.router, self.gateway = router, gateway
        self.observation.monitor.reloaded()


async def _retire(gateway: Gateway, router: Router) -> None:
    try:
        await asyncio.sleep(_HANDOVER_S)
        await gateway.doors.emptied()
    finally:
        await router.aclose()


class Reloader:
    """Rereads the settings on request, one time after the other.

    `reread` runs in a thread; wrong settings are logged, and the old ones stay in force.
    """

    def __init__(self, app: ReloadableGateway, reread: Callable[[], Settings]) -> None:
        self._app = app
        self._reread = reread
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def __repr__(self) -> str:
        return f"<Reloader {'reading' if self._task else 'idle'}>"

    def request(self) -> None:
        """Reread the settings; once more if that is being done already."""
        if self._task is not None:
            self._again = True
            return
        self._task = asyncio.create_task(self._reload())
        self._task.add_done_callback(self._done)

    async def aclose(self) -> None:
        """Give up what is being read."""
        self._again = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    def _done(self, _task: asyncio.Task[None]) -> None:
        self._task = None
        if self._again:
            self._again = False
            self.request()

    async def _reload(self) -> None:
        before = self._app.settings
        settings = await self._put_in_force()
        self._app.observation.are_settings_current = settings is not None
        if settings is not None:
            _tell(before, settings)

    async def _put_in_force(self) -> Settings | None:
        """Read and use the settings; None, with a line in the log, if they cannot work."""
        try:
            settings = await asyncio.to_thread(self._reread)
            self._app.reload(settings)
        except ConfigurationError as error:
            logger.error("the settings were not reloaded, the old ones stay: %s", _told(error))  # noqa: TRY400
            return None
        except Exception:  # the boundary of a task that nobody awaits: recorded
            logger.exception("the settings were not reloaded, the old ones stay")
            return None
        return settings


def _tell(before: Settings, settings: Settings) -> None:
    """Log what has changed, and what of it waits for a new start."""
    gateway = settings.gateway
    chains, callers = len(settings.routes), len(gateway.callers)
    told = f"{chains} chain{'s' * (chains != 1)}, {callers} caller{'s' * (callers != 1)}"
    logger.info("the settings were reloaded: %s", told)
    if settings.database != before.database:
        logger.warning("to record elsewhere the gateway has to be started anew")
    if (gateway.host, gateway.port) != (before.gateway.host, before.gateway.port):
        where = f"{gateway.host}:{gateway.port}"
        logger.warning("to listen on %s the gateway has to be started anew", where)
    for warning in settings.warnings:
        logger.warning("%s", warning)


def _told(error: ConfigurationError) -> str:
    more = len(error.problems) - 1
    return f"{error.problems[0]} (and {more} more)" if more else error.problems[0]
