"""One call: from a caller's bytes through a chain and back, byte for byte."""

from __future__ import annotations

import logging
from typing import Final

from elizanet.classify import verdict_for
from elizanet.errors import FailureClass, ProviderError
from elizanet.gateway import failures
from elizanet.gateway import headers as wire
from elizanet.gateway.asgi import BODY, Exchange
from elizanet.gateway.body import decode_body, read_body
from elizanet.gateway.controls import HopGuard, forbids_fallback, timeout_in
from elizanet.gateway.watch import CallerWatch
from elizanet.operation import Operation
from elizanet.router import Router
from elizanet.stream import CommittedAnswer

logger = logging.getLogger("elizanet.gateway")

_STREAMED: Final = frozenset({Operation.CHAT, Operation.COMPLETION})
"""The operations in which `stream` means a stream of events."""


class Relay:
    """Answers the requests that name a model. `max_body` is in bytes."""

    def __init__(self, router: Router, max_body: int, hops: HopGuard) -> None:
        self._router = router
        self._max_body = max_body
        self._hops = hops

    def __repr__(self) -> str:
        return f"<Relay {self._router!r} max_body={self._max_body}>"

    async def __call__(self, operation: Operation, exchange: Exchange) -> None:
        """Answer one request.

        Raises `InputError` and `CallFailed`, and `CallerGone`, before anything was sent.
        """
        given = exchange.headers
        upstream_headers = self._hops.passed_on(exchange)
        timeout, first_only = timeout_in(given), forbids_fallback(given)
        body = await read_body(exchange, self._max_body)
        wanted = decode_body(body)
        stream = wanted.stream is True and operation in _STREAMED
        with CallerWatch(exchange.receive):
            answer = await self._router.send(
                operation,
                wanted.model,
                body,
                stream=stream,
                timeout=timeout,
                headers=upstream_headers,
                first_target_only=first_only,
                call_id=exchange.call_id,
            )
            async with answer:
                await _pass_on(answer, exchange, stream=stream)


async def _pass_on(answer: CommittedAnswer, exchange: Exchange, *, stream: bool) -> None:
    head = answer.head
    headers = wire.passed_on(head.headers)
    headers += wire.about(exchange.call_id, head.provider, head.model, answer.attempts)
    if not stream:
        whole = await answer.next()  # a unary answer is one event
        await exchange.answer(head.status, headers, whole.raw if whole else b"")
        return
    await exchange.begin(head.status, headers)
    send = exchange.send
    sent = end = b""
    try:
        while (event := await answer.next()) is not None:
            sent = event.raw
            await send({"type": BODY, "body": sent, "more_body": True})
    except ProviderError as error:
        end = failures.break_event(error, sent)
    except Exception:  # the boundary of a stream: recorded, and its caller is told
        logger.exception("[%s] the gateway failed inside a stream", exchange.call_id)
        verdict = verdict_for(FailureClass.STREAM_INTERRUPTED)
        end = failures.break_event(ProviderError("the gateway failed", verdict), sent)
    await send({"type": BODY, "body": end, "more_body": False})
