"""An HTTP answer before it is written: one body, or the events of a stream."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum

Headers = tuple[tuple[str, str], ...]

JSON_TYPE = "application/json"
HTML_TYPE = "text/html; charset=utf-8"


class EventKind(StrEnum):
    """What an event of a stream is for; faults are placed by it."""

    PREAMBLE = "preamble"
    CONTENT = "content"
    FINISH = "finish"
    USAGE = "usage"
    DONE = "done"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One server-sent event with a single data line."""

    kind: EventKind
    data: bytes
    name: str = ""

    def encoded(self) -> bytes:
        """The event as bytes of the stream."""
        name = f"event: {self.name}\n".encode() if self.name else b""
        return name + b"data: " + self.data + b"\n\n"


DONE = StreamEvent(EventKind.DONE, b"[DONE]")


@dataclass(frozen=True, slots=True)
class HttpReply:
    """What is answered; `events` is None for an answer with one body."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Headers = ()
    events: tuple[StreamEvent, ...] | None = None

    def with_headers(self, *headers: tuple[str, str]) -> HttpReply:
        """The same answer with more headers."""
        return replace(self, headers=(*self.headers, *headers))


def encode(value: object) -> bytes:
    """JSON as OpenAI writes it: UTF-8, and escapes only for what UTF-8 does not have."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def json_reply(value: object, status: int = 200) -> HttpReply:
    """A JSON answer."""
    return HttpReply(status, encode(value))


def stream_reply(events: list[StreamEvent]) -> HttpReply:
    """A server-sent event stream."""
    return HttpReply(content_type="text/event-stream; charset=utf-8", events=tuple(events))
