"""From an HTTP reply, or the lack of one, to the error of an attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from elizanet.call import Headers
from elizanet.classify import Classifier, Failure, verdict_for
from elizanet.errors import FailureClass, ProviderError, RawReply, Verdict
from elizanet.http import HttpReply, Problem, TransportError
from elizanet.redact import MASK, redact

MAX_ERROR_BYTES: Final = 64 * 1024
"""Bytes read of an error's body; what follows is cut off with the connection."""

MAX_MESSAGE_CHARACTERS: Final = 500

_SHORTEST_SECRET: Final = 4
"""A shorter one would take ordinary words out of sentences."""

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


class Replies:
    """Turns the replies of one provider into errors.

    `secrets` are our own keys and header values: a provider that sends one back does not
    bring it into an error, whatever it looks like.
    """

    def __init__(self, provider: str, classifier: Classifier, secrets: Sequence[str] = ()) -> None:
        self._provider = provider
        self._classifier = classifier
        self._secrets = tuple(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)

    def __repr__(self) -> str:
        return f"<Replies of {self._provider!r}>"

    async def refusal(self, reply: HttpReply) -> ProviderError:
        """Return the error that a reply with an error status stands for."""
        try:
            body, _ = await read_bounded(reply, MAX_ERROR_BYTES)
        except TransportError:
            body = b""  # the status alone still says what happened
        return self.error_of(reply, body)

    def error_of(self, reply: HttpReply, body: bytes, *, stream: bool = False) -> ProviderError:
        """Return the error that `body` describes; `stream`: it is what arrived of a stream."""
        failure = Failure.from_reply(
            self._provider, reply.status, reply.headers, body, stream=stream
        )
        reason = reason_in(body) or f"status {reply.status}"
        return self.built(reply, reason, self._classifier.verdict(failure), body)

    def malformed(self, reply: HttpReply, reason: str, body: bytes = b"") -> ProviderError:
        """Return the error for a success that is not the promised shape."""
        is_page = body.lstrip()[:1] == b"<"
        verdict = verdict_for(FailureClass.MALFORMED_RESPONSE, retry=not is_page)
        return self.built(reply, reason, verdict, body)

    def built(self, reply: HttpReply, reason: str, verdict: Verdict, body: bytes) -> ProviderError:
        """Put an error together from what is known of its reply."""
        kept, headers = body[:MAX_ERROR_BYTES], reply.headers
        for secret in self._secrets:
            reason = reason.replace(secret, MASK)
            kept = kept.replace(secret.encode(), MASK.encode())
            headers = _without(secret, headers)
        return ProviderError(
            redact(reason[: 4 * MAX_MESSAGE_CHARACTERS])[:MAX_MESSAGE_CHARACTERS],
            verdict,
            status=reply.status,
            request_id=next((v for k, v in reply.headers if k == "x-request-id"), None),
            reply=RawReply(reply.status, headers, kept),
        )


def _without(secret: str, headers: Headers) -> Headers:
    for _, value in headers:
        if secret in value:
            return tuple((name, value.replace(secret, MASK)) for name, value in headers)
    return headers


def unreachable(error: TransportError) -> ProviderError:
    """Return the error for a provider that gave no HTTP answer, or only a part of one."""
    failure = _CLASS_OF.get(error.problem, FailureClass.CONNECTION)
    verdict = verdict_for(failure, retry=error.problem not in _LASTING)
    return ProviderError(redact(str(error)), verdict, is_ours=error.problem is Problem.LOCAL)


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
