"""The proxy does to a connection what its toxics say, and nothing else."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from elizanet.testing import (
    Bandwidth,
    ChaosProxy,
    Latency,
    LimitData,
    Refuse,
    ResetPeer,
    Silence,
    Slicer,
    SlowClose,
    Toxic,
    Upstream,
)
from support.raw_server import raw_server

SOON = 0.15
"""Seconds in which nothing comes that is not to come."""


class Caller:
    """A connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def exactly(self, size: int) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.readexactly(size)

    async def rest(self) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.read()

    async def hears_nothing(self) -> bool:
        try:
            async with asyncio.timeout(SOON):
                return not await self.reader.read(1)
        except TimeoutError:
            return True


@asynccontextmanager
async def echo(
    *toxics: Toxic,
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] | None = None,
) -> AsyncIterator[tuple[ChaosProxy, Callable[[], Awaitable[Caller]]]]:
    """A server that says back what it hears, a proxy before it, and how to connect."""

    async def say_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    callers: list[Caller] = []
    async with raw_server(talk or say_back) as server, ChaosProxy(server.url, toxics) as proxy:

        async def connect() -> Caller:
            port = int(proxy.base_url.split(":")[2].split("/")[0])
            callers.append(Caller(*await asyncio.open_connection("127.0.0.1", port)))
            return callers[-1]

        try:
            yield proxy, connect
        finally:
            for caller in callers:
                caller.writer.transport.abort()


async def test_without_toxics_every_byte_comes_through_in_order() -> None:
    """Megabytes in both directions at once, and the end of each."""
    data = random.Random(1).randbytes(3_000_000)
    async with echo() as (proxy, connect):
        caller = await connect()
        caller.writer.write(data)
        caller.writer.write_eof()
        assert await caller.rest() == data
        assert proxy.connections_total == 1
        async with asyncio.timeout(1):
            while proxy.connections_open:
                await asyncio.sleep(0.001)


async def test_the_url_is_the_target_s_but_for_host_and_port() -> None:
    """So that it takes the place of a provider's base URL."""
    proxy = ChaosProxy("http://localhost:1/some/v1")
    with pytest.raises(RuntimeError, match="async with"):
        _ = proxy.base_url
    assert repr(proxy) == "<ChaosProxy [not running] to localhost:1; no toxics; 0 open>"
    async with proxy:
        assert proxy.base_url.startswith("http://127.0.0.1:")
        assert proxy.base_url.endswith("/some/v1")
        proxy.toxics = [Latency(0.2)]
        assert f"{proxy.base_url}] to localhost:1; Latency(toward='client', sec" in repr(proxy)


@pytest.mark.parametrize("target", ["127.0.0.1:80", "ftp://host/", "http://", "/v1"])
def test_a_target_that_is_no_url_is_refused(target: str) -> None:
    """With the text that is wrong."""
    with pytest.raises(ValueError, match="no http or https URL"):
        ChaosProxy(target)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Latency(-1), "Latency.seconds is -1, but must be at least 0"),
        (lambda: Bandwidth(0), "Bandwidth.bytes_a_second is 0, but must be at least 1"),
        (lambda: Slicer(0), "Slicer.size is 0, but must be at least 1"),
        (lambda: Slicer(5, -0.1), "Slicer.seconds is -0.1, but must be at least 0"),
        (lambda: LimitData(-5), "LimitData.after is -5, but must be at least 0"),
    ],
)
def test_a_toxic_that_cannot_be_is_refused(make: Callable[[], Toxic], told: str) -> None:
    """In one sentence that names the number."""
    with pytest.raises(ValueError, match=told):
        make()


async def test_latency_delays_and_does_not_slow_down() -> None:
    """Ten pieces sent 20 ms apart arrive 20 ms apart, each of them late."""
    async with echo(Latency(0.3)) as (_, connect):
        caller = await connect()
        began = time.perf_counter()
        for number in range(10):
            caller.writer.write(bytes([number]))
            await asyncio.sleep(0.02)
        assert await caller.exactly(1) == b"\0"
        assert time.perf_counter() - began >= 0.3
        assert await caller.exactly(9) == bytes(range(1, 10))
        assert time.perf_counter() - began < 1.5  # 3 s if one waited for the other


