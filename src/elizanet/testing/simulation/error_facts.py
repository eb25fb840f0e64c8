"""What the real provider code raises for a reply, found out once and kept as facts.

A simulated provider must fail exactly as a real one does, and thousands of times a second.
So each kind of failure is played once to `OpenAIProvider`, over an `Http` that answers from
memory; what it raises is kept, and every failure of the simulation is a fresh error with
these facts. Errors are never shared: the engine writes into them.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, Final

import msgspec

from elizanet.call import Call, Headers, Upload
from elizanet.classify import Classifier
from elizanet.errors import ProviderError, RawReply, Verdict
from elizanet.http import Http, HttpReply, TransportError
from elizanet.operation import Operation
from elizanet.providers.openai import OpenAIProvider
from elizanet.settings import Secret

PLANTED_KEY: Final = "sk-planted-0f3b5d7e9a1c2d4e6f"
"""The key of every simulated provider: it is in their error messages, and must be in no other."""

_REQUEST: Final = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


class ErrorFacts(msgspec.Struct, frozen=True):
    """All that a failure of a provider consists of."""

    message: str
    verdict: Verdict
    status: int | None = None
    request_id: str | None = None
    reply: RawReply | None = None

    def error(self) -> ProviderError:
        """Return a fresh error."""
        return ProviderError(
            self.message,
            self.verdict,
            status=self.status,
            request_id=self.request_id,
            reply=self.reply,
        )


class CannedReply(HttpReply):
    """An HTTP answer from memory; a `TransportError` among its pieces is raised in its turn."""

    __slots__ = ("_pieces",)

    def __init__(
        self, status: int, headers: Headers, pieces: Iterable[bytes | TransportError]
    ) -> None:
        self.status = status
        self.headers = headers
        self._pieces = iter(pieces)

    async def chunk(self) -> bytes:
        piece = next(self._pieces, b"")
        if isinstance(piece, TransportError):
            raise piece
        return piece

    def close(self) -> None:
        self._pieces = iter(())


class _CannedHttp(Http):
    """Answers every request alike."""

    def __init__(self, answer: CannedReply | TransportError) -> None:
        self._answer = answer

    async def send(
        self,
        method: str,  # noqa: ARG002 -- the signature of Http
        url: str,  # noqa: ARG002
        headers: Headers,  # noqa: ARG002
        body: bytes | None,  # noqa: ARG002
        *,
        connect_timeout: float,  # noqa: ARG002
        rest: Upload | None = None,  # noqa: ARG002
    ) -> HttpReply:
        if isinstance(self._answer, TransportError):
            raise self._answer
        return self._answer


def facts_of(
    answer: CannedReply | TransportError, *, stream: bool, classifier: Classifier | None = None
) -> ErrorFacts:
    """Return what the provider code raises when it is answered so.

    Raises `ValueError` if it raises nothing.
    """
    provider = OpenAIProvider(
        "simulated",
        "http://simulated.invalid/v1",
        _CannedHttp(answer),
        api_key=Secret(PLANTED_KEY),
        classifier=classifier,
    )
    call = Call("req_facts", Operation.CHAT, "m", _REQUEST, 0.0, stream=stream)
    try:
        _without_waiting(_read_all(provider, call))
    except ProviderError as error:
        return ErrorFacts(error.message, error.verdict, error.status, error.request_id, error.reply)
    raise ValueError(f"{answer!r} is no failure")


async def _read_all(provider: OpenAIProvider, call: Call) -> None:
    answer = await provider.send(call)
    while await answer.next() is not None:
        pass


def _without_waiting(work: Coroutine[Any, Any, None]) -> None:
    """Run to its end what never waits, without an event loop."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("a reply from memory was waited for")
