"""The tokens of an answer: told, estimated, or counted."""

from __future__ import annotations

import base64
import json

import pytest

from elizanet.call import Event, EventKind
from elizanet.operation import Operation
from elizanet.usage import Usage, UsageMeter, counted_usage, usage_in


def content(text: str) -> Event:
    data = json.dumps({"choices": [{"delta": {"content": text}}]}).encode()
    return Event(b"", data, EventKind.CONTENT)


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}, Usage(2, 3, 5)),
        ({"prompt_tokens": 2, "completion_tokens": 3}, Usage(2, 3, 5)),
        ({"prompt_tokens": 2, "total_tokens": 9}, Usage(2, 0, 9)),
        ({"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}, Usage(2, 3, 5)),
        ({"input_tokens": 2, "output_tokens": None}, Usage(2, 0, 2)),
        ({"prompt_tokens": 1, "estimated": True}, Usage(1, 0, 1)),
        ({}, None),
        (None, None),
        (7, None),
        ({"prompt_tokens": "many"}, None),
        ({"prompt_tokens": -1, "completion_tokens": 3}, None),
        ({"prompt_tokens": 2, "completion_tokens": 10**30}, None),
    ],
)
def test_usage_is_read_in_every_spelling(told: object, usage: Usage | None) -> None:
    """In a whole answer, and in the last event of a response's stream."""
    assert usage_in(json.dumps({"id": "x", "usage": told}).encode()) == usage
    event = {"type": "response.completed", "response": {"usage": told}}
    assert usage_in(json.dumps(event).encode()) == usage


@pytest.mark.parametrize(
    "data",
    [b"[DONE]", b"", b'{"x":1}', b'"usage"', b'{"usage":', b'{"a":"\\"usage\\":{}"}', b'\xff"usage"',
     b'{"response":[],"usage":null}', b'{"usage":{}}',
     b'{"usage":{"type":"duration","seconds":9}}'],
)  # fmt: skip
def test_anything_else_has_no_usage(data: bytes) -> None:
    """What a provider puts there instead is no reason to lose the answer."""
    assert usage_in(data) is None


@pytest.mark.parametrize("response", ["a text", 5, [], {"usage": 7}, {"usage": {"x": 1}}])
def test_what_stands_beside_the_usage_does_not_matter(response: object) -> None:
    """Some providers answer with a `response` of another kind."""
    told = json.dumps({"usage": {"prompt_tokens": 2}, "response": response}).encode()
    assert usage_in(told) == Usage(2, 0, 2)


def test_the_last_piece_of_text_may_tell_the_usage() -> None:
    """Some providers put it there, or into each of them; what comes after it may be nothing."""
    meter = UsageMeter(Operation.CHAT, streamed=True)
    for tokens in (1, 2, 3):
        told = json.dumps({"choices": [], "usage": {"completion_tokens": tokens}}).encode()
        meter.take(Event(b"", told, EventKind.CONTENT))
    assert meter.usage(b"") == Usage(0, 3, 3)
    meter.take(Event(b"", b"[DONE]", EventKind.END))
    meter.take(Event(b"", b'{"choices":[],"usage":null}', EventKind.END))
    assert meter.usage(b"") == Usage(0, 3, 3)


def test_a_meter_believes_the_provider() -> None:
    """What it told last holds, wherever in the stream."""
    meter = UsageMeter(Operation.CHAT, streamed=True)
    meter.take(content("a"))
    for tokens in (3, 5):
        told = json.dumps({"choices": [], "usage": {"completion_tokens": tokens}}).encode()
        meter.take(Event(b"", told, EventKind.END))
    meter.take(Event(b"", b'{"choices":[],"usage":null}', EventKind.END))
    assert meter.usage(b"x" * 100) == Usage(0, 5, 5)


def test_a_stream_without_usage_is_estimated() -> None:
    """An event is a token, or more if its text is much longer than that of others."""
    meter = UsageMeter(Operation.CHAT, streamed=True)
    meter.take(Event(b": ping\n\n", b"", EventKind.PREAMBLE))
    for piece in ["a", " b", " see", ""] * 25:
        meter.take(content(piece))
    meter.take(Event(b"", b"[DONE]", EventKind.END))
    assert meter.usage(b"x" * 80) == Usage(20, 100, 120, estimated=True)
    large = UsageMeter(Operation.CHAT, streamed=True)
    for piece in ("a", "x" * 401, "x" * 401):
        large.take(content(piece))
    assert large.usage(b"") == Usage(0, 200, 200, estimated=True)


def test_a_whole_answer_without_usage_is_estimated_by_its_length() -> None:
    """Four bytes a token."""
    meter = UsageMeter(Operation.CHAT, streamed=False)
    meter.take(Event(b"", b"x" * 401, EventKind.CONTENT))
    assert meter.usage(b"") == Usage(0, 101, 101, estimated=True)
    assert repr(meter) == "<UsageMeter contents=1 told=None>"


PICTURE = base64.b64encode(bytes(range(256)) * 1000)


@pytest.mark.parametrize(
    ("operation", "streamed", "answer", "usage"),
    [
        (Operation.EMBEDDING, False, b'{"data":[{"embedding":[0.125,0.5]}]}', (20, 0)),
        (Operation.MODERATION, False, b'{"results":[{"flagged":false}]}', (20, 0)),
        (Operation.CHAT, False, b'{"text":"%b"}' % (b"x " * 200), (20, 103)),
        (Operation.CHAT, False, b'{"audio":{"data":"%b"}}' % PICTURE, (20, 5)),
        (Operation.IMAGE, False, b'{"data":[{"b64_json":"%b"}]}' % PICTURE, None),
        (Operation.SPEECH, True, b"\xff\xfb" * 40000, None),
        (Operation.TRANSCRIPTION, False, b'{"usage":{"type":"duration","seconds":9}}', None),
    ],
)
def test_only_texts_are_estimated(
    operation: Operation, streamed: bool, answer: bytes, usage: tuple[int, int] | None
) -> None:
    """Numbers are no tokens, and of pictures and sound only their provider knows the tokens."""
    meter = UsageMeter(operation, streamed=streamed)
    meter.take(Event(answer, answer, EventKind.CONTENT))
    found = meter.usage(b"x" * 80)
    assert (found and (found.prompt_tokens, found.completion_tokens)) == usage
    assert found is None or found.estimated


def test_a_picture_whose_tokens_were_told_has_them() -> None:
    """As `gpt-image-1` tells them."""
    meter = UsageMeter(Operation.IMAGE, streamed=False)
    told = b'{"data":[{"b64_json":"%b"}],"usage":{"input_tokens":9,"output_tokens":272}}' % PICTURE
    meter.take(Event(told, told, EventKind.CONTENT))
    assert meter.usage(b"") == Usage(9, 272, 281)


def test_an_answer_of_nothing_is_no_tokens() -> None:
    """It is not told, and there is nothing to estimate."""
    assert UsageMeter(Operation.CHAT, streamed=True).usage(b"") == Usage(estimated=True)


def test_texts_are_counted_exactly() -> None:
    """Off the hot path."""
    assert counted_usage("Hello, world!", "Hi", "gpt-4o") == Usage(4, 1, 5, estimated=True)