async def test_jitter_varies_a_latency_within_its_bounds_and_keeps_the_order() -> None:
    """With the same seed in the same way."""
    toxic = Latency(0.2, jitter=0.1)
    assert [toxic.held(draw) for draw in (-1, 0, 1)] == pytest.approx([0.1, 0.2, 0.3])
    assert Latency(0.1, jitter=0.3).held(-1) == 0
    async with echo(Latency(0.02, jitter=0.02)) as (_, connect):
        caller = await connect()
        for number in range(50):
            caller.writer.write(bytes([number]))
            await asyncio.sleep(0)
        assert await caller.exactly(50) == bytes(range(50))


async def test_a_latency_that_is_taken_away_holds_nothing_back_any_more() -> None:
    """Also not what came while it was there."""
    async with echo(Latency(3600)) as (proxy, connect):
        caller = await connect()
        caller.writer.write(b"late")
        assert await caller.hears_nothing()
        proxy.toxics = []
        assert await caller.exactly(4) == b"late"


async def test_bandwidth_is_a_limit_from_the_first_byte_on() -> None:
    """20 kB at 40 kB/s take half a second, and begin to come at once."""
    async with echo(Bandwidth(40_000)) as (_, connect):
        caller = await connect()
        began = time.perf_counter()
        caller.writer.write(bytes(20_000))
        await caller.exactly(1)
        assert time.perf_counter() - began < 0.3
        await caller.exactly(19_999)
        assert time.perf_counter() - began > 0.4


async def test_a_slicer_cuts_anywhere_and_loses_nothing() -> None:
    """Pieces of random sizes up to its own, so that every position is hit."""
    async with echo(Slicer(7, seconds=0.001)) as (_, connect):
        caller = await connect()
        data = random.Random(2).randbytes(300)
        caller.writer.write(data)
        pieces: list[bytes] = []
        while sum(map(len, pieces)) < 300:
            pieces.append(await caller.reader.read(65536))
        assert b"".join(pieces) == data
        assert len(pieces) > 30


async def test_a_slow_close_holds_only_the_end_back() -> None:
    """The bytes come at once, the end of the stream when it was told to."""
    async with echo(SlowClose(0.4)) as (_, connect):
        caller = await connect()
        began = time.perf_counter()
        caller.writer.write(b"all of it")
        caller.writer.write_eof()
        assert await caller.exactly(9) == b"all of it"
        assert time.perf_counter() - began < 0.3
        assert await caller.rest() == b""
        assert time.perf_counter() - began >= 0.4


async def test_silence_lets_its_share_through_and_keeps_the_connection() -> None:
    """What was sent meanwhile arrives when it ends."""
    async with echo(Silence(after=3)) as (proxy, connect):
        caller = await connect()
        caller.writer.write(b"onetwo")
        assert await caller.exactly(3) == b"one"
        assert await caller.hears_nothing()
        assert proxy.connections_open == 1
        proxy.toxics = []
        assert await caller.exactly(3) == b"two"


async def test_limit_data_closes_in_order_after_its_share() -> None:
    """Exactly that many bytes arrive; then comes the end."""
    async with echo(LimitData(after=1000)) as (_, connect):
        caller = await connect()
        caller.writer.write(bytes(5000))
        assert await caller.rest() == bytes(1000)


async def test_reset_peer_resets_both_sides() -> None:
    """The client after its share of bytes; the server too, at once."""
    reset_by_peer = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        try:
            await reader.read()
        except ConnectionResetError:
            reset_by_peer.set()

    async with echo(ResetPeer(after=5), talk=talk) as (_, connect):
        caller = await connect()
        with pytest.raises(ConnectionResetError):
            await caller.rest()
        async with asyncio.timeout(1):
            await reset_by_peer.wait()


async def test_a_reset_strikes_connections_that_are_open_and_idle() -> None:
    """Assigning it is enough; no byte has to come first."""
    async with echo() as (proxy, connect):
        callers = [await connect() for _ in range(3)]
        for caller in callers:
            caller.writer.write(b"x")
            await caller.exactly(1)
        proxy.toxics = [ResetPeer()]
        for caller in callers:
            with pytest.raises(ConnectionResetError):
                await caller.rest()


async def test_the_first_of_several_shares_decides() -> None:
    """Whichever has the fewest bytes, in any order."""
    for toxics in ((LimitData(10), Silence(20)), (Silence(20), LimitData(10))):
        async with echo(*toxics) as (_, connect):
            caller = await connect()
            caller.writer.write(bytes(100))
            assert await caller.rest() == bytes(10)


