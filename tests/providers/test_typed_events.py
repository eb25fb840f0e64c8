"""Streams whose events have types: what each means, and when the stream is whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.call import EventKind
from elizanet.operation import Operation
from elizanet.providers.stream_events import Follower, StreamState, Trouble
from elizanet.providers.typed_events import GRAMMARS, follower_for
from elizanet.sse import SseEvent

PREAMBLE, CONTENT, END = EventKind.PREAMBLE, EventKind.CONTENT, EventKind.END
RESPONSE, IMAGE = Operation.RESPONSE, Operation.IMAGE
SPEECH, TRANSCRIPTION = Operation.SPEECH, Operation.TRANSCRIPTION


def event(kind: str = "", name: bytes = b"", **fields: object) -> SseEvent:
    data = ({"type": kind} if kind else {}) | fields
    return SseEvent(b"", json.dumps(data).encode(), name)


def after(operation: Operation, *events: SseEvent) -> Follower:
    follower = follower_for(operation)
    for each in events:
        follower.read(each)
    return follower


@pytest.mark.parametrize(
    ("operation", "sent", "kind"),
    [
        (RESPONSE, SseEvent(b": ping\n\n", b""), PREAMBLE),
        (RESPONSE, event("response.created", response={}), PREAMBLE),
        (RESPONSE, event("", b"response.created", response={}), PREAMBLE),
        (RESPONSE, event("response.in_progress"), PREAMBLE),
        (RESPONSE, event("response.output_item.added"), PREAMBLE),
        (RESPONSE, event("keepalive"), PREAMBLE),
        (RESPONSE, event("response.output_text.delta", delta=""), PREAMBLE),
        (RESPONSE, event("response.output_text.delta", delta="a"), CONTENT),
        (RESPONSE, event("response.web_search_call.searching"), CONTENT),
        (RESPONSE, event("response.of_tomorrow"), CONTENT),
        (RESPONSE, event("response.output_text.done", text="a"), END),
        (RESPONSE, event("response.completed", response={"output": [1]}), END),
        (RESPONSE, event("response.incomplete", response={}), END),
        (RESPONSE, event("response.failed", response={"error": {}}), Trouble.ERROR),
        (RESPONSE, event("error", code="x", message="no"), Trouble.ERROR),
        (RESPONSE, event("", b"error", message="no"), Trouble.ERROR),
        (RESPONSE, event("", error={"message": "no"}), Trouble.ERROR),
        (RESPONSE, SseEvent(b"", b"{broken"), None),
        (RESPONSE, SseEvent(b"", b"[]"), None),
        (RESPONSE, SseEvent(b"", b'{"type":7}'), None),
        (IMAGE, event("image_generation.partial_image", b64_json="A"), CONTENT),
        (IMAGE, event("image_generation.completed", b64_json="A"), CONTENT),
        (SPEECH, event("speech.audio.delta", audio="A"), CONTENT),
        (SPEECH, event("speech.audio.done", usage={}), END),
        (TRANSCRIPTION, event("transcript.text.delta", delta="a"), CONTENT),
        (TRANSCRIPTION, event("transcript.text.segment", text="a"), CONTENT),
        (TRANSCRIPTION, event("transcript.text.done", text=""), END),
        (TRANSCRIPTION, event(text="a"), CONTENT),
        (TRANSCRIPTION, event(choices=[{"delta": {"content": "a"}}]), CONTENT),
        (TRANSCRIPTION, event(choices=[{"delta": {"content": ""}}]), PREAMBLE),
    ],
)
def test_each_event_has_its_meaning(operation: Operation, sent: SseEvent, kind: object) -> None:
    """By its type, or by its name where it has none; what nobody knows is content."""
    assert follower_for(operation).read(sent) is kind


DELTA = event("response.output_text.delta", delta="a")
PARTIAL = event("image_generation.partial_image", b64_json="A")
CHUNK = event(choices=[{"index": 0, "delta": {"content": "a"}}])
FINISH = event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])


@pytest.mark.parametrize(
    ("operation", "events", "whole", "whole_if_cut", "over"),
    [
        (RESPONSE, [], False, False, False),
        (RESPONSE, [DELTA], False, False, False),
        (RESPONSE, [DELTA, event("response.completed")], True, True, True),
        (RESPONSE, [event("response.completed", response={"output": [1]})], True, True, True),
        (RESPONSE, [event("response.completed", response={"output": []})], False, False, True),
        (RESPONSE, [event("response.completed", response=[])], False, False, True),
        (RESPONSE, [event("response.incomplete")], True, True, True),
        (RESPONSE, [DELTA, event("response.failed", response={"error": {}})], True, True, True),
        (IMAGE, [PARTIAL], False, False, False),
        (IMAGE, [PARTIAL, event("image_generation.completed")], True, False, False),
        (SPEECH, [event("speech.audio.delta", audio="A")], False, False, False),
        (SPEECH, [event("speech.audio.done")], True, True, True),
        (TRANSCRIPTION, [event("transcript.text.done", text="")], True, True, True),
        (TRANSCRIPTION, [event(text="a")], True, False, False),
        (TRANSCRIPTION, [CHUNK], False, False, False),
        (TRANSCRIPTION, [CHUNK, FINISH], True, True, False),
    ],
)
def test_a_stream_is_whole_when_its_last_event_has_come(
    operation: Operation,
    events: list[SseEvent],
    whole: bool,
    whole_if_cut: bool,
    over: bool,
) -> None:
    """Where several may come, or none is known, only the body's own end proves it."""
    follower = after(operation, *events)
    assert follower.is_whole is whole
    assert follower.is_whole_if_cut is whole_if_cut
    assert follower.is_over is over


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (event("error", code="c", message="m", param="p"), {"message": "m", "code": "c", "param": "p", "type": "c"}),
        (event("error", error={"message": "m"}), {"message": "m"}),
        (event("response.failed", response={"error": {"code": "c"}}), {"code": "c"}),
    ],
)  # fmt: skip
def test_an_error_event_is_told_as_the_body_of_an_error(
    sent: SseEvent, told: dict[str, object]
) -> None:
    """Whichever of the three ways the provider took to tell it."""
    assert json.loads(follower_for(RESPONSE).error_in(sent)) == {"error": told}


