"""The failures a simulated server can answer with, each made by the real provider code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from elizanet.classify import Classifier
from elizanet.http import Problem, TransportError
from elizanet.testing.openai_errors import ApiError, error_for
from elizanet.testing.reply import encode
from elizanet.testing.simulation.error_facts import (
    PLANTED_KEY,
    CannedReply,
    ErrorFacts,
    facts_of,
)
from elizanet.testing.simulation.exchange import PREAMBLE, content

_ID: Final = ("x-request-id", "req_simulated")
_DATE: Final = ("date", "Sun, 22 Nov 2026 12:00:00 GMT")
_JSON: Final = (("content-type", "application/json"), _DATE, _ID)
_STREAM: Final = (("content-type", "text/event-stream"), _DATE, _ID)
_GARBAGE: Final = b"data: {garbage\n\n" * 3
_BEGUN: Final = PREAMBLE.raw + content(0, 0).raw
_REFUSED_KEY: Final = ApiError(
    401, "invalid_request_error", f"Incorrect API key provided: {PLANTED_KEY}.", "invalid_api_key"
)


class Failures:
    """Makes each failure once, with this classifier (default: the built-in judgement)."""

    def __init__(self, classifier: Classifier | None = None) -> None:
        self._classifier = classifier
        self._kept: dict[object, ErrorFacts] = {}

    def __repr__(self) -> str:
        return f"<Failures kept={len(self._kept)}>"

    def transport(self, problem: Problem) -> ErrorFacts:
        """No HTTP answer at all."""
        return self._made(problem, lambda: TransportError(problem), stream=False)

    def status(self, status: int, *headers: tuple[str, str]) -> ErrorFacts:
        """An error status with OpenAI's usual error for it."""

        def reply() -> CannedReply:
            body = encode(error_for(status).body())
            return CannedReply(status, (*_JSON, *headers), [body])

        return self._made((status, headers), reply, stream=False)

    def refused_key(self) -> ErrorFacts:
        """A 401 that repeats the key, as some providers do."""
        body = encode(_REFUSED_KEY.body())
        return self._made("key", lambda: CannedReply(401, _JSON, [body]), stream=False)

    def overloaded_stream(self) -> ErrorFacts:
        """A stream that begins with 200 and then says that the server is overloaded."""
        event = b"event: error\ndata: %b\n\n" % encode(error_for(529).body())
        return self._stream("overloaded", PREAMBLE.raw, event)

    def cut_stream(self) -> ErrorFacts:
        """A stream whose connection breaks after content."""
        return self._stream("cut", _BEGUN, TransportError(Problem.CUT))

    def unfinished_stream(self) -> ErrorFacts:
        """A stream that ends in order after content, without a finish."""
        return self._stream("unfinished", _BEGUN)

    def garbage_stream(self, *, begun: bool) -> ErrorFacts:
        """A stream of events that are not JSON; `begun`: after content."""
        return self._stream(f"garbage {begun}", _BEGUN if begun else PREAMBLE.raw, _GARBAGE)

    def cut_body(self) -> ErrorFacts:
        """A unary answer that is shorter than it promised."""
        pieces = b'{"choices":[{"mess', TransportError(Problem.CUT)
        return self._made("cut body", lambda: CannedReply(200, _JSON, pieces), stream=False)

    def garbage_body(self) -> ErrorFacts:
        """A unary answer that is not JSON."""
        pieces = (b"garbage",)
        return self._made("garbage body", lambda: CannedReply(200, _JSON, pieces), stream=False)

    def _stream(self, name: str, *pieces: bytes | TransportError) -> ErrorFacts:
        return self._made(name, lambda: CannedReply(200, _STREAM, pieces), stream=True)

    def _made(
        self, key: object, answer: Callable[[], CannedReply | TransportError], *, stream: bool
    ) -> ErrorFacts:
        facts = self._kept.get(key)
        if facts is None:
            facts = facts_of(answer(), stream=stream, classifier=self._classifier)
            self._kept[key] = facts
        return facts
