"""Faults of content: a well-formed HTTP answer that says the wrong thing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeVar

from elizanet.testing.fault_kind import Situation
from elizanet.testing.json_instance import instance_of, requested_schema
from elizanet.testing.openai_errors import NAMED, ApiError, error_for
from elizanet.testing.reply import (
    HTML_TYPE,
    EventKind,
    HttpReply,
    StreamEvent,
    encode,
    json_reply,
)
from elizanet.testing.retelling import retold

T = TypeVar("T", float, bytes)

HTML_PAGE = b"""<!DOCTYPE html>
<html><head><title>%b</title></head>
<body><h1>%b</h1><hr><p>nginx</p></body></html>
"""


def status(situation: Situation) -> HttpReply:
    """Any status, with OpenAI's usual error for it."""
    return _error(situation, error_for(situation.values.integer("status")))


def named_error(name: str) -> Callable[[Situation], HttpReply]:
    """One of the errors that have a name of their own."""
    return lambda situation: _error(situation, NAMED[name])


def _error(situation: Situation, error: ApiError) -> HttpReply:
    values = situation.values
    message = values.text("message") or error.message
    error = replace(error, message=message, code=values.text("code") or error.code)
    reply = error.reply(situation.request.model)
    body = values.text("body")
    if values.flag("html"):
        title = f"{error.status} {message}".encode("utf-8", "replace")
        reply = replace(reply, content_type=HTML_TYPE, body=HTML_PAGE % (title, title))
    if body is not None:
        reply = replace(reply, body=body.encode("utf-8", "replace"))
    return reply.with_headers(*_extra_headers(situation))


def _extra_headers(situation: Situation) -> list[tuple[str, str]]:
    values = situation.values
    headers = []
    if (delay := values.text("retry-after")) is not None:
        headers.append(("retry-after", _retry_after(delay)))
    if (delay := values.text("retry-after-ms")) is not None:
        headers.append(("retry-after-ms", delay))
    if (header := values.text("header")) is not None:
        name, _, value = header.partition(":")
        headers.append((name.strip(), value.strip()))
    return headers


def _retry_after(delay: str) -> str:
    """The header's value: as given, or for `date+30` the HTTP date 30 seconds from now."""
    if not delay.startswith("date+"):
        return delay
    ahead = timedelta(seconds=float(delay.removeprefix("date+")))
    return format_datetime(datetime.now(UTC) + ahead, usegmt=True)


def html200(_situation: Situation) -> HttpReply:
    return HttpReply(content_type=HTML_TYPE, body=HTML_PAGE % (b"Sign in", b"Sign in"))


def empty200(_situation: Situation) -> HttpReply:
    return HttpReply()


def not_json200(situation: Situation) -> HttpReply:
    """Half of the JSON of the answer, or of its first event, framed as if it were whole."""
    reply = situation.reply
    if reply.events is None:
        return HttpReply(body=reply.body[: len(reply.body) // 2] or b"{")
    first, *rest = reply.events
    return replace(reply, events=(replace(first, data=first.data[: len(first.data) // 2]), *rest))


def no_choices(situation: Situation) -> HttpReply:
    """The list of answers is there and empty."""
    return _with_json(situation.reply, _emptied)


def _emptied(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, **{name: [] for name in ("choices", "data") if name in value}}


def empty_content(situation: Situation) -> HttpReply:
    return retold(situation.reply, [])


def error200(situation: Situation) -> HttpReply:
    error = NAMED[situation.values.text("error200") or "overloaded"]
    return json_reply(error.body(situation.request.model))


def wrong_dimensions(situation: Situation) -> HttpReply:
    """Vectors of another length than was asked for."""
    length = situation.values.optional_integer("wrong_dimensions")

    def changed(value: dict[str, Any]) -> dict[str, Any]:
        for item in value["data"]:
            if isinstance(item["embedding"], list):
                item["embedding"] = _resized(item["embedding"], length)
            else:
                packed = base64.b64decode(item["embedding"])
                floats = [packed[start : start + 4] for start in range(0, len(packed), 4)]
                item["embedding"] = base64.b64encode(b"".join(_resized(floats, length))).decode()
        return value

    return _with_json(situation.reply, changed)


def _resized(vector: list[T], length: int | None) -> list[T]:
    """The vector cut or repeated to `length`; by default one number short."""
    length = (len(vector) - 1 or 2) if length is None else length
    return (vector * (length // len(vector) + 1))[:length]


def bad_json_object(situation: Situation) -> HttpReply:
    """JSON against the schema, or the right object written not quite as JSON."""
    schema = requested_schema(situation.request.fields.get("response_format"))
    nearly = situation.values.text("nearly")
    if nearly is None:
        wrong = '{"unexpected": true}' if schema and schema.get("required") else '["unexpected"]'
        return retold(situation.reply, [wrong])
    right = {"answer": "text"} if schema is None else instance_of(schema)
    return retold(situation.reply, [_nearly_json(json.dumps(right), nearly)])


def _nearly_json(right: str, how: str) -> str:
    if how == "quotes":
        return right.replace('"', "'")
    if how == "comma":
        return f"{right[:-1]},{right[-1]}"
    return f"Here is the object:\n```json\n{right}\n```"


def no_done(situation: Situation) -> HttpReply:
    return _without(situation.reply, EventKind.DONE)


def no_finish(situation: Situation) -> HttpReply:
    return _without(situation.reply, EventKind.FINISH)


def _without(reply: HttpReply, kind: EventKind) -> HttpReply:
    return replace(reply, events=tuple(e for e in reply.events or () if e.kind is not kind))


def error_event(situation: Situation) -> HttpReply:
    """An error instead of the rest of the stream, which then ends in order."""
    values = situation.values
    error = NAMED[values.text("error") or "overloaded"].body(situation.request.model)
    name = "error" if values.flag("event") else ""
    kept = events_before(situation.reply, values.integer("error_event"))
    failed = StreamEvent(EventKind.ERROR, encode(error), name)
    return replace(situation.reply, events=(*kept, failed))


def events_before(reply: HttpReply, content_events: int) -> list[StreamEvent]:
    """The events of a stream up to and with its n-th content event, never its finish."""
    kept: list[StreamEvent] = []
    for event in reply.events or ():
        ended = event.kind is EventKind.FINISH or content_events <= 0
        if ended and event.kind is not EventKind.PREAMBLE:
            break
        kept.append(event)
        content_events -= event.kind is EventKind.CONTENT
    return kept


def big_event(situation: Situation) -> HttpReply:
    return retold(situation.reply, ["x" * situation.values.integer("big_event")])


def huge_headers(situation: Situation) -> HttpReply:
    """The good answer behind a head of many bytes."""
    line = "x" * 8000
    lines = situation.values.integer("huge_headers") // len(line) + 1
    return situation.reply.with_headers(*((f"x-padding-{n}", line) for n in range(lines)))


def _with_json(reply: HttpReply, change: Callable[[dict[str, Any]], dict[str, Any]]) -> HttpReply:
    """Change the JSON of the body, or of every event."""
    if reply.events is None:
        return replace(reply, body=encode(change(json.loads(reply.body))))
    events = (
        e if e.kind is EventKind.DONE else replace(e, data=encode(change(json.loads(e.data))))
        for e in reply.events
    )
    return replace(reply, events=tuple(events))
