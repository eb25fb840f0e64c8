"""Audio: bytes of any kind, passed on as they come, and never short without notice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from elizanet.settings import Timeouts
from elizanet.stream import CommittedAnswer
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from elizanet.testing import ReceivedRequest, Wire
    from gateway.conftest import Serve

SPEECH = b'{"model":"gpt-4o","input":"hello","voice":"alloy"}'
PATH = "/v1/audio/speech"
SHORT = Timeouts(total=5.0, attempt=0.4, first_event=0.4, stall=0.4)
FIRST, SECOND = b"\x00\xff first", b"\r\n second"


async def test_audio_comes_back_byte_for_byte(serve: Serve, primary: Upstream) -> None:
    """With its type, its length, and headers of its own."""
    audio = bytes(range(256)) * 1000

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        head = (
            b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\nx-audio-seconds: 1.5\r\n"
            b"openai-processing-ms: 7\r\ncontent-length: %d\r\n\r\n" % len(audio)
        )
        await wire.write(head + audio)

    primary.script(script)
    async with serve(primary) as gateway:
        heard = await gateway.ask(PATH, SPEECH)
    assert heard.status == 200
    assert heard.body == audio
    assert heard.header("content-type") == "audio/mpeg"
    assert heard.header("content-length") == str(len(audio))
    assert heard.header("x-audio-seconds") == "1.5"
    assert heard.header("openai-processing-ms") == "7"


async def test_the_first_byte_is_passed_on_before_the_second(
    serve: Serve, primary: Upstream
) -> None:
    """A player begins while the provider still speaks."""
    heard_first = asyncio.Event()

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(b"HTTP/1.1 200 OK\r\ncontent-type: audio/pcm\r\n")
        await wire.write(b"transfer-encoding: chunked\r\n\r\n")
        await wire.chunk(FIRST)
        await heard_first.wait()
        await wire.chunk(SECOND)
        await wire.end_stream()

    primary.script(script)
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(PATH, SPEECH))
        head = await connection.hear(head_only=True)
        assert head.header("transfer-encoding") == "chunked"
        chunks = connection.chunks()
        async with asyncio.timeout(2):
            assert await anext(chunks) == FIRST
            heard_first.set()
            assert await anext(chunks) == SECOND
            assert [chunk async for chunk in chunks] == []


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("ending", ["close", "reset", "silence"])
async def test_audio_that_breaks_is_cut_for_the_caller_too(
    serve: Serve,
    primary: Upstream,
    backup: Upstream,
    framing: str,
    ending: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No proper end: a client that trusts its framing sees that something is missing."""

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        chunked = framing == "chunked"
        size = "transfer-encoding: chunked" if chunked else "content-length: 1000"
        await wire.write(f"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n{size}\r\n\r\n".encode())
        await (wire.chunk(FIRST) if chunked else wire.write(FIRST))
        await asyncio.sleep(0.05)
        if ending == "silence":
            await wire.silence()
        elif ending == "reset":
            wire.reset()

    primary.script(script)
    async with serve(primary, backup, timeouts=SHORT) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(PATH, SPEECH))
        head = await connection.hear(head_only=True)
        assert head.status == 200
        async with asyncio.timeout(3):
            rest = await connection.ended()
    assert FIRST in rest
    assert not rest.endswith(b"0\r\n\r\n")
    assert len(rest) < 1000
    assert backup.requests == []
    assert "the gateway failed" not in caplog.text


async def test_a_fault_of_ours_inside_audio_cuts_it_and_is_recorded(
    serve: Serve,
    primary: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever stops the relay, what was sent never looks complete."""
    real, calls = CommittedAnswer.next, []

    async def broken(answer: CommittedAnswer) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("a bug")
        return await real(answer)

    monkeypatch.setattr(CommittedAnswer, "next", broken)
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(PATH, SPEECH))
        head = await connection.hear(head_only=True)
        async with asyncio.timeout(3):
            rest = await connection.ended()
    assert len(rest) < int(head.header("content-length") or 0) or b"0\r\n\r\n" not in rest[-5:]
    assert "a bug" in caplog.text


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"error":{"message":"no voice today","code":"server_error"}}'),
        ("application/json", b'{"ok":true}'),
        ("text/html", b"<html>log in</html>"),
        ("text/plain", b"busy"),
        ("audio/mpeg", b""),
    ],
)
async def test_what_is_no_audio_is_no_answer(
    serve: Serve, primary: Upstream, backup: Upstream, content_type: str, body: bytes
) -> None:
    """An error in disguise, a page or nothing moves the call."""

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n"
        await wire.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    primary.script(script)
    async with serve(primary, backup) as gateway:
        heard = await gateway.ask(PATH, SPEECH)
        alone = await gateway.ask(PATH, SPEECH, "x-elizanet-no-fallback: 1")
    assert heard.header("x-elizanet-provider") == "backup"
    assert heard.header("content-type") == "audio/mpeg"
    assert alone.status >= 400
    assert alone.header("content-type") == "application/json"
    assert alone.json["error"]["message"]


async def test_a_caller_who_stops_listening_ends_the_speech(
    serve: Serve, primary: Upstream
) -> None:
    """The provider's connection is closed within a moment."""

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(b"HTTP/1.1 200 OK\r\ncontent-type: audio/pcm\r\n\r\n")
        while True:
            await wire.write(b"x" * 100)
            await asyncio.sleep(0.01)

    primary.script(script)
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(PATH, SPEECH))
        await connection.hear(head_only=True)
        await asyncio.sleep(0.1)
        connection.leave()
        await primary.wait_closed_by_peer(timeout=1.0)
        await gateway.settle()