async def test_bytes_are_counted_from_when_the_toxics_were_assigned() -> None:
    """A connection that has carried much is cut after the share, not at once."""
    async with echo() as (proxy, connect):
        caller = await connect()
        caller.writer.write(bytes(500))
        await caller.exactly(500)
        proxy.toxics = [LimitData(100)]
        caller.writer.write(bytes(500))
        assert await caller.rest() == bytes(100)


async def test_a_toxic_toward_the_server_leaves_answers_alone() -> None:
    """And the other way round."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"welcome")
        writer.write(b"heard %d" % len(await reader.readexactly(3)))
        await reader.read(1)
        writer.write(b"more")

    async with echo(Silence(3, toward="server"), talk=talk) as (proxy, connect):
        caller = await connect()
        caller.writer.write(b"onetwo")
        assert await caller.exactly(14) == b"welcomeheard 3"
        assert await caller.hears_nothing()
        proxy.toxics = []
        assert await caller.exactly(4) == b"more"


async def test_refused_connections_come_back_on_the_same_port() -> None:
    """Those that are open stay open."""
    async with echo() as (proxy, connect):
        caller = await connect()
        caller.writer.write(b"x")
        await caller.exactly(1)
        for _ in range(3):
            proxy.toxics = [Refuse()]
            with pytest.raises(ConnectionRefusedError):
                await connect()
            caller.writer.write(b"y")
            assert await caller.exactly(1) == b"y"
            proxy.toxics = []
            await connect()


async def test_a_target_that_refuses_is_a_reset() -> None:
    """The proxy has accepted by then; it can say no later only."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        async with ChaosProxy(f"http://127.0.0.1:{nobody.getsockname()[1]}") as proxy:
            port = int(proxy.base_url.split(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()


@pytest.mark.parametrize("toxic", [None, Latency(60), Silence(), Bandwidth(1), SlowClose(60)])
async def test_leaving_the_proxy_leaves_nothing_behind(toxic: Toxic | None) -> None:
    """No task and no open connection, whatever was held back."""
    before = asyncio.all_tasks()
    async with echo(*[toxic] if toxic else []) as (proxy, connect):
        caller = await connect()
        caller.writer.write(bytes(1_000_000))
        await asyncio.sleep(0.05)
        assert proxy.connections_open == 1
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before
    assert proxy.connections_open == 0


async def test_a_client_that_leaves_is_gone_for_the_provider_at_once() -> None:
    """By a close as by a reset, also while the answer is held back."""
    for linger in (None, struct.pack("ii", 1, 0)):
        async with Upstream(faults=["hang"]) as upstream, ChaosProxy(upstream.base_url) as proxy:
            port = int(proxy.base_url.split(":")[2].split("/")[0])
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n")
            await upstream.wait_received()
            if linger is not None:
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            began = time.perf_counter()
            writer.transport.abort()
            await upstream.wait_closed_by_peer()
            assert time.perf_counter() - began < 0.1


async def test_a_slow_reader_slows_the_sender_down() -> None:
    """The proxy holds a bounded number of bytes for it."""
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while True:
            writer.write(bytes(100_000))
            await writer.drain()
            sent += 100_000

    async with echo(Silence(), talk=talk) as (_, connect):
        await connect()
        await asyncio.sleep(0.3)
        stopped_at = sent
        await asyncio.sleep(0.2)
        assert sent == stopped_at
        assert sent < 16_000_000


async def test_it_stands_between_a_library_and_a_provider(
    make_settings: Callable[..., object],
) -> None:
    """An answer of the provider comes through slices of one byte unharmed."""
    from elizanet import Elizanet, ModelType

    async with Upstream("primary") as upstream:
        async with ChaosProxy(upstream.base_url, [Slicer(1)]) as proxy:
            settings = make_settings(_Named("primary", proxy.base_url))
            async with Elizanet(settings) as net:  # type: ignore[arg-type]
                answer = await net.use_model(ModelType.TEXT_SMALL, {"prompt": "Hello"})
        assert answer
        assert len(upstream.requests) == 1


class _Named:
    def __init__(self, name: str, base_url: str) -> None:
        self.name = name
        self.base_url = base_url
