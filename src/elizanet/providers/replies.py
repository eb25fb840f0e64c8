"""From an HTTP reply, or the lack of one, to the error of an attempt."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from elizanet.classify import Classifier, Failure, verdict_for
from elizanet.errors import FailureClass, ProviderError, RawReply, Verdict
from elizanet.http import HttpReply, Problem, TransportError
from elizanet.redact import redact

MAX_ERROR_BYTES: Final = 64 * 1024
"""Bytes read of an error's body; what follows is cut off with the connection."""

MAX_MESSAGE_CHARACTERS: Final = 500

_CLASS_OF: Final = {
    Problem.CONNECT_TIMEOUT: FailureClass.TIMEOUT,
    Problem.CUT: FailureClass.MALFORMED_RESPONSE,
    Problem.NOT_HTTP: FailureClass.MALFORMED_RESPONSE,
    Problem.HEAD_TOO_LARGE: FailureClass.MALFORMED_RESPONSE,
    Problem.BAD_ENCODING: FailureClass.MALFORMED_RESPONSE,
}
_LASTING: Final = frozenset({Problem.DNS, Problem.TLS, Problem.PROXY, Problem.HEAD_TOO_LARGE})
"""Problems that another try will not change."""


class _ErrorObject(msgspec.Struct):
    error: Any = None
    message: Any = None
    detail: Any = None


_decode_error = msgspec.json.Decoder(_ErrorObject).decode


async def read_bounded(reply: HttpReply, most: int) -> tuple[bytes, bool]:
    """Read a body up to `most` bytes; the flag tells whether that was all of it."""
    pieces = []
    size = 0
    while chunk := await reply.chunk():
        pieces.append(chunk)
        size += len(chunk)
        if size > most:
            return b"".join(pieces)[:most], False
    return b"".join(pieces), True


async def refusal(provider: str, reply: HttpReply, classifier: Classifier) -> ProviderError:
    """Return the error that a reply with an error status stands for."""
    try:
        body, _ = await read_bounded(reply, MAX_ERROR_BYTES)
    except TransportError:
        body = b""  # the status alone still says what happened
    return error_of(provider, reply, body, classifier)


def error_of(
    provider: str, reply: HttpReply, body: bytes, classifier: Classifier, *, stream: bool = False
) -> ProviderError:
    """Return the error that `body` describes; `stream`: it is what arrived of a stream."""
    failure = Failure.from_reply(provider, reply.status, reply.headers, body, stream=stream)
    reason = reason_in(body) or f"status {reply.status}"
    return built(reply, reason, classifier.verdict(failure), body)


def malformed(reply: HttpReply, reason: str, body: bytes = b"") -> ProviderError:
    """Return the error for a success that is not the promised shape."""
    is_page = body.lstrip()[:1] == b"<"
    verdict = verdict_for(FailureClass.MALFORMED_RESPONSE, retry=not is_page)
    return built(reply, reason, verdict, body)


def built(reply: HttpReply, reason: str, verdict: Verdict, body: bytes) -> ProviderError:
    """Put an error together from what is known of its reply."""
    return ProviderError(
        redact(reason[:MAX_MESSAGE_CHARACTERS]),
        verdict,
        status=reply.status,
        request_id=next((v for k, v in reply.headers if k == "x-request-id"), None),
        reply=RawReply(reply.status, reply.headers, body[:MAX_ERROR_BYTES]),
    )


def unreachable(error: TransportError) -> ProviderError:
    """Return the error for a provider that gave no HTTP answer, or only a part of one."""
    failure = _CLASS_OF.get(error.problem, FailureClass.CONNECTION)
    verdict = verdict_for(failure, retry=error.problem not in _LASTING)
    return ProviderError(redact(str(error)), verdict)


def reason_in(body: bytes) -> str:
    """Return the sentence in which an error body gives its reason, or "" if it has none."""
    try:
        fields = _decode_error(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        text = body[: 4 * MAX_MESSAGE_CHARACTERS].decode(errors="replace").strip()
        return "" if text.startswith("<") else " ".join(text.split())
    for candidate in (fields.error, fields.message, fields.detail):
        if isinstance(candidate, dict):
            candidate = candidate.get("message")  # noqa: PLW2901 -- the same thing, unwrapped
        if isinstance(candidate, str) and candidate:
            return candidate
    return ""
