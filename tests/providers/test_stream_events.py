"""What the events of a stream mean, and whether it reached its end."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.call import EventKind
from elizanet.providers.stream_events import StreamState, Trouble
from elizanet.sse import SseEvent

PREAMBLE, CONTENT, END = EventKind.PREAMBLE, EventKind.CONTENT, EventKind.END


def event(data: object, name: bytes = b"") -> SseEvent:
    payload = data if isinstance(data, bytes) else json.dumps(data).encode()
    return SseEvent(b"", payload, name)


def chunk(finish: object = None, index: int = 0, **delta: object) -> SseEvent:
    return event({"choices": [{"index": index, "delta": delta, "finish_reason": finish}]})


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (SseEvent(b": ping\n\n", b""), PREAMBLE),
        (chunk(role="assistant", content=""), PREAMBLE),
        (chunk(), PREAMBLE),
        (event({"choices": []}), PREAMBLE),
        (event({"choices": [], "prompt_filter_results": [{}]}), PREAMBLE),
        (chunk(content="hi"), CONTENT),
        (chunk(reasoning_content="hm"), CONTENT),
        (chunk(tool_calls=[{"index": 0}]), CONTENT),
        (chunk(refusal="no"), CONTENT),
        (chunk(audio={"data": "x"}), CONTENT),
        (chunk(field_of_tomorrow=1), CONTENT),
        (event({"choices": [{"text": "hi"}]}), CONTENT),
        (chunk(content="\ud83d"), CONTENT),
        (chunk("stop"), END),
        (chunk("stop", content="last"), CONTENT),
        (event({"choices": [], "usage": {"total_tokens": 1}}), END),
        (event(b"[DONE]"), END),
        (event({"error": {"message": "no"}}), Trouble.ERROR),
        (event({"object": "error", "message": "no"}), Trouble.ERROR),
        (event({"message": "no"}, b"error"), Trouble.ERROR),
        (chunk("error"), Trouble.ERROR),
        (event(b"{broken"), None),
        (event({"choices": 5}), None),
        (event(b"\xff\xfe"), None),
    ],
)
def test_each_event_has_its_meaning(sent: SseEvent, kind: object) -> None:
    """Content is any delta a reader would miss, also in a field nobody knows yet."""
    assert StreamState().read(sent) is kind


def state_after(*events: SseEvent) -> StreamState:
    state = StreamState()
    for sent in events:
        state.read(sent)
    return state


def test_a_stream_is_whole_when_every_choice_has_finished() -> None:
    """One finished choice of two is not enough."""
    both = (chunk(content="a"), chunk(content="b", index=1))
    assert not state_after(*both).is_whole
    assert not state_after(*both, chunk("stop")).is_whole
    assert state_after(*both, chunk("stop"), chunk("length", index=1)).is_whole


def test_done_alone_proves_nothing() -> None:
    """Gateways send it after an error, too."""
    assert not state_after(chunk(content="a"), event(b"[DONE]")).is_whole


def test_an_empty_stream_is_whole_only_with_a_reason() -> None:
    """A limit or a filter explains silence; a plain stop does not."""
    assert not state_after(chunk("stop")).is_whole
    assert state_after(chunk("length")).is_whole
    assert state_after(chunk("content_filter")).is_whole


def test_two_broken_events_are_skipped_and_three_in_a_row_end_the_stream() -> None:
    """A good event in between starts the count anew."""
    broken = event(b"{")
    state = state_after(broken, broken, chunk(content="a"), broken, broken)
    assert state.skipped == 4
    assert state.read(broken) is Trouble.BROKEN


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_arbitrary_payloads_never_raise(payloads: list[bytes]) -> None:
    """Whatever a provider sends has a meaning, if only that of garbage."""
    state = StreamState()
    for payload in payloads:
        assert state.read(event(payload)) in {*EventKind, *Trouble, None}
    assert repr(state).startswith("<StreamState")
