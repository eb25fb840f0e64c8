"""From a call without an answer to the error its caller gets, in OpenAI's shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from elizanet.call import Event
from elizanet.errors import (
    AllTargetsFailed,
    FailureClass,
    InputError,
    ProviderError,
    RawReply,
    Skipped,
)
from elizanet.gateway import headers as wire
from elizanet.gateway.refusal import Refusal
from elizanet.operation import Operation
from elizanet.redact import redact, redact_json
from elizanet.telemetry import attempt_fields

DEFAULT_RETRY_AFTER_S: Final = 5.0
"""Seconds a caller is asked to wait where no provider stated a delay."""
_LONGEST_RETRY_AFTER_S: Final = 86_400.0

_ERRORS: Final = range(400, 600)
_REDIRECTS: Final = range(300, 400)
_JSON: Final = (b"content-type", b"application/json")
_STATUS_OF: Final = {
    FailureClass.RATE_LIMIT: 429,
    FailureClass.QUOTA_EXHAUSTED: 429,
    FailureClass.OVERLOADED: 503,
    FailureClass.TIMEOUT: 504,
    FailureClass.CONTEXT_WINDOW_EXCEEDED: 400,
    FailureClass.CONTENT_POLICY: 400,
    FailureClass.AUTH: 401,
    FailureClass.MODEL_NOT_FOUND: 404,
    FailureClass.BAD_REQUEST: 400,
    FailureClass.PAYLOAD_TOO_LARGE: 413,
}
_BAD_GATEWAY: Final = 502
_ENDS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
_CHUNKED: Final = frozenset({f"/v1/{Operation.CHAT}", f"/v1/{Operation.COMPLETION}"})
"""The paths whose streams are chunks, and have no types."""

Answer = tuple[int, list[wire.RawHeader], bytes]
"""Status, headers without content-length, body."""


class _ErrorField(msgspec.Struct):
    error: Any = None


class _Number(msgspec.Struct):
    sequence_number: int = -1


_decode_error = msgspec.json.Decoder(_ErrorField).decode
_decode_number = msgspec.json.Decoder(_Number).decode


def error_body(
    message: str, kind: str, code: str | None, param: str | None = None, **more: object
) -> bytes:
    """Return an error in OpenAI's shape; `more` are fields beside its own."""
    error = {"message": message, "type": kind, "param": param, "code": code, **more}
    return msgspec.json.encode({"error": error})


def refused(error: InputError, call_id: str) -> Answer:
    """Return the answer to a request that no provider saw."""
    own: tuple[wire.RawHeader, ...] = ()
    kind = "invalid_request_error"
    if isinstance(error, Refusal):
        own, kind = error.headers, error.kind
    headers = [*_ids(call_id), *own, _JSON]
    body = error_body(str(error), kind, error.code, error.param)
    return error.status, headers, body


def fault(call_id: str) -> Answer:
    """Return the answer to a request on which the gateway itself failed."""
    message = f"the gateway failed on this request; its log has the reason under {call_id}"
    headers = [*_ids(call_id), _JSON]
    return 500, headers, error_body(message, "internal_error", "internal_error")


def failed_alone(error: ProviderError, call_id: str) -> Answer:
    """Return the one provider's own error, without what is not the caller's business."""
    headers = wire.about(call_id, error.provider, error.model, error.attempts)
    failure, reply = error.failure_class, error.reply
    status = _STATUS_OF.get(failure, _BAD_GATEWAY)
    if error.request_id is None:
        headers.append((b"x-request-id", call_id.encode()))
    if reply is not None:
        headers += _redacted(wire.passed_on(reply.headers))
        body = _own_words(reply)
        if reply.status in _ERRORS:
            status = reply.status
            if body:
                return status, headers, body
        elif reply.status in _REDIRECTS:
            status = _BAD_GATEWAY
        headers = [header for header in headers if header[0] != b"content-type"]
        if body:
            return status, [*headers, _JSON], body
    if not any(name == b"retry-after" for name, _ in headers):
        headers += _retry_after(error.verdict.retry_after_s)
    return status, [*headers, _JSON], error_body(error.message, failure, failure)


