"""Usage is asked for, and taken out again of what the caller gets."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.call import Event, EventKind, Head
from elizanet.providers.usage import UsageHidden, asking_for_usage, without_usage
from elizanet.usage import Usage, usage_in

TOLD = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


class Scripted:
    """An answer of these events."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.head = Head(200, (), "p", "m")
        self._events = deque(events)
        self.is_closed = False

    async def next(self) -> Event | None:
        return self._events.popleft() if self._events else None

    async def aclose(self) -> None:
        self.is_closed = True


def event_of(data: bytes, kind: EventKind = EventKind.CONTENT) -> Event:
    return Event(b"data: " + data + b"\n\n", data, kind)


async def events_of(answer: UsageHidden) -> list[Event]:
    events = []
    while (event := await answer.next()) is not None:
        events.append(event)
    return events


@pytest.mark.parametrize(
    ("body", "asking"),
    [
        (b'{"stream":true}', b'{"stream_options":{"include_usage":true},"stream":true}'),
        (b' { "stream":true}', b' {"stream_options":{"include_usage":true}, "stream":true}'),
        (b"{}", b'{"stream_options":{"include_usage":true}}'),
        (b'{"stream_options":null,"a":1}', b'{"stream_options":{"include_usage":true},"a":1}'),
        (
            b'{"stream_options":{"include_usage": false,"x": 1.0}}',
            b'{"stream_options":{"include_usage":true,"x":1.0}}',
        ),
        (b'{"stream_options":{"include_usage": true}}', None),
        (b'{"stream_options":"yes"}', None),
        (
            b'{"m":{"stream_options":1}}',
            b'{"stream_options":{"include_usage":true},"m":{"stream_options":1}}',
        ),
    ],
)
def test_usage_is_asked_for_and_nothing_else(body: bytes, asking: bytes | None) -> None:
    """Other bytes stay; who asks already, or wrongly, sends what they wrote."""
    asked = asking_for_usage(body)
    assert asked == (body if asking is None else asking)
    assert (asked is body) is (asking is None)


@given(st.text(), st.none() | st.sampled_from([TOLD]), st.booleans(), st.sampled_from([None, 1]))
def test_a_chunk_is_what_it_would_have_been_without(
    text: str, usage: object, first: bool, indent: int | None
) -> None:
    """Byte for byte, and the usage follows alone if it was told."""
    chunk = {"id": "x", "choices": [{"delta": {"content": text}}], "x": {"usage": None}}
    plain = json.dumps(chunk, indent=indent).encode()
    fields = {"usage": usage, **chunk} if first else {**chunk, "usage": usage}
    kept, *told = without_usage(event_of(json.dumps(fields, indent=indent).encode()))
    assert kept.data == plain
    assert kept.raw == b"data: " + plain + b"\n\n"
    assert [usage_in(event.data) for event in told] == ([Usage(1, 2, 3)] if usage else [])
    assert all(event.raw == b"" for event in told)


async def test_the_chunk_of_the_usage_has_no_bytes_for_the_caller() -> None:
    """It stays in the stream for whoever counts; all else passes unchanged."""
    ping = Event(b": ping\n\n", b"", EventKind.PREAMBLE)
    words = event_of(b'{"choices":[{"delta":{"content":"\\"usage\\":null"}}]}')
    nested = event_of(b'{"choices":[],"x_groq":{"usage":{"total_tokens":1}}}', EventKind.PREAMBLE)
    broken = event_of(b'{"usage":', EventKind.PREAMBLE)
    usage = event_of(json.dumps({"choices": [], "usage": TOLD}).encode(), EventKind.END)
    done = event_of(b"[DONE]", EventKind.END)
    inner = Scripted([ping, words, nested, broken, usage, done])
    answer = UsageHidden(inner)
    events = await events_of(answer)
    assert events == [ping, words, nested, broken, Event(b"", usage.data, EventKind.END), done]
    assert answer.head is inner.head
    assert "UsageHidden" in repr(answer)
    await answer.aclose()
    assert inner.is_closed


def test_a_chunk_that_is_about_something_else_stays() -> None:
    """It has no choices, but it is not the usage either."""
    data = b'{"choices":[],"prompt_filter_results":[1],"usage":null}'
    (kept,) = without_usage(event_of(data, EventKind.PREAMBLE))
    assert kept == event_of(b'{"choices":[],"prompt_filter_results":[1]}', EventKind.PREAMBLE)


async def test_usage_beside_a_finish_reason_is_kept_apart() -> None:
    """Two events of one: the finish as the caller gets it, and the usage without bytes."""
    choice = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    data = json.dumps({**choice, "usage": TOLD}).encode()
    events = await events_of(UsageHidden(Scripted([event_of(data, EventKind.END)])))
    assert [json.loads(event.data) for event in events] == [choice, {"choices": [], "usage": TOLD}]
    assert [bool(event.raw) for event in events] == [True, False]


def test_data_on_several_lines_is_written_as_one() -> None:
    """The lines were the provider's; what is left is one event."""
    lines = b'{"choices":\n[1],"usage":null}'
    raw = b'data: {"choices":\ndata: [1],"usage":null}\n\n'
    (kept,) = without_usage(Event(raw, lines, EventKind.CONTENT))
    assert kept.raw == b'data: {"choices":\ndata: [1]}\n\n'
