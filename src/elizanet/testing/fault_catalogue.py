"""Every kind of fault there is, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from elizanet.testing import fault_contents as contents
from elizanet.testing import fault_wires as wires
from elizanet.testing.fault_kind import DeliveryAct, FaultKind, Scope
from elizanet.testing.fault_values import (
    Parameter,
    Values,
    choice,
    content,
    count,
    delay_header,
    flag,
    header,
    number,
    seconds,
    text,
)
from elizanet.testing.openai_errors import NAMED
from elizanet.testing.wire import Delivery

MIB = 1024 * 1024

COMMON = (
    count("times", "only the first N requests that match"),
    count("after", "not the first N requests that match", 0),
    number("rate", "chance that a request is hit", 1.0, "a number from 0 to 1", 1.0),
    count("seed", "seed of that chance", 0),
    text("path", "only this path below /v1/; a glob"),
    text("model", "only this model; a glob"),
    replace(flag("stream", "only streams (yes) or only other requests (no)"), default=None),
)
"""Options that say which requests a fault hits; every kind but `refuse` takes them."""

ERROR_OPTIONS = (
    delay_header("retry-after", "that header: seconds, any text, or date+30 for a date in 30 s"),
    delay_header("retry-after-ms", "that header, in milliseconds"),
    text("code", "error.code"),
    text("message", "error.message"),
    content("body", "another body; @FILE reads it from a file"),
    flag("html", "an HTML page as body"),
    header("header", "one more header, 'name: value'"),
)

_NAMED_HELP = {
    "rate_limit": "429, rate_limit_exceeded",
    "quota": "429, insufficient_quota",
    "overloaded": "503, overloaded",
    "auth": "401, invalid_api_key",
    "bad_request": "400, a parameter out of range",
    "content_policy": "400, content_filter",
    "context": "400, context_length_exceeded",
    "model_not_found": "404, model_not_found",
}

_HOW = choice("how", "how the connection ends", ("close", "reset"), "close")
_HOW_STREAM = choice(
    "how", "how (clean is a proper end of the HTTP body)", ("close", "reset", "clean"),
    "close",
)  # fmt: skip


def _errors() -> list[FaultKind]:
    named = [
        FaultKind(name, told, None, ERROR_OPTIONS, content=contents.named_error(name))
        for name, told in _NAMED_HELP.items()
    ]
    status = count("status", "from 200 to 599", 500, least=200, most=599)
    help_text = "an error status, with OpenAI's usual error for it"
    return [FaultKind("status", help_text, status, ERROR_OPTIONS, content=contents.status), *named]


def _connections() -> list[FaultKind]:
    then = choice("then", "what follows", ("close", "hang"), "close")
    sent = count("cut", "bytes of the body that are sent; half of them by default")
    huge = count("huge_headers", "bytes of headers", 8 * MIB, most=256 * MIB)
    return [
        FaultKind("refuse", "nothing listens: connections are refused"),
        FaultKind("reset", "TCP reset instead of an answer", wire=wires.reset),
        FaultKind("close", "closes without an answer", wire=wires.close),
        FaultKind("hang", "reads the request and says nothing", wire=wires.hang),
        FaultKind("hang_headers", "a good head, then silence", wire=wires.hang_headers),
        FaultKind("half_head", "half of a head", None, (then,), wire=wires.half_head),
        FaultKind("cut", "a body shorter than promised", sent, (_HOW,), wire=wires.cut),
        FaultKind("garbage", "bytes that are not HTTP", wire=wires.garbage),
        FaultKind("endless_body", "a body without end", wire=wires.endless_body),
        FaultKind("huge_headers", "megabytes of headers", huge, content=contents.huge_headers),
        FaultKind("bad_chunk", "a chunk size that is no number", wire=wires.bad_chunk),
    ]


def _streams() -> list[FaultKind]:
    def after(name: str) -> Parameter:
        return count(name, "after N content events", 0)

    error = choice("error", "which error", tuple(NAMED), "overloaded")
    event = flag("event", "with a line `event: error`")
    quiet = seconds("keepalives", "comments instead of silence, one per this many seconds")
    pause = seconds("keepalives", "seconds between comments", 0.1)
    big = count("big_event", "bytes of content in the event", 2 * MIB, most=256 * MIB)
    kinds = [
        FaultKind("cut_stream", "the stream breaks off", after("cut_stream"), (_HOW_STREAM,),
                  wire=wires.cut_stream),
        FaultKind("stall_stream", "the stream falls silent", after("stall_stream"), (quiet,),
                  wire=wires.stall_stream),
        FaultKind("error_event", "an error event in the stream", after("error_event"),
                  (error, event), content=contents.error_event),
        FaultKind("keepalives", "comments only, no event", pause, wire=wires.keepalives),
        FaultKind("no_done", "finish_reason, but no [DONE]", content=contents.no_done),
        FaultKind("no_finish", "[DONE], but no finish_reason", content=contents.no_finish),
        FaultKind("big_event", "the content in one huge event", big, content=contents.big_event),
    ]  # fmt: skip
    return [replace(kind, scope=Scope.STREAMS) for kind in kinds]


def _shapes() -> list[FaultKind]:
    named = choice("error200", "which error", tuple(NAMED), "overloaded")
    length = count("wrong_dimensions", "their length; one short by default", most=65_536)
    nearly = choice(
        "nearly",
        "the right object, but not quite JSON",
        ("quotes", "comma", "fenced"),
        bare="fenced",
    )
    return [
        FaultKind("html200", "200 with an HTML page", content=contents.html200),
        FaultKind("empty200", "200 without a body", content=contents.empty200),
        FaultKind("not_json200", "200 with half of the JSON", content=contents.not_json200),
        FaultKind("error200", "200 with an error object", named, content=contents.error200),
        FaultKind("no_choices", "200 with an empty list of answers",
                  scope=Scope.LISTS, content=contents.no_choices),
        FaultKind("empty_content", "200 with an empty text",
                  scope=Scope.TEXT, content=contents.empty_content),
        FaultKind("wrong_dimensions", "vectors of the wrong length", length,
                  scope=Scope.EMBEDDINGS, content=contents.wrong_dimensions),
        FaultKind("bad_json_object", "an object against its schema", None, (nearly,),
                  scope=Scope.OBJECTS, content=contents.bad_json_object),
    ]  # fmt: skip


def _deliveries() -> list[FaultKind]:
    delay = seconds("slow", "seconds before the answer", 1.0)
    interval = seconds("drip", "seconds between bytes", 0.1)
    pause = seconds("interval", "seconds between pieces", 0.0)
    size = replace(count("split", "bytes a piece", 1, least=1))
    head = flag("head", "the head too, not only the body")
    return [
        FaultKind("slow", "answers late", delay, delivery=_slow),
        FaultKind("drip", "one byte at a time", interval, (head,), delivery=_drip),
        FaultKind("split", "in small pieces", size, (pause,), delivery=_split),
        *(FaultKind(name, f"content-encoding: {name}", delivery=_encoded(name))
          for name in ("gzip", "deflate", "br", "zstd")),
    ]  # fmt: skip


def _slow(values: Values, delivery: Delivery) -> Delivery:
    return replace(delivery, delay=delivery.delay + values.number("slow"))


def _drip(values: Values, delivery: Delivery) -> Delivery:
    pace_head = values.flag("head")
    return replace(delivery, piece=1, interval=values.number("drip"), pace_head=pace_head)


def _split(values: Values, delivery: Delivery) -> Delivery:
    return replace(delivery, piece=values.integer("split"), interval=values.number("interval"))


def _encoded(coding: str) -> DeliveryAct:
    return lambda _values, delivery: replace(delivery, encoding=coding)


_GROUPS: dict[str, Callable[[], list[FaultKind]]] = {
    "errors": _errors,
    "connections and bytes": _connections,
    "streams": _streams,
    "bodies of a 200": _shapes,
    "on top of any answer": _deliveries,
}

GROUPS = {title: tuple(make()) for title, make in _GROUPS.items()}
"""The kinds in the order of the help, by group."""

KINDS = {kind.name: kind for group in GROUPS.values() for kind in group}
"""The kinds by name."""