def all_failed(error: AllTargetsFailed, call_id: str) -> Answer:
    """Return the error for a call that no target answered."""
    said = {each.failure_class for each in error.errors}
    said |= {target.failure_class for target in error.skipped}
    limited = said == {FailureClass.RATE_LIMIT}
    status, code = (429, "rate_limit_exceeded") if limited else (503, "all_targets_failed")
    stated = error.retry_after_s
    headers = [
        *_ids(call_id),
        (b"x-elizanet-attempts", b"%d" % len(error.attempts)),
        (b"x-should-retry", b"true" if error.shed else b"false"),
        *_retry_after(DEFAULT_RETRY_AFTER_S if stated is None else stated),
        _JSON,
    ]
    told = [attempt_fields(attempt) for attempt in error.attempts]
    skipped = [_skipped_fields(target) for target in error.skipped]
    body = error_body(str(error), "all_targets_failed", code, attempts=told, skipped=skipped)
    return status, headers, body


def break_event(error: ProviderError, last: Event | None, *, typed: bool) -> bytes:
    """Return the event that ends a stream which broke after its `last` event.

    An event that was cut off is first ended, so that ours is not taken for a part of it.
    `typed`: the events of this stream say by a type what they are.
    """
    failure, before = error.failure_class, last.raw if last is not None else b""
    gap = b"" if before.endswith(_ENDS) or not before else b"\n\n"
    if not typed:
        body = error_body(error.message, failure, failure, partial=True)
        return b"%bdata: %b\n\n" % (gap, body)
    return gap + _error_event(error.message, failure, failure, _number_after(last))


def drain_event(path: str) -> bytes:
    """Return the event that ends a stream because the gateway does."""
    message = "the gateway is shutting down, and could not wait for the end of this answer"
    if path not in _CHUNKED:
        return b"\n\n" + _error_event(message, "server_error", "draining", 0)
    return b"\n\ndata: %b\n\n" % error_body(message, "server_error", "draining", partial=True)


def _error_event(message: str, kind: str, code: str, number: int) -> bytes:
    """Return an error event of the Responses API.

    Its schema has the fields in the event; the SDKs raise for the object inside it, which
    OpenAI's own events have too.
    """
    error = {"message": message, "type": kind, "param": None, "code": code, "partial": True}
    event = {**error, "type": "error", "sequence_number": number, "error": error}
    return b"event: error\ndata: %b\n\n" % msgspec.json.encode(event)


def _number_after(last: Event | None) -> int:
    try:
        return _decode_number(last.data).sequence_number + 1 if last is not None else 0
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return 0


def _skipped_fields(target: Skipped) -> dict[str, object]:
    return {
        "provider": target.provider,
        "model": target.model,
        "reason": target.reason,
        "detail": target.detail,
        "retry_after_s": target.retry_after_s,
    }


def _ids(call_id: str) -> tuple[wire.RawHeader, ...]:
    """Return the id of an answer of ours; clients show the first, and report by it."""
    return (b"x-request-id", call_id.encode()), (b"x-elizanet-request-id", call_id.encode())


def _own_words(reply: RawReply) -> bytes:
    """Return the provider's error body, or b"" if it gave none.

    Behind a success status only an error object is one: a page or half an answer is not.
    A redirect leads to an address that is not the caller's business.
    """
    if reply.status in _REDIRECTS:
        return b""
    if reply.status not in _ERRORS:
        try:
            if not _decode_error(reply.body).error:
                return b""
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return b""
    text = reply.body.decode(errors="surrogateescape")
    return redact_json(text).encode(errors="surrogateescape")


def _redacted(headers: Sequence[wire.RawHeader]) -> list[wire.RawHeader]:
    return [(name, redact(value.decode()).encode()) for name, value in headers]


def _retry_after(seconds: float | None) -> list[wire.RawHeader]:
    if seconds is None:
        return []
    whole = math.ceil(min(max(seconds, 1.0), _LONGEST_RETRY_AFTER_S))
    return [(b"retry-after", b"%d" % whole)]
