"""Callers who do not read what they asked for: bounded, and given up in time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from elizanet.gateway import write_watch
from elizanet.gateway.write_watch import HIGH_WATER, WriteWatch
from elizanet.testing import ReceivedRequest, Upstream, Wire
from gateway.conftest import until

if TYPE_CHECKING:
    from gateway.conftest import Running, Serve

CHATS = "/v1/chat/completions"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
STREAM = CHAT[:-1] + b',"stream":true}'
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % (b"x" * 4000)
SILENCE_S = 0.5


async def flood(_request: ReceivedRequest, wire: Wire) -> None:
    """A stream without end, as fast as it is taken."""
    await wire.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
    while True:
        await wire.write(EVENT)


def whole(size: int) -> Callable[[ReceivedRequest, Wire], Awaitable[None]]:
    """A whole answer of that size."""
    content = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"%b"}}]}'
    body = content % (b"x" * size)

    async def answer(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (len(body), body)
        )

    return answer


async def asking(gateway: Running, body: bytes, *headers: str) -> socket.socket:
    """A caller with little room who has asked and does not read."""
    loop = asyncio.get_running_loop()
    caller = socket.socket()
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    caller.setblocking(False)
    await loop.sock_connect(caller, ("127.0.0.1", gateway.port))
    await loop.sock_sendall(caller, gateway.request(CHATS, body, *headers))
    return caller


async def read(caller: socket.socket, pieces: int, pause: float) -> int:
    """Read pieces slowly; returns how much it was."""
    loop = asyncio.get_running_loop()
    received = 0
    for _ in range(pieces):
        await asyncio.sleep(pause)
        received += len(await loop.sock_recv(caller, 65_536))
    return received


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_watch, "SILENCE_S", SILENCE_S)


async def test_a_stream_that_nobody_reads_is_cut_and_its_provider_too(
    serve: Serve, primary: Upstream
) -> None:
    """What waits for the caller is bounded, and does not wait for ever."""
    primary.script(flood)
    async with serve(primary) as gateway:
        with await asking(gateway, STREAM):
            began = asyncio.get_running_loop().time()
            async with asyncio.timeout(10):
                while not gateway.server.connections.connections:
                    await asyncio.sleep(0.01)
                (connection,) = gateway.server.connections
                most = 0
                while gateway.server.connections.connections:
                    most = max(most, connection.transport.get_write_buffer_size())
                    await asyncio.sleep(0.01)
            assert most <= HIGH_WATER + 2 * len(EVENT)
            assert asyncio.get_running_loop().time() - began >= SILENCE_S
            await primary.wait_closed_by_peer()
            await gateway.settle()


async def test_a_slow_reader_is_not_cut(serve: Serve, primary: Upstream) -> None:
    """Progress counts, not pace."""
    primary.script(flood)
    async with serve(primary) as gateway:
        with await asking(gateway, STREAM) as caller:
            assert await read(caller, pieces=12, pause=SILENCE_S / 3) > 12_000
            assert gateway.server.connections.connections


@pytest.mark.parametrize("size", [300_000, 9_000_000])
@pytest.mark.parametrize("header", ["Connection: close", "Connection: keep-alive"])
async def test_an_answer_that_nobody_fetches_is_given_up(
    serve: Serve, primary: Upstream, header: str, size: int
) -> None:
    """Its call is over long since: only the connection is left, and it must not stay."""
    primary.script(whole(size))
    async with serve(primary) as gateway:
        with await asking(gateway, CHAT, header):
            async with asyncio.timeout(10):
                while not primary.requests or gateway.server.connections.connections:
                    await asyncio.sleep(0.02)


async def test_what_the_caller_s_system_takes_does_not_count_for_long(
    serve: Serve, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its buffer fills up at first, which takes no second silence to find out."""
    monkeypatch.setattr(write_watch, "SILENCE_S", 1.5)
    primary.script(flood)
    async with serve(primary) as gateway:
        with await asking(gateway, STREAM):
            await until(lambda: gateway.server.connections.connections)
            began = asyncio.get_running_loop().time()
            await until(lambda: not gateway.server.connections.connections)
            assert 1.5 <= asyncio.get_running_loop().time() - began < 2.5


async def test_a_large_answer_may_be_fetched_slowly(serve: Serve, primary: Upstream) -> None:
    """As long as it is fetched."""
    primary.script(whole(9_000_000))
    async with serve(primary) as gateway:
        with await asking(gateway, CHAT, "Connection: close") as caller:
            assert await read(caller, pieces=12, pause=SILENCE_S / 3) > 12_000
            assert gateway.server.connections.connections


async def test_a_watch_with_nothing_to_watch_does_nothing(serve: Serve, primary: Upstream) -> None:
    """An answer that was taken at once arms no timer."""
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(CHATS, CHAT))
        assert (await connection.hear()).status == 200
        (served,) = gateway.server.connections
        watch = WriteWatch(served.transport, asyncio.get_running_loop())
        watch.begin()
        assert repr(watch) == "<WriteWatch off unread=0>"
