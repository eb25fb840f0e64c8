"""One call: from a caller's bytes through a chain and back, byte for byte."""

from __future__ import annotations

from typing import Final

from elizanet.call import Bound
from elizanet.gateway import forms
from elizanet.gateway import headers as wire
from elizanet.gateway.asgi import Exchange
from elizanet.gateway.body import Asked, asked_in, read_body, refuse_encoding
from elizanet.gateway.controls import HopGuard, forbids_fallback, is_repeated, timeout_in
from elizanet.gateway.delivery import Listener, deliver
from elizanet.gateway.ownership import Ownership, Pin
from elizanet.gateway.watch import CallerWatch
from elizanet.operation import Operation
from elizanet.router import Router
from elizanet.usage import usage_in

_CHUNKED: Final = frozenset({Operation.CHAT, Operation.COMPLETION})
"""The operations whose streams are chunks; the events of all others have types."""


class Relay:
    """Answers the requests that name a model. `max_body`: bytes of one that is kept whole."""

    def __init__(self, router: Router, max_body: int, hops: HopGuard, ownership: Ownership) -> None:
        self._router = router
        self._max_body = max_body
        self._hops = hops
        self._ownership = ownership

    def __repr__(self) -> str:
        return f"<Relay {self._router!r} max_body={self._max_body}>"

    async def __call__(self, operation: Operation, exchange: Exchange) -> None:
        """Answer one request.

        Raises `InputError` and `CallFailed`, and `CallerGone`, before anything was sent.
        """
        given = exchange.headers
        headers = self._hops.passed_on(exchange) + wire.forwarded(given)
        forbidden = forbids_fallback(given)
        asked = await self._read(operation, exchange)
        wanted = asked.wanted
        timeout = timeout_in(given, stream=asked.stream)
        text = asked.body if asked.form is None else b""
        exchange.visit.asks(wanted.model, text, service_tier=wanted.service_tier)
        pin = self._ownership.pin(operation, asked)
        with CallerWatch(exchange.presence):
            answer = await self._router.send(
                operation,
                wanted.model,
                asked.body,
                stream=asked.stream,
                timeout=timeout,
                headers=headers,
                bound=_bound(pin, forbidden=forbidden),
                call_id=exchange.call_id,
                form=asked.form,
                only_provider=pin.provider,
                repeated=is_repeated(given),
                caller=exchange.visit.caller.alias,
                may_know=exchange.visit.caller.may_use,
            )
            async with answer:
                told = wire.answered(
                    answer.head, exchange.call_id, answer.attempts, answer.fallback
                )
                listener = self._listener(operation, asked, answer.head.provider, exchange)
                typed = operation not in _CHUNKED
                await deliver(answer, exchange, told, typed=typed, listener=listener)

    async def _read(self, operation: Operation, exchange: Exchange) -> Asked:
        refuse_encoding(exchange)
        if forms.is_form(exchange):
            return await forms.read_form(operation, exchange, self._max_body)
        return asked_in(operation, await read_body(exchange, self._max_body))

    def _listener(
        self, operation: Operation, asked: Asked, provider: str, exchange: Exchange
    ) -> Listener | None:
        """Return who wants to know what the answer says, if anybody does."""
        learning = self._ownership.creates(operation, asked)
        visit = exchange.visit
        if not learning and not visit.caller.counts_tokens:
            return None

        def listen(data: bytes) -> None:
            nonlocal learning
            learning = learning and not self._ownership.learn(provider, data)
            usage = usage_in(data)
            visit.heard(None if usage is None else usage.total_tokens)

        return listen


def _bound(pin: Pin, *, forbidden: bool) -> Bound | None:
    """Return why only the first target may be asked, None if others may."""
    if forbidden:
        return Bound.CALLER
    return Bound.REFERENCE if pin.first_only else None
