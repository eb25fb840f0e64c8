"""Streams that break, and readers that are slow."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING

import pytest

from elizanet.call import Event, EventKind
from elizanet.errors import FailureClass
from elizanet.settings import Timeouts
from elizanet.stream import CommittedAnswer
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from elizanet.testing import ReceivedRequest, Wire
    from gateway.conftest import Running, Serve

STREAM = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"stream":true}'
SHORT = Timeouts(total=5.0, attempt=0.3, first_event=0.3, stall=0.3)

BREAKS = (
    "cut_stream=2",
    "cut_stream=2,how=reset",
    "cut_stream=2,how=clean",
    "stall_stream=2",
    "error_event=2",
    "no_finish",
)


@pytest.mark.parametrize("fault", BREAKS)
async def test_a_broken_stream_ends_with_an_error_and_without_done(
    serve: Serve, primary: Upstream, backup: Upstream, fault: str
) -> None:
    """What came is passed on, the rest is an honest error event, and nobody else is asked."""
    primary.fail(fault)
    async with serve(primary, backup, timeouts=SHORT) as gateway:
        heard = await gateway.ask(body=STREAM)
    assert heard.status == 200
    assert b"data: [DONE]" not in heard.body
    assert b"primary" in heard.body
    *_, last, rest = heard.body.split(b"\n\n")
    assert rest == b""
    error = json.loads(last.removeprefix(b"data: "))["error"]
    assert error["type"] == error["code"] == "stream_interrupted"
    assert error["param"] is None
    assert error["partial"] is True
    assert error["message"] not in {"", "the gateway failed"}
    assert backup.requests == []


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n", b"\r"])
async def test_the_error_is_no_part_of_an_event_that_was_cut(
    serve: Serve, primary: Upstream, ending: bytes
) -> None:
    """An event whose blank line never came is ended before the error begins."""
    first = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
    second = b'data: {"choices":[{"index":0,"delta":{"content":"b"}}]}' + ending

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        await wire.write(first + second)

    primary.script(script)
    async with serve(primary) as gateway:
        heard = await gateway.ask(body=STREAM)
    lines = heard.body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    error = lines.index(next(line for line in lines if b"partial" in line))
    assert lines[error - 1] == b""
    assert lines[error].startswith(b'data: {"error":')


async def test_a_fault_of_ours_inside_a_stream_is_no_end_either(
    serve: Serve,
    primary: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever stops the relay, the caller is told that the answer is not whole."""
    events = [Event(b'data: {"a":1}\n\n', b'{"a":1}', EventKind.CONTENT)]

    async def broken(_answer: CommittedAnswer) -> Event:
        if events:
            return events.pop()
        raise RuntimeError("a bug")

    monkeypatch.setattr(CommittedAnswer, "next", broken)
    async with serve(primary) as gateway:
        heard = await gateway.ask(body=STREAM)
    assert heard.body.startswith(b'data: {"a":1}\n\ndata: {"error":')
    assert FailureClass.STREAM_INTERRUPTED.encode() in heard.body
    assert b"data: [DONE]" not in heard.body
    assert "a bug" in caplog.text


FLOOD_EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % (b"x" * 50_000)


async def test_a_slow_reader_slows_the_provider_down(serve: Serve, primary: Upstream) -> None:
    """While the caller does not read, the gateway stops taking from the provider."""
    sent = 0

    async def flood(_request: ReceivedRequest, wire: Wire) -> None:
        nonlocal sent
        await wire.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        while True:
            await wire.write(FLOOD_EVENT)
            sent += len(FLOOD_EVENT)

    primary.script(flood)
    loop = asyncio.get_running_loop()
    async with serve(primary) as gateway:
        with await deaf_caller(gateway) as caller:
            await asyncio.sleep(0.5)
            stalled = sent
            await asyncio.sleep(0.5)
            assert sent == stalled < 64 << 20
            received = 0
            async with asyncio.timeout(10):
                while received < stalled:
                    received += len(await loop.sock_recv(caller, 1 << 20))
            assert sent > stalled
        await primary.wait_closed_by_peer()


async def test_a_caller_who_never_reads_does_not_keep_the_gateway_up(
    serve: Serve, primary: Upstream
) -> None:
    """When the time to finish is over, what cannot be sent is given up."""

    async def flood(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        while True:
            await wire.write(FLOOD_EVENT)

    primary.script(flood)
    async with serve(primary, drain=0.2) as gateway:
        with await deaf_caller(gateway):
            await asyncio.sleep(0.3)
            gateway.server.stop()
            began = asyncio.get_running_loop().time()
            await primary.wait_closed_by_peer()
            async with asyncio.timeout(4):
                while gateway.server.connections.connections:
                    await asyncio.sleep(0.01)
            assert asyncio.get_running_loop().time() - began < 4


async def deaf_caller(gateway: Running) -> socket.socket:
    """A caller who asks for a stream and, with little room for it, does not read."""
    loop = asyncio.get_running_loop()
    caller = socket.socket()
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
    caller.setblocking(False)
    await loop.sock_connect(caller, ("127.0.0.1", gateway.port))
    await loop.sock_sendall(caller, gateway.request("/v1/chat/completions", STREAM))
    return caller
