"""Streams whose events say by a type what they are."""

from __future__ import annotations

from elizanet.testing.question import Json
from elizanet.testing.reply import EventKind, HttpReply, StreamEvent, encode, stream_reply


class TypedStream:
    """The events of such a stream, numbered as the API numbers them."""

    def __init__(self) -> None:
        self._events: list[StreamEvent] = []

    def add(self, kind: EventKind, name: str, fields: Json) -> None:
        """Add an event of the type `name`."""
        event = {"type": name, "sequence_number": len(self._events), **fields}
        self._events.append(StreamEvent(kind, encode(event), name))

    def reply(self) -> HttpReply:
        """The stream as an answer; it has no `[DONE]`."""
        return stream_reply(self._events)
