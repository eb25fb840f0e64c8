"""Events that are passed on while they are being received, without a turn of the event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from elizanet.call import Event
from elizanet.settings import CallerLimits, CallerSettings, Secret, Timeouts
from elizanet.stream import CommittedAnswer
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from elizanet.testing import ReceivedRequest, Wire
    from gateway.conftest import Heard, Serve

CHATS = "/v1/chat/completions"
STREAM = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"stream":true}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
DONE = b"data: [DONE]\n\n"
STALL_S = 0.3


def event(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: %b\n\n" % json.dumps({"choices": [choice]}).encode()


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


END = chunked(event("", "stop"), DONE) + b"0\r\n\r\n"


def numbers(heard: Heard) -> Iterator[str]:
    """The texts of a stream, whose events are checked to be whole."""
    assert heard.body.endswith(b"\n\n")
    for block in heard.body.split(b"\n\n")[:-1]:
        data = block.removeprefix(b"data: ")
        if data != b"[DONE]" and (text := json.loads(data)["choices"][0]["delta"]["content"]):
            yield text


async def test_the_call_is_woken_for_the_beginning_and_the_end_only(
    serve: Serve, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many events lie between them, and however they arrive."""
    turns = 0
    usual = CommittedAnswer.next

    async def counting(answer: CommittedAnswer) -> Event | None:
        nonlocal turns
        turns += 1
        return await usual(answer)

    async def talk(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(HEAD)
        for number in range(0, 60, 3):
            await wire.write(chunked(*(event(str(number + more)) for more in range(3))))
            await asyncio.sleep(0.005)
        await wire.write(END)

    primary.script(talk)
    monkeypatch.setattr(CommittedAnswer, "next", counting)
    async with serve(primary) as gateway:
        heard = await gateway.ask(body=STREAM)
    assert list(numbers(heard)) == [str(number) for number in range(60)]
    assert heard.body.endswith(DONE)
    assert turns <= 6


async def test_several_events_of_a_segment_are_passed_on_each(
    serve: Serve, primary: Upstream
) -> None:
    """Also those that share a chunk, and one that is begun in it."""
    begun, rest = event("4")[:20], event("4")[20:]

    async def talk(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(HEAD + chunked(event("0")))
        await asyncio.sleep(0.05)
        await wire.write(chunked(event("1") + event("2"), event("3") + begun))
        await asyncio.sleep(0.05)
        await wire.write(chunked(rest) + END)

    primary.script(talk)
    async with serve(primary) as gateway:
        heard = await gateway.ask(body=STREAM)
    assert heard.chunks[:5] == tuple(event(str(number)) for number in range(5))
    assert heard.chunks[-1] == DONE


async def test_an_event_over_many_segments_is_passed_on_once_it_is_whole(
    serve: Serve, primary: Upstream
) -> None:
    """Byte by byte, inside chunks of one byte."""

    async def talk(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(HEAD + chunked(event("first")))
        await asyncio.sleep(0.02)
        for byte in event("second"):
            await wire.write(chunked(bytes([byte])))
            await asyncio.sleep(0.001)
        await wire.write(END)

    primary.script(talk)
    async with serve(primary) as gateway:
        heard = await gateway.ask(body=STREAM)
    assert heard.chunks[:2] == (event("first"), event("second"))
    assert heard.body.endswith(DONE)


@pytest.mark.parametrize("how", ["reset", "clean"])
async def test_a_break_right_after_an_event_loses_neither(
    serve: Serve, primary: Upstream, backup: Upstream, how: str
) -> None:
    """The event goes out, and the error after it."""

    async def talk(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(HEAD + chunked(event("first")))
        await asyncio.sleep(0.05)
        await wire.write(chunked(event("last")) + (b"" if how == "reset" else b"0\r\n\r\n"))

    primary.script(talk)
    async with serve(primary, backup) as gateway:
        heard = await gateway.ask(body=STREAM)
        await gateway.settle()
    first, last, error = heard.chunks
    assert (first, last) == (event("first"), event("last"))
    assert json.loads(error.removeprefix(b"data: "))["error"]["code"] == "stream_interrupted"
    assert backup.requests == []


async def test_an_error_event_that_is_pushed_is_no_content(serve: Serve, primary: Upstream) -> None:
    """It is told in the gateway's words, and what follows it is not passed on."""

    async def talk(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(HEAD + chunked(event("first")))
        await asyncio.sleep(0.05)
        trouble = b'data: {"error":{"message":"out of memory","type":"server_error"}}\n\n'
        await wire.write(chunked(event("last") + trouble + event("late")) + END)

    primary.script(talk)
    async with serve(primary) as gateway:
        heard = await gateway.ask(body=STREAM)
    assert heard.chunks[:2] == (event("first"), event("last"))
    (error,) = heard.chunks[2:]
    assert json.loads(error.removeprefix(b"data: "))["error"]["message"] == "out of memory"


async def test_a_caller_who_leaves_between_two_events_ends_the_call(
    serve: Serve, primary: Upstream
) -> None:
    """The provider is told at once, though nothing waits for its next event."""

    async def talk(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(HEAD)
        while True:
            await wire.write(chunked(event("more")))
            await asyncio.sleep(0.01)

    primary.script(talk)
    async with serve(primary) as gateway:
        caller = await gateway.connect()
        caller.send(gateway.request(CHATS, STREAM))
        await caller.hear(head_only=True)
        await caller.reader.readexactly(500)
        caller.leave()
        await primary.wait_closed_by_peer()
        await gateway.settle()
        assert gateway.app.admission.in_flight == 0
        assert not gateway.app.visits


async def test_a_slow_reader_gets_every_event_in_its_order(serve: Serve, primary: Upstream) -> None:
    """What is pushed waits for a caller who pauses, and so does what comes behind it."""
    count, padding = 3000, "x" * 1000

    async def talk(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(HEAD)
        for number in range(0, count, 5):
            await wire.write(chunked(*(event(f"{number + i}{padding}") for i in range(5))))
        await wire.write(END)

    primary.script(talk)
    async with serve(primary) as gateway:
        caller = await gateway.connect()
        caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
        caller.send(gateway.request(CHATS, STREAM))
        await asyncio.sleep(0.5)
        (connection,) = gateway.server.connections
        assert connection.flow.write_paused
        caller.writer.transport.resume_reading()  # type: ignore[attr-defined]
        heard = await caller.hear()
    assert [text.removesuffix(padding) for text in numbers(heard)] == list(map(str, range(count)))
    assert heard.body.endswith(DONE)


async def test_a_stream_that_goes_on_is_never_silent(serve: Serve, primary: Upstream) -> None:
    """It may last longer than silence may, and than keep-alives alone may, if something comes."""

    async def talk(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(HEAD)
        for number in range(8):
            await wire.write(chunked(event(str(number))))
            await asyncio.sleep(STALL_S / 3)
            await wire.write(chunked(b": still here\n\n"))
            await asyncio.sleep(STALL_S / 3)
        await wire.write(END)

    primary.script(talk)
    async with serve(primary, timeouts=Timeouts(stall=STALL_S)) as gateway:
        heard = await gateway.ask(body=STREAM)
    assert heard.body.endswith(DONE)


@pytest.mark.parametrize("filler", [b"", b": still here\n\n"])
async def test_silence_after_events_that_were_pushed_breaks_the_stream(
    serve: Serve, primary: Upstream, filler: bytes
) -> None:
    """So do keep-alives that nothing follows, after three times as long."""

    async def talk(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(HEAD + chunked(event("0")))
        await asyncio.sleep(0.05)
        await wire.write(chunked(event("1")))
        while True:
            await asyncio.sleep(STALL_S / 5)
            await wire.write(chunked(filler) if filler else b"")

    primary.script(talk)
    loop = asyncio.get_running_loop()
    async with serve(primary, timeouts=Timeouts(stall=STALL_S)) as gateway:
        began = loop.time()
        heard = await gateway.ask(body=STREAM)
        lasted = loop.time() - began
    assert heard.chunks[:2] == (event("0"), event("1"))
    assert json.loads(heard.chunks[-1].removeprefix(b"data: "))["error"]["partial"] is True
    stalls = 3 if filler else 1
    assert stalls * STALL_S <= lasted < (stalls + 2) * STALL_S


async def test_tokens_are_counted_by_what_is_pushed(serve: Serve, primary: Upstream) -> None:
    """A caller pays for the usage that a pushed event tells."""

    async def talk(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(HEAD + chunked(event("0")))
        await asyncio.sleep(0.05)
        usage = b'data: {"choices":[],"usage":{"total_tokens":900}}\n\n'
        await wire.write(chunked(event("1", "stop")))
        await asyncio.sleep(0.05)
        await wire.write(chunked(usage))
        await asyncio.sleep(0.05)
        await wire.write(chunked(DONE) + b"0\r\n\r\n")

    primary.script(talk)
    limits, key = CallerLimits(tpm=900), "sk-agent-0001"
    caller = CallerSettings("agent", Secret(key), limits=limits)
    async with serve(primary, callers=(caller,)) as gateway:
        told = [await gateway.ask(CHATS, STREAM, f"Authorization: Bearer {key}") for _ in "12"]
    assert [heard.status for heard in told] == [200, 429]


async def test_the_error_of_a_typed_stream_counts_on_from_what_was_pushed(
    serve: Serve, primary: Upstream
) -> None:
    """Its sequence number follows the last event that the caller has got."""

    def typed(kind: str, number: int, **more: object) -> bytes:
        data = json.dumps({"type": kind, "sequence_number": number, **more}).encode()
        return chunked(b"event: %b\ndata: %b\n\n" % (kind.encode(), data))

    async def talk(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(HEAD + typed("response.created", 0, response={}))
        for number in range(1, 5):
            await wire.write(typed("response.output_text.delta", number, delta="x"))
            await asyncio.sleep(0.02)

    primary.script(talk)
    async with serve(primary) as gateway:
        heard = await gateway.ask("/v1/responses", b'{"model":"gpt-4o","input":"x","stream":true}')
    error = json.loads(heard.chunks[-1].partition(b"data: ")[2])
    assert (error["type"], error["sequence_number"]) == ("error", 5)


async def test_a_fault_while_an_event_is_pushed_is_recorded_and_told(
    serve: Serve,
    primary: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is the gateway's, and no fault of the provider."""

    async def talk(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(HEAD + chunked(event("0")))
        await asyncio.sleep(0.05)
        await wire.write(chunked(event("1")) + END)

    def broken(*_: object) -> bool:
        raise RuntimeError("a bug")

    primary.script(talk)
    monkeypatch.setattr("elizanet.gateway.cycle.Cycle.push", broken)
    async with serve(primary) as gateway:
        heard = await gateway.ask(body=STREAM)
        states = gateway.router.states()
    error = json.loads(heard.chunks[-1].removeprefix(b"data: "))["error"]
    assert error["message"] == "the gateway failed"
    assert "a bug" in caplog.text
    assert all(state.score == 0 for state in states)
