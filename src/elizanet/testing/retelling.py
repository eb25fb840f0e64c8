"""The same answer with another text."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from elizanet.testing.reply import EventKind, HttpReply, StreamEvent, encode


def retold(reply: HttpReply, pieces: list[str]) -> HttpReply:
    """The answer of a completion with these pieces as its text, one content event each."""
    if reply.events is None:
        answer = json.loads(reply.body)
        for choice in answer["choices"]:
            _set_text(choice.get("message", choice), "".join(pieces))
        return replace(reply, body=encode(answer))
    contents = [event for event in reply.events if event.kind is EventKind.CONTENT]
    events: list[StreamEvent] = []
    for event in reply.events:
        if event.kind is not EventKind.CONTENT:
            events.append(event)
        elif event is contents[0]:
            events += [_retold_event(event, piece) for piece in pieces]
    return replace(reply, events=tuple(events))


def _retold_event(event: StreamEvent, piece: str) -> StreamEvent:
    chunk = json.loads(event.data)
    for choice in chunk["choices"]:
        _set_text(choice.get("delta", choice), piece)
    return replace(event, data=encode(chunk))


def _set_text(holder: dict[str, Any], text: str) -> None:
    holder["content" if "content" in holder else "text"] = text
