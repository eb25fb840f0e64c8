"""From an HTTP reply, or the lack of one, to the error of an attempt."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from elizanet.classify import Classifier, Failure, verdict_for
from elizanet.errors import FailureClass, ProviderError, RawReply, Verdict
from elizanet.http import HttpReply, Problem, TransportError
from elizanet.json_fields import decode_loosely
from elizanet.providers.own_secrets import OwnSecrets
from elizanet.redact import excerpt, redact_json

MAX_ERROR_BYTES: Final = 64 * 1024
"""Bytes read of an error's body; what follows is cut off with the connection."""

MAX_MESSAGE_CHARACTERS: Final = 500

_SHOWN_OF_A_BODY: Final = 80
"""Characters of a body that is not what it should be."""

_REDIRECTS: Final = range(300, 400)
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

    A provider that sends one of our own `secrets` back does not bring it into an error.
    """

    def __init__(
        self, provider: str, classifier: Classifier, secrets: OwnSecrets | None = None
    ) -> None:
        self._provider = provider
        self._classifier = classifier
        self._secrets = secrets or OwnSecrets()

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
        reason = reason_in(self._kept(body)) or f"status {reply.status}"
        if reply.status in _REDIRECTS:
            reason = f"status {reply.status}: it redirects elsewhere, where nobody follows"
        return self.built(reply, reason, self._classifier.verdict(failure), body)

    def malformed(
        self, reply: HttpReply, reason: str, body: bytes = b"", *, shows: bool = False
    ) -> ProviderError:
        """Return the error for a success that is not the promised shape.

        `shows`: the reason ends with how the body begins.
        """
        is_page = body.lstrip()[:1] == b"<"
        verdict = verdict_for(FailureClass.MALFORMED_RESPONSE, retry=not is_page)
        if shows:
            reason = f"{reason}: {_beginning(self._kept(body))}"
        return self.built(reply, reason, verdict, body)

    def built(self, reply: HttpReply, reason: str, verdict: Verdict, body: bytes) -> ProviderError:
        """Put an error together from what is known of its reply."""
        headers = self._secrets.hidden_in_headers(reply.headers)
        return ProviderError(
            self._shown(reason),
            verdict,
            status=reply.status,
            request_id=next((v for k, v in headers if k == "x-request-id"), None),
            reply=RawReply(reply.status, headers, self._kept(body)),
        )

    def unreachable(self, error: TransportError) -> ProviderError:
        """Return the error for a provider that gave no HTTP answer, or only a part of one."""
        failure = _CLASS_OF.get(error.problem, FailureClass.CONNECTION)
        verdict = verdict_for(failure, retry=error.problem not in _LASTING)
        is_ours = error.problem is Problem.LOCAL
        return ProviderError(self._shown(str(error)), verdict, is_ours=is_ours)

    def shown_json(self, data: bytes) -> bytes:
        """Return what a provider says of its failure, in JSON, as a caller may see it."""
        text = self._secrets.hidden(data.decode(errors="surrogateescape"))
        return redact_json(text).encode(errors="surrogateescape")

    def _kept(self, body: bytes) -> bytes:
        return self._secrets.hidden_in_body(body, MAX_ERROR_BYTES)

    def _shown(self, reason: str) -> str:
        return excerpt(self._secrets.hidden(reason), MAX_MESSAGE_CHARACTERS)


def reason_in(body: bytes) -> str:
    """Return the sentence in which an error body gives its reason, or "" if it has none."""
    try:
        fields = decode_loosely(body, _decode_error, _ErrorObject)
    except ValueError:
        text = body.decode(errors="replace").strip()
        return "" if text.startswith("<") else " ".join(text.split())
    for candidate in (fields.error, fields.message, fields.detail):
        if isinstance(candidate, dict):
            candidate = candidate.get("message")  # noqa: PLW2901 -- the same thing, unwrapped
        if isinstance(candidate, str) and candidate:
            return candidate
    return ""


def _beginning(body: bytes) -> str:
    text = excerpt(body.decode(errors="replace"), _SHOWN_OF_A_BODY)
    return repr(text) if text.strip() else "an empty body"