def test_three_broken_events_in_a_row_end_the_stream() -> None:
    """A good one in between starts the count anew."""
    broken = SseEvent(b"", b"{")
    follower = after(RESPONSE, broken, broken, DELTA, broken, broken)
    assert follower.skipped == 4
    assert follower.read(broken) is Trouble.BROKEN


def test_streams_without_types_are_chunks() -> None:
    """Chats, completions, and whatever has no grammar of its own."""
    for operation in Operation:
        is_typed = operation in GRAMMARS
        assert isinstance(follower_for(operation), StreamState) is not is_typed


@given(st.sampled_from(list(GRAMMARS)), st.lists(st.binary(max_size=60), max_size=20))
def test_arbitrary_payloads_never_raise(operation: Operation, payloads: list[bytes]) -> None:
    """Whatever a provider sends has a meaning, if only that of garbage."""
    follower = follower_for(operation)
    for payload in payloads:
        assert follower.read(SseEvent(b"", payload)) in {*EventKind, *Trouble, None}
    assert repr(follower).startswith("<TypedState ")


FIELDS: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["response.completed", "error", "response.failed", "x.done", ""]),
        "delta": st.none() | st.text(max_size=2),
        "error": st.none() | st.integers() | st.just({"message": 1}),
        "choices": st.none() | st.just([{}]) | st.integers(),
        "response": st.none() | st.just([]) | st.just({"error": 1, "output": 1}) | st.integers(),
        "message": st.none() | st.integers(),
    },
)


@given(st.sampled_from(list(GRAMMARS)), st.lists(FIELDS, max_size=6))
def test_odd_events_never_raise(operation: Operation, events: list[dict[str, object]]) -> None:
    """Known fields of any type, in any order."""
    follower = follower_for(operation)
    for fields in events:
        sent = SseEvent(b"", json.dumps(fields).encode())
        if follower.read(sent) is Trouble.ERROR:
            assert json.loads(follower.error_in(sent))
    assert follower.is_whole in {True, False}
