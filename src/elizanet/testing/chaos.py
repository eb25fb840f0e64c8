"""A TCP proxy that makes a connection worse, between any client and any provider.

    async with Upstream() as upstream, ChaosProxy(upstream.base_url) as proxy:
        ...                                   # the client's base URL is proxy.base_url
        proxy.toxics = [Latency(0.2, jitter=0.1), Slicer(3)]
        proxy.toxics = [ResetPeer(after=2000)]
        proxy.toxics = []                     # all is well again

The toxics are those of Toxiproxy. They may be changed at any time and then hold for open
connections too.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from elizanet.testing.chaos_flow import Closed, Flow
from elizanet.testing.chaos_toxics import Refuse, Toxic
from elizanet.testing.connection import reset
from elizanet.testing.listener import Listener

_PORTS = {"http": 80, "https": 443}


class ChaosProxy:
    """Forwards connections to `target`, the base URL of a provider, as its toxics allow.

    `seed`: of the chance in jitter and cuts. `port` 0 takes a free one. A provider that
    cannot be reached is a reset for the client. Raises `ValueError` for
    a URL without a host, `OSError` if it cannot listen.
    """

    def __init__(
        self,
        target: str,
        toxics: Iterable[Toxic] = (),
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
    ) -> None:
        self._url = urlsplit(target)
        if not self._url.hostname or self._url.scheme not in _PORTS:
            raise ValueError(f"the target {target!r} is no http or https URL with a host")
        self._target = (self._url.hostname, self._url.port or _PORTS[self._url.scheme])
        self._address = (host, port)
        self._chance = random.Random(seed)  # noqa: S311 -- no secret
        self._toxics = tuple(toxics)
        self._links: set[_Link] = set()
        self._listener: Listener | None = None
        self.connections_total = 0

    def __repr__(self) -> str:
        where = "not running" if self._listener is None else self.base_url
        toxics = ", ".join(map(repr, self._toxics)) or "no toxics"
        host, port = self._target
        return f"<ChaosProxy [{where}] to {host}:{port}; {toxics}; {self.connections_open} open>"

    @property
    def base_url(self) -> str:
        """The target's URL, through the proxy. Raises `RuntimeError` before it runs."""
        if self._listener is None:
            raise RuntimeError("the proxy does not run yet: use `async with`")
        host = self._address[0]
        netloc = f"{f'[{host}]' if ':' in host else host}:{self._listener.port}"
        return self._url._replace(netloc=netloc).geturl()

    @property
    def connections_open(self) -> int:
        """How many connections are open now."""
        return len(self._links)

    @property
    def toxics(self) -> tuple[Toxic, ...]:
        """What is wrong; assign others at any time."""
        return self._toxics

    @toxics.setter
    def toxics(self, toxics: Iterable[Toxic]) -> None:
        self._toxics = tuple(toxics)
        for link in self._links:
            link.afflict(self._toxics)
        self._listen()

    async def __aenter__(self) -> Self:
        self._listener = Listener(*self._address, self._accept)
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
        tasks = [link.task for link in self._links]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _listen(self) -> None:
        if self._listener is None:
            return
        if any(isinstance(toxic, Refuse) for toxic in self._toxics):
            self._listener.refuse()
        else:
            self._listener.open()

    def _accept(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._connected)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections_total += 1
        link = _Link(reader, writer, self._target, self._toxics, self._chance)
        self._links.add(link)
        link.task.add_done_callback(lambda _: self._links.discard(link))


class _Link:
    """A client's connection and the one behind it; its task carries both directions."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        target: tuple[str, int],
        toxics: Sequence[Toxic],
        chance: random.Random,
    ) -> None:
        self._client = reader, writer
        self._writers = [writer]
        self._target = target
        self._chance = chance
        self._flows: dict[str, Flow] = {}
        self._toxics = toxics
        self.task = asyncio.get_running_loop().create_task(self._run())

    def afflict(self, toxics: Sequence[Toxic]) -> None:
        self._toxics = toxics
        for side, flow in self._flows.items():
            flow.afflict([toxic for toxic in toxics if toxic.toward == side])

    async def _run(self) -> None:
        try:
            await self._carry()
            for writer in self._writers:  # in order: what is still to be sent is
                writer.close()
            for writer in self._writers:
                with suppress(OSError):
                    await writer.wait_closed()
        finally:
            for writer in self._writers:
                writer.transport.abort()

    async def _carry(self) -> None:
        try:
            await self._forward()
        except* Closed:
            pass
        except* OSError:  # a toxic's reset, one of the two sides', or nobody is there
            for writer in self._writers:
                reset(writer.transport)

    async def _forward(self) -> None:
        reader, writer = self._client
        server_reader, server_writer = await asyncio.open_connection(*self._target)
        self._writers.append(server_writer)
        self._flows = {
            "server": Flow(reader, server_writer, (), self._chance),
            "client": Flow(server_reader, writer, (), self._chance),
        }
        self.afflict(self._toxics)
        async with asyncio.TaskGroup() as tasks:
            for flow in self._flows.values():
                tasks.create_task(flow.receive())
                tasks.create_task(flow.send())
