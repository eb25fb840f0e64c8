"""From a call without an answer to the error its caller gets, in OpenAI's shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from elizanet.errors import AllTargetsFailed, FailureClass, InputError, ProviderError, RawReply
from elizanet.gateway import headers as wire
from elizanet.gateway.refusal import Refusal
from elizanet.redact import redact
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

Answer = tuple[int, list[wire.RawHeader], bytes]
"""Status, headers without content-length, body."""


class _ErrorField(msgspec.Struct):
    error: Any = None


_decode_error = msgspec.json.Decoder(_ErrorField).decode


def error_body(
    message: str, kind: str, code: str | None, param: str | None = None, **more: object
) -> bytes:
    """Return an error in OpenAI's shape; `more` are fields beside its own."""
    error = {"message": message, "type": kind, "param": param, "code": code, **more}
    return msgspec.json.encode({"error": error})


def refused(error: InputError, call_id: str) -> Answer:
    """Return the answer to a request that no provider saw."""
    own = error.headers if isinstance(error, Refusal) else ()
    headers = [(b"x-elizanet-request-id", call_id.encode()), *own, _JSON]
    body = error_body(str(error), "invalid_request_error", error.code, error.param)
    return error.status, headers, body


def fault(call_id: str) -> Answer:
    """Return the answer to a request on which the gateway itself failed."""
    message = f"the gateway failed on this request; its log has the reason under {call_id}"
    headers = [(b"x-elizanet-request-id", call_id.encode()), _JSON]
    return 500, headers, error_body(message, "internal_error", "internal_error")


def failed_alone(error: ProviderError, call_id: str) -> Answer:
    """Return the one provider's own error, without what is not the caller's business."""
    headers = wire.about(call_id, error.provider, error.model, error.attempts)
    failure, reply = error.failure_class, error.reply
    status = _STATUS_OF.get(failure, _BAD_GATEWAY)
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
    """Return the error for a call that several targets failed to answer."""
    limited = {each.failure_class for each in error.errors} == {FailureClass.RATE_LIMIT}
    status, code = (429, "rate_limit_exceeded") if limited else (503, "all_targets_failed")
    stated = error.retry_after_s
    headers = [
        (b"x-elizanet-request-id", call_id.encode()),
        (b"x-elizanet-attempts", b"%d" % len(error.attempts)),
        (b"x-should-retry", b"false"),
        *_retry_after(DEFAULT_RETRY_AFTER_S if stated is None else stated),
        _JSON,
    ]
    told = [attempt_fields(attempt) for attempt in error.attempts]
    return status, headers, error_body(str(error), "all_targets_failed", code, attempts=told)


def break_event(error: ProviderError, before: bytes) -> bytes:
    """Return the event that ends a stream which broke after `before`.

    An event that was cut off is first ended, so that ours is not taken for a part of it.
    """
    failure = error.failure_class
    body = error_body(error.message, failure, failure, partial=True)
    gap = b"" if before.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")) else b"\n\n"
    return b"%bdata: %b\n\n" % (gap, body)


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
    return redact(text).encode(errors="surrogateescape")


def _redacted(headers: Sequence[wire.RawHeader]) -> list[wire.RawHeader]:
    return [(name, redact(value.decode()).encode()) for name, value in headers]


def _retry_after(seconds: float | None) -> list[wire.RawHeader]:
    if seconds is None:
        return []
    whole = math.ceil(min(max(seconds, 1.0), _LONGEST_RETRY_AFTER_S))
    return [(b"retry-after", b"%d" % whole)]
