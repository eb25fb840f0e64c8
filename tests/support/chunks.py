"""Calls and events for the tests of continuations."""

from __future__ import annotations

import json
from collections.abc import Sequence

from elizanet.call import Call, Event, EventKind
from elizanet.operation import Operation

DONE = Event(b"data: [DONE]\n\n", b"[DONE]", EventKind.END)
PING = Event(b": ping\n\n", b"", EventKind.PREAMBLE)
FIRST = {"id": "first", "created": 1, "model": "one"}
SECOND = {"id": "second", "created": 2, "model": "two"}


def event_of(fields: object, kind: EventKind = EventKind.CONTENT) -> Event:
    """Return an event with these fields."""
    data = json.dumps(fields).encode()
    return Event(b"data: %b\n\n" % data, data, kind)


def delta(
    source: dict[str, object], finish: str | None = None, index: int = 0, **fields: object
) -> Event:
    """Return an event of a chat stream."""
    choice = {"index": index, "delta": fields, "finish_reason": finish}
    kind = EventKind.CONTENT if fields else EventKind.END if finish else EventKind.PREAMBLE
    return event_of({**source, "choices": [choice]}, kind)


def text(source: dict[str, object], *pieces: str) -> list[Event]:
    """Return the events of some pieces of text, a start before them."""
    start = event_of(
        {**source, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
        EventKind.PREAMBLE,
    )
    return [start, *(delta(source, content=piece) for piece in pieces)]


def read(events: Sequence[Event]) -> str:
    """Return the text that a caller reads in these events."""
    chunks = [json.loads(event.data) for event in events if event.data.startswith(b"{")]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    return "".join(c.get("text") or c.get("delta", {}).get("content") or "" for c in choices)


def call_with(
    operation: Operation = Operation.CHAT, *, stream: bool = True, **fields: object
) -> Call:
    """Return a call whose body has these fields."""
    what: dict[str, object] = (
        {"messages": [{"role": "user", "content": "go"}]}
        if operation is Operation.CHAT
        else {"prompt": "go"}
    )
    body = json.dumps({"model": "m", **what, **fields}).encode()
    return Call("req_1", operation, "m", body, 0.0, stream=stream)
