"""Requests that are no calls of a model: files, batches, stored responses, and what comes yet.

They go to one provider as they are, with its key in the place of the caller's, and nowhere
else: what they are about exists there only. Nothing is tried again.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Final

from elizanet.call import Answer, Event
from elizanet.classify import verdict_for
from elizanet.errors import FailureClass, ProviderError
from elizanet.gateway import headers as wire
from elizanet.gateway.asgi import Exchange
from elizanet.gateway.body import read_body
from elizanet.gateway.controls import HopGuard, timeout_in
from elizanet.gateway.delivery import deliver
from elizanet.gateway.ownership import Ownership
from elizanet.gateway.refusal import Refusal
from elizanet.gateway.upload import CallerUpload
from elizanet.gateway.watch import CallerWatch
from elizanet.limit import Limit, LimitReached
from elizanet.metrics import Metrics
from elizanet.operation import Operation
from elizanet.router import Router

logger = logging.getLogger("elizanet.gateway")

PREFIX: Final = "/v1/"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SMALL: Final = 64 * 1024
"""Bytes of a body that is read before it is sent on, so that it can use a kept connection."""

_REFUSALS: Final = range(400, 500)
"""The statuses by which the provider answers a request that is wrong."""
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_STEP: Final = re.compile(r"[/\\]")
_DOTS: Final = frozenset({".", ".."})
_STORED: Final = frozenset({Operation.RESPONSE, Operation.CHAT})


class Passthrough:
    """Answers every path below `/v1/` that nobody else does; `metrics` count what came of it."""

    def __init__(
        self, router: Router, hops: HopGuard, ownership: Ownership, metrics: Metrics
    ) -> None:
        self._router = router
        self._hops = hops
        self._ownership = ownership
        self._metrics = metrics
        self._usual = router.settings.gateway.passthrough

    def __repr__(self) -> str:
        return f"<Passthrough to {self._usual}>"

    def takes(self, path: str) -> bool:
        """Tell whether there is a provider for this path."""
        return path.startswith(PREFIX) and self._provider_for(path) is not None

    async def __call__(self, exchange: Exchange) -> None:
        """Answer one request. Raises `InputError`, `ProviderError` and `CallerGone`."""
        target = _target_of(exchange)
        name = self._provider_for(exchange.scope["path"]) or ""
        try:
            await self._forward(exchange, name, target)
        except ProviderError as error:
            self._metrics.passed_on(name, error.status)
            if error.status not in _REFUSALS:
                told = exchange.call_id, exchange.scope["method"], target.partition("?")[0], error
                logger.warning("[%s] %s /v1/%.200s was not answered: %s", *told)
            raise

    async def _forward(self, exchange: Exchange, name: str, target: str) -> None:
        scope, given = exchange.scope, exchange.headers
        headers = self._hops.passed_on(exchange) + wire.forwarded(given, with_files=True)
        within = timeout_in(given) or self._router.settings.timeouts.total
        exchange.visit.asks(None)
        body, upload = await _body_of(exchange)
        with CallerWatch(exchange.presence):
            try:
                with Limit(asyncio.get_running_loop().time() + within):
                    answer = await self._router.provider(name).forward(
                        scope["method"], target, headers, body, upload
                    )
            except LimitReached:
                raise _too_late(name, within) from None
            self._metrics.passed_on(name, answer.head.status)
            patient = _Patient(answer, self._router.settings.timeouts.attempt)
            try:
                told = wire.answered(answer.head, exchange.call_id, ())
                await deliver(patient, exchange, told)
            finally:
                await answer.aclose()

    def _provider_for(self, path: str) -> str | None:
        for operation in _STORED:
            below = f"{PREFIX}{operation}/"
            if path.startswith(below):
                name = path.removeprefix(below).partition("/")[0]
                return self._ownership.holder(name) or self._usual
        return self._usual


class _Patient:
    """An answer whose silence ends after so many seconds."""

    __slots__ = ("_answer", "_patience", "head")

    def __init__(self, answer: Answer, patience: float) -> None:
        self._answer = answer
        self._patience = patience
        self.head = answer.head

    async def next(self) -> Event | None:
        try:
            with Limit(asyncio.get_running_loop().time() + self._patience):
                return await self._answer.next()
        except LimitReached:
            raise _too_late(self.head.provider, self._patience) from None

    async def aclose(self) -> None:
        await self._answer.aclose()


def _target_of(exchange: Exchange) -> str:
    """Return the path below `/v1/` as it was written, and its query. Raises `Refusal` (404)."""
    scope = exchange.scope
    raw: str = scope["raw_path"].decode("latin-1")
    known = scope["method"] in METHODS and raw.startswith(PREFIX)
    if not known or not _DOTS.isdisjoint(_STEP.split(scope["path"])):
        raise Refusal("there is no such path here", code="unknown_url", status=404)
    query: str = scope["query_string"].decode("latin-1")
    return raw.removeprefix(PREFIX) + (f"?{query}" if query else "")


async def _body_of(exchange: Exchange) -> tuple[bytes | None, CallerUpload | None]:
    """Return a small body, or the way to read a large one."""
    given = exchange.headers
    stated = int(given.get(b"content-length", b"0"))
    if b"transfer-encoding" in given or stated > SMALL:
        return None, CallerUpload(exchange)
    if stated:
        return await read_body(exchange, SMALL), None
    return (b"" if exchange.scope["method"] in _WITH_BODY else None), None


def _too_late(provider: str, seconds: float) -> ProviderError:
    message = f"{provider} gave no answer within {seconds:.3g} s"
    error = ProviderError(message, verdict_for(FailureClass.TIMEOUT))
    error.provider = provider
    return error
