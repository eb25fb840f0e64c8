"""A gateway on a free port, and a client that hides nothing of what it hears."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest

from elizanet.gateway.reload import ReloadableGateway
from elizanet.gateway.server import GatewayServer, listen, new_event_loop
from elizanet.router import Router
from elizanet.settings import (
    CallerSettings,
    GatewaySettings,
    HealthSettings,
    ProviderSettings,
    RouteSettings,
    Secret,
    Settings,
    TargetSettings,
    Timeouts,
)
from elizanet.telemetry import Sink

HEAD_END = b"\r\n\r\n"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run these tests on the event loop that `elizanet serve` runs on."""
    return {"served": new_event_loop}


@dataclass(frozen=True)
class Heard:
    """One answer as it came over the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    chunks: tuple[bytes, ...] = ()

    def header(self, name: str) -> str | None:
        """The only value of a header, or None; more than one is a mistake."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, (name, values)
        return values[0] if values else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        error = self.json["error"]
        assert {"message", "type", "code", "param"} <= set(error)
        return error


class Connection:
    """A caller's connection: raw bytes out, whole answers in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, raw: bytes) -> None:
        self.writer.write(raw)

    async def hear(self, *, head_only: bool = False) -> Heard:
        """Read one answer, framed as it says it is."""
        head = (await self.reader.readuntil(HEAD_END)).decode("latin-1")
        first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        headers = tuple((line.split(": ", 1)[0], line.split(": ", 1)[1]) for line in lines)
        heard = Heard(int(first.split(" ")[1]), headers, b"")
        if head_only:
            return heard
        if heard.header("transfer-encoding") == "chunked":
            chunks = [chunk async for chunk in self.chunks()]
            return Heard(heard.status, headers, b"".join(chunks), tuple(chunks))
        length = int(heard.header("content-length") or 0)
        return Heard(heard.status, headers, await self.reader.readexactly(length))

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read the chunks of a body until its proper end."""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]
        assert await self.reader.readexactly(2) == b"\r\n"

    async def ended(self) -> bytes:
        """Read until the gateway closes; a reset is an end too."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""

    def leave(self) -> None:
        self.writer.transport.abort()


@dataclass
class Running:
    """A gateway that answers on `port`; to another gateway it is a provider."""

    port: int
    server: GatewayServer
    app: ReloadableGateway
    connections: list[Connection] = field(default_factory=list)

    name = "gateway"

    @property
    def router(self) -> Router:
        """The router of the settings in force."""
        return self.app.router

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @staticmethod
    def request(path: str, body: bytes, *headers: str, method: str = "POST") -> bytes:
        """Return a request with a content-length."""
        return request(path, body, *headers, method=method)

    async def connect(self) -> Connection:
        connection = Connection(*await asyncio.open_connection("127.0.0.1", self.port))
        self.connections.append(connection)
        return connection

    async def ask(
        self,
        path: str = "/v1/chat/completions",
        body: bytes = CHAT,
        *headers: str,
        method: str = "POST",
    ) -> Heard:
        """Ask on a connection of its own."""
        connection = await self.connect()
        connection.send(request(path, body, *headers, method=method))
        try:
            async with asyncio.timeout(20):
                return await connection.hear(head_only=method == "HEAD")
        finally:
            connection.leave()

    async def get(self, path: str, *headers: str) -> Heard:
        return await self.ask(path, b"", *headers, method="GET")

    async def settle(self) -> None:
        """Wait until no call is under way."""
        async with asyncio.timeout(5):
            while self.server.connections.tasks:
                await asyncio.sleep(0.005)


def request(path: str, body: bytes, *headers: str, method: str = "POST") -> bytes:
    """A request with a content-length, and with a host of its own unless one is given."""
    host = () if any(line.lower().startswith("host:") for line in headers) else ("Host: localhost",)
    lines = [f"{method} {path} HTTP/1.1", *host, *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + HEAD_END + body


class Provider(Protocol):
    """Something with a name and an address: an `Upstream`, or another gateway."""

    @property
    def name(self) -> str: ...

    @property
    def base_url(self) -> str: ...


def settings_for(
    providers: Sequence[Provider],
    *,
    model: str = "gpt-4o",
    target_model: str = "*",
    keys: Sequence[str] = (),
    callers: Sequence[CallerSettings] = (),
    max_body: int = 1 << 20,
    max_in_flight: int = 1000,
    drain: float = 120.0,
    host: str = "127.0.0.1",
    passthrough: str | None = None,
    timeouts: Timeouts | None = None,
    check_every: float = 0,
) -> Settings:
    """Settings of one chain through the providers, in order; nobody asks them but callers."""
    names = [provider.name for provider in providers]
    return Settings(
        gateway=GatewaySettings(
            callers=(
                *(CallerSettings(f"key-{n}", Secret(k)) for n, k in enumerate(keys, 1)),
                *callers,
            ),
            max_body=max_body,
            max_in_flight=max_in_flight,
            drain=drain,
            host=host,
            passthrough=passthrough,
        ),
        providers={
            each.name: ProviderSettings(
                each.name, each.base_url, (Secret(f"sk-of-{each.name}-0123456789"),)
            )
            for each in providers
        },
        routes=(RouteSettings(model, tuple(TargetSettings(n, target_model) for n in names)),),
        timeouts=timeouts or Timeouts(attempt=5.0, first_event=5.0, stall=5.0),
        health=HealthSettings(interval=check_every),
    )


@asynccontextmanager
async def serving(
    settings: Settings,
    sockets: list[socket.socket] | None = None,
    sinks: tuple[Sink, ...] = (),
) -> AsyncIterator[Running]:
    """Serve, by default on a free port; afterwards nothing of it may be left."""
    before = asyncio.all_tasks()
    sockets = sockets or listen("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    async with ReloadableGateway(settings, sinks=sinks) as app:
        server = GatewayServer(app)
        task = asyncio.create_task(server.serve(sockets))
        running = Running(port, server, app)
        try:
            yield running
        finally:
            for connection in running.connections:
                connection.leave()
            server.stop(by_person=True)
            await task
    await asyncio.sleep(0)
    new = asyncio.all_tasks() - before
    left = [task for task in new if "elizanet/testing" not in repr(task)]
    assert not left, left


async def until(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


Serve = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def serve() -> Serve:
    """How to serve a chain: `async with` it, giving the providers in order, and `keys` etc."""

    def served(
        *providers: Provider,
        sockets: list[socket.socket] | None = None,
        sinks: tuple[Sink, ...] = (),
        **changes: Any,
    ) -> AbstractAsyncContextManager[Running]:
        return serving(settings_for(providers, **changes), sockets, sinks)

    return served
