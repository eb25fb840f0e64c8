"""Whatever a provider streams: events, a whole answer, or one typed error; never more memory.

The invariant: an answer is whole only if the events that were read say so, whatever the bytes
and wherever they are cut.
"""

from __future__ import annotations

import asyncio
import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.call import EventKind, Head
from elizanet.classify import Classifier
from elizanet.errors import FailureClass, ProviderError
from elizanet.operation import Operation
from elizanet.providers.answers import StreamAnswer
from elizanet.providers.own_secrets import OwnSecrets
from elizanet.providers.replies import Replies
from elizanet.providers.stream_events import StreamState, Trouble
from elizanet.providers.typed_events import GRAMMARS, follower_for
from elizanet.sse import MAX_EVENT_BYTES, SseError, SseEvent, SseParser
from support.fuzzing import cut_everywhere, fuzz, growth, mutated, pieces_of


def _chunk(**choice: object) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, **choice}]}).encode() + b"\n\n"


GOOD = b"".join(
    [
        b": welcome\n\n",
        _chunk(delta={"role": "assistant", "content": ""}),
        _chunk(delta={"content": "Ünïcode "}),
        _chunk(delta={"content": "and more"}),
        b"event: ping\ndata: {}\n\n",
        _chunk(delta={}, finish_reason="stop"),
        b'data: {"choices":[],"usage":{"total_tokens":3}}\n\n',
        b"data: [DONE]\n\n",
    ]
)
SEEDS = [
    GOOD,
    GOOD.replace(b"\n", b"\r\n"),
    GOOD.replace(b"\n", b"\r"),
    b"\xef\xbb\xbf" + GOOD,
    _chunk(delta={"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}) + GOOD,
    GOOD[:-16],
    b'event: error\ndata: {"error":{"message":"busy","type":"overloaded_error"}}\n\n',
    b"id: 7\nretry: 5\ndata: a\ndata: b\n\n",
]
TYPED = [
    b'event: response.created\ndata: {"type":"response.created","response":{}}\n\n'
    b'data: {"type":"response.output_text.delta","delta":"Hi"}\n\n'
    b'data: {"type":"response.completed","response":{"output":[{"type":"message"}]}}\n\n',
    b'data: {"type":"response.failed","response":{"error":{"code":"server_error","message":"x"}}}\n\n',
    b'data: {"type":"image_generation.partial_image","b64_json":"AA=="}\n\n'
    b'data: {"type":"image_generation.completed","b64_json":"AA=="}\n\n',
    b'data: {"type":"speech.audio.delta","audio":"AA=="}\n\ndata: {"type":"speech.audio.done"}\n\n',
    b'data: {"type":"transcript.text.delta","delta":"a"}\n\ndata: {"type":"transcript.text.done","text":"a"}\n\n',
    b'data: {"text":"bare"}\n\n',
]
TOKENS = [
    b'"type":"error"', b'"response":[]', b'"delta":null', b"event: response.completed\n",
    b"data: ", b"data:", b"\n\n", b"\r\n", b"\r", b"event: error\n", b"[DONE]", b"data: [DONE]\n\n",
    b'{"choices":[', b'{"error":', b'"finish_reason":"stop"', b'"finish_reason":"error"', b"null",
    b'"index":-1', b'"index":1e99', b"\\ud800", b"\xff", b"\0", b"NaN", b"9" * 400, b"[" * 3000,
    b'{"a":' * 3000, b": comment\n",
]  # fmt: skip
STREAMS = st.binary(max_size=200) | mutated(SEEDS, TOKENS)
TYPED_STREAMS = mutated([*TYPED, GOOD], TOKENS)


def parsed(pieces: list[bytes]) -> list[SseEvent]:
    parser = SseParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    rest = parser.finish()
    return [*events, rest] if rest else events


def by_the_standard(stream: bytes) -> list[bytes]:
    """The payloads of a stream, as the grammar of the HTML standard says, without any care."""
    lines = re.split(rb"\r\n|\r|\n", stream.removeprefix(b"\xef\xbb\xbf"))
    payloads: list[list[bytes]] = [[]]
    for line in lines:
        if not line:
            payloads.append([])
        elif line.partition(b":")[0] == b"data":
            payloads[-1].append(line.partition(b":")[2].removeprefix(b" "))
    return [b"\n".join(each) for each in payloads if each]


@given(pieces_of(STREAMS))
@fuzz(500)
def test_the_events_of_a_stream_do_not_depend_on_how_it_is_cut(pieces: list[bytes]) -> None:
    """Nothing is lost: all raw bytes together are the stream; the payloads are the standard's."""
    stream = b"".join(pieces)
    events = parsed(pieces)
    assert b"".join(event.raw for event in events) == stream
    assert [event.data for event in events if event.data] == [
        d for d in by_the_standard(stream) if d
    ]
    assert [event.data for event in events if event.data] == [
        event.data for event in parsed([stream]) if event.data
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stream_may_be_cut_at_every_position(seed: bytes) -> None:
    """Two pieces, and the cut between any two bytes."""
    whole = [event.data for event in parsed([seed]) if event.data]
    for pieces in cut_everywhere(seed):
        assert [event.data for event in parsed(pieces) if event.data] == whole


@pytest.mark.parametrize(
    "unit",
    [b"\r", b"\n", b"\r\n", b":", b"data:", b"data: x\n", b"\r\n\r", b"a" * 100, b"\xef\xbb\xbf"],
)
def test_no_pattern_makes_the_parser_slow(unit: bytes) -> None:
    """The time grows with the size of the input, in large pieces and in small ones."""

    def feed(size: int, piece: int) -> None:
        data = (unit * (size // len(unit) + 1))[:size]
        parser = SseParser(1 << 30)
        for start in range(0, size, piece):
            parser.feed(data[start : start + piece])

    assert growth(lambda size: feed(size, 65536), 50_000) < 10
    assert growth(lambda size: feed(size, 7), 5_000) < 10


def test_an_event_without_end_is_refused_at_its_bound() -> None:
    """In any pieces; the parser never holds more than the bound and one piece."""
    parser = SseParser()
    held = 0
    with pytest.raises(SseError):
        while True:
            held += 65536
            assert held <= MAX_EVENT_BYTES + 65536
            parser.feed(bytes(65536).replace(b"\0", b"a"))


@given(pieces_of(STREAMS))
@fuzz(300)
def test_any_event_has_a_meaning_or_is_a_trouble(pieces: list[bytes]) -> None:
    """And a stream that is whole was finished by its provider."""
    state = StreamState()
    for event in parsed(pieces):
        meaning = state.read(event)
        assert meaning is None or isinstance(meaning, EventKind | Trouble)
    if state.is_whole:
        assert b"finish_reason" in b"".join(pieces)
    assert repr(state).startswith("<StreamState ")


@given(pieces_of(TYPED_STREAMS), st.sampled_from([*GRAMMARS]))
@fuzz(200)
def test_any_typed_event_has_a_meaning_or_is_a_trouble(
    pieces: list[bytes], operation: Operation
) -> None:
    """The same for the streams of other operations; an error in them can always be told."""
    state = follower_for(operation)
    for event in parsed(pieces):
        meaning = state.read(event)
        assert meaning is None or isinstance(meaning, EventKind | Trouble)
        if meaning is Trouble.ERROR:
            assert msgspec.json.decode(state.error_in(event))["error"] is not None
    assert not state.is_whole or state.has_begun
    assert not state.is_whole_if_cut or state.is_whole
    assert repr(state)


class Canned:
    """An HTTP answer of given pieces."""

    status = 200
    headers = (("content-type", "text/event-stream"),)

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]
        self.is_closed = False

    async def chunk(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def close(self) -> None:
        self.is_closed = True


def answer_of(pieces: list[bytes], operation: Operation = Operation.CHAT) -> StreamAnswer:
    replies = Replies("fuzzed", Classifier(), OwnSecrets(["sk-secret-0123456789"]))
    head = Head(200, Canned.headers, "fuzzed", "m")
    state = follower_for(operation)
    return StreamAnswer(head, Canned(pieces), replies, state)  # type: ignore[arg-type]


async def read(
    pieces: list[bytes], operation: Operation = Operation.CHAT
) -> tuple[bytes, ProviderError | None]:
    """Return the payloads of all content, and the error if the answer broke."""
    answer, content = answer_of(pieces, operation), b""
    try:
        while (event := await answer.next()) is not None:
            if event.kind is EventKind.CONTENT:
                content += event.data
    except ProviderError as error:
        return content, error
    finally:
        await answer.aclose()
    return content, None


@given(pieces_of(TYPED_STREAMS), st.sampled_from([*GRAMMARS]))
@fuzz(200)
def test_a_typed_answer_ends_whole_or_in_a_typed_error(
    pieces: list[bytes], operation: Operation
) -> None:
    """However it is cut."""
    content, error = asyncio.run(read(pieces, operation))
    again, same = asyncio.run(read([b"".join(pieces)], operation))
    assert content == again
    assert (error and error.failure_class) == (same and same.failure_class)


@given(pieces_of(STREAMS))
@fuzz(500)
def test_an_answer_ends_whole_or_in_a_typed_error(pieces: list[bytes]) -> None:
    """The same for any cut; the error has a class, and says nothing of our keys."""
    content, error = asyncio.run(read(pieces))
    again, same = asyncio.run(read([b"".join(pieces)]))
    assert content == again
    assert (error and error.failure_class) == (same and same.failure_class)
    if error is None:
        assert b"finish_reason" in b"".join(pieces)
    else:
        assert error.failure_class in FailureClass
        assert "sk-secret" not in str(error)


def test_a_stream_that_stops_anywhere_is_never_whole() -> None:
    """Cut off at every byte before its last finish reason, it is an error each time."""
    finished = GOOD.index(b'"stop"') + len(b'"stop"}]}')
    for length in range(len(GOOD) + 1):
        _, error = asyncio.run(read([GOOD[:length]]))
        assert (error is None) is (length >= finished), GOOD[:length][-60:]


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"choices":[{"delta":', b'{"error":'])
def test_an_event_nested_too_deeply_is_a_broken_event(opening: bytes) -> None:
    """Depth is no reason to fail in another way than any other garbage does."""
    deep = b"data: " + opening * 100_000 + b"\n\n"
    _, error = asyncio.run(read([GOOD[:300], deep, GOOD[300:]]))
    assert error is None or isinstance(error, ProviderError)
    with pytest.raises(ProviderError):
        asyncio.run(_unbroken([deep] * 3))


async def _unbroken(pieces: list[bytes]) -> None:
    _, error = await read(pieces)
    if error is not None:
        raise error


def test_a_mutation_can_be_told_from_the_original() -> None:
    """The strategies do reach what they are for: the seeds are valid as they are."""
    for seed in SEEDS[:4]:
        content, error = asyncio.run(read([seed]))
        assert error is None
        assert b"more" in content
    assert msgspec.json.decode(GOOD.split(b"data: ")[2].strip())
