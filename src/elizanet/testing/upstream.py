"""A local OpenAI-compatible provider that fails on demand, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

from elizanet.testing.clients import Clients
from elizanet.testing.connection import Connection
from elizanet.testing.faults import Fault
from elizanet.testing.journal import Journal
from elizanet.testing.listener import Listener
from elizanet.testing.openai_answers import Answers
from elizanet.testing.openai_errors import ApiError
from elizanet.testing.planning import ArmedFault, Plan, plan
from elizanet.testing.received import ReceivedRequest
from elizanet.testing.request_reader import BadRequestError, read_request
from elizanet.testing.wire import Delivery, Wire

Script = Callable[[ReceivedRequest, Wire], Awaitable[None]]
Observer = Callable[[ReceivedRequest, str], None]

LINGER = 1.0
"""Seconds a client has to read why its request was not read to its end."""


class Upstream:
    """A provider on this machine, working or failing as it is told.

        async with Upstream(name="primary", faults=["status=503,times=2"]) as upstream:
            ...  # upstream.base_url is the base URL of a client

    `name` signs the answers. `faults` are `Fault`s or their text (`elizanet.testing.faults`).
    `models`: the only models it serves; None serves any. `api_key`: the bearer key it
    asks for; None asks for none. `port` 0 takes a free one. `latency` and `chunk_delay`:
    seconds before each answer and before each event of a stream. `on_request` is called
    with every request and what is done with it, before it is done. `record=False` keeps
    neither `requests` nor `peer_closed_at`, for a provider that runs for long.

    Raises `ConfigurationError` for a fault that cannot be, `OSError` if it cannot listen.
    """

    def __init__(
        self,
        name: str = "upstream",
        faults: Iterable[Fault | str] = (),
        *,
        models: Sequence[str] | None = None,
        api_key: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        latency: float = 0.0,
        chunk_delay: float = 0.0,
        on_request: Observer | None = None,
        record: bool = True,
    ) -> None:
        self.name = name
        self._answers = Answers(name, None if models is None else tuple(models), api_key)
        self._address = (host, port)
        self._delivery = Delivery(delay=latency, event_interval=chunk_delay)
        self._on_request = on_request
        self._script: Script | None = None
        self._clients = Clients(self._serve, record=record)
        self._requests = Journal[ReceivedRequest](keep=record)
        self._received = 0
        self._listener: Listener | None = None
        self._armed = _armed(faults)

    # What a test does with it

    @property
    def base_url(self) -> str:
        """The base URL, with `/v1`. Raises `RuntimeError` before the provider runs."""
        if self._listener is None:
            raise RuntimeError("the provider does not run yet: use `async with`")
        host = self._address[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{self._listener.port}/v1"

    @property
    def requests(self) -> list[ReceivedRequest]:
        """The requests received, in order; a list of its own that may be cleared."""
        return self._requests.entries

    @property
    def connections_open(self) -> int:
        """How many connections are open now."""
        return len(self._clients)

    @property
    def connections_total(self) -> int:
        """How many connections there have been."""
        return self._clients.total

    @property
    def peer_closed_at(self) -> tuple[float, ...]:
        """When (the event loop's time, seconds) clients closed connections, one each."""
        return tuple(self._clients.left_at.entries)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults at work; assign others, or their text, at any time."""
        return tuple(armed.fault for armed in self._armed)

    @faults.setter
    def faults(self, faults: Iterable[Fault | str]) -> None:
        self._armed = _armed(faults)
        self._listen()

    def fail(self, *faults: Fault | str) -> None:
        """Fail with these faults, and no others, from the next request on."""
        self.faults = faults

    def heal(self) -> None:
        """Work again: no faults, no script."""
        self._script = None
        self.faults = ()

    def script(self, script: Script | None) -> None:
        """Let `script(request, wire)` answer every request, in the place of all else.

        Unless it wrote a whole answer (`wire.reply`), the connection is closed when it
        returns. What it raises is raised where the provider is left.
        """
        self._script = script

    async def wait_received(self, count: int = 1, timeout: float = 5.0) -> ReceivedRequest:
        """Wait until `count` requests were received in all; returns the last of them.

        Raises `TimeoutError` after `timeout` seconds.
        """
        return await self._requests.wait(count, timeout)

    async def wait_closed_by_peer(self, count: int = 1, timeout: float = 5.0) -> float:
        """Wait until clients have closed `count` connections in all; returns when they had.

        Raises `TimeoutError` after `timeout` seconds.
        """
        return await self._clients.left_at.wait(count, timeout)

    async def __aenter__(self) -> Self:
        self._listener = Listener(*self._address, self._clients.accept)
        self._listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._listener is not None:
            await self._listener.aclose()
        await self._clients.aclose()
        if self._clients.errors and error is None:
            raise self._clients.errors[0]

    def __repr__(self) -> str:
        where = "not running" if self._listener is None else self.base_url
        faults = ", ".join(map(str, self.faults)) or "no faults"
        told = f"{self._received} requests, {self.connections_open} connections open"
        return f"<Upstream {self.name} [{where}] {faults}; {told}>"

    # What happens to a connection and to each request on it

    def _listen(self) -> None:
        if self._listener is None:
            return
        if any(fault.kind.closes_listener for fault in self.faults):
            self._listener.refuse()
            self._clients.abort()
        else:
            self._listener.open()

    async def _serve(self, connection: Connection) -> None:
        with suppress(ConnectionError):
            try:
                while request := await read_request(connection):
                    if not await self._answer(connection, request):
                        return
            except BadRequestError as bad:
                error = ApiError(bad.status, "invalid_request_error", str(bad))
                wire = Wire(connection, Delivery(), (), keep_alive=False)
                await wire.reply(error.reply())
                await connection.linger(LINGER)

    async def _answer(self, connection: Connection, request: ReceivedRequest) -> bool:
        """Answer one request; returns whether the connection can carry another."""
        self._received += 1
        self._requests.add(request)
        if connection.peer_left_at is not None:
            return False
        planned = self._plan(request)
        self._tell(request, planned.outcome)
        headers = (("x-request-id", f"req_{self.name}_{self._received}"),)
        keep_alive = request.header("connection").lower() != "close"
        wire = Wire(connection, planned.delivery, headers, keep_alive=keep_alive)
        connection.answering = True
        await asyncio.sleep(planned.delivery.delay)
        await planned.write(wire)
        connection.answering = False
        return wire.complete and keep_alive

    def _plan(self, request: ReceivedRequest) -> Plan:
        if self._script is not None:
            return Plan("script", self._delivery, partial(self._script, request))
        good = self._answers.answer(request, self.base_url, self._received)
        return plan(self._armed, self._delivery, request, good)

    def _tell(self, request: ReceivedRequest, outcome: str) -> None:
        if self._on_request is not None:
            self._on_request(request, outcome)


def _armed(faults: Iterable[Fault | str]) -> tuple[ArmedFault, ...]:
    return tuple(
        ArmedFault(Fault.parse(fault) if isinstance(fault, str) else fault) for fault in faults
    )
