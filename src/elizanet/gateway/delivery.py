"""An answer on its way to the caller, as its provider sends it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from elizanet.call import Answer, BodyKind, Event
from elizanet.classify import verdict_for
from elizanet.errors import FailureClass, ProviderError, forget_frames
from elizanet.gateway import failures
from elizanet.gateway import headers as wire
from elizanet.gateway.asgi import BODY, Exchange
from elizanet.pushing import push

logger: Final = logging.getLogger("elizanet.gateway")

_NOT_MODIFIED: Final = 304

Listener = Callable[[bytes], None]
"""Is told the payload of a whole answer, or of each event of a stream."""


async def deliver(
    answer: Answer,
    exchange: Exchange,
    headers: list[wire.RawHeader],
    *,
    typed: bool = False,
    listener: Listener | None = None,
) -> None:
    """Send an answer; one that breaks never looks complete.

    `typed` is the kind of its events, should they need one that tells of a break.
    """
    head = answer.head
    if head.body is BodyKind.WHOLE:
        event = await answer.next()
        body = event.raw if event is not None else b""
        if listener is not None:
            listener(body)
        await exchange.answer(head.status, headers, body)
    elif head.body is BodyKind.EVENTS:
        await exchange.begin(head.status, headers)
        await _send_events(answer, exchange, listener, typed=typed)
    else:
        if head.status != _NOT_MODIFIED:  # whose length is that of what is not sent
            headers += wire.stated_length(head.headers)
        await exchange.begin(head.status, headers)
        await _send_pieces(answer, exchange)


async def _send_events(
    answer: Answer, exchange: Exchange, listener: Listener | None, *, typed: bool
) -> None:
    """Send a stream, and an error event at its end if it breaks."""
    stream = _Stream(exchange, listener)
    end = b""
    try:
        while (event := await answer.next()) is not None:
            await stream.send(event)
            await push(answer, stream.take)
            if stream.fault is not None:
                raise stream.fault
    except ProviderError as error:
        end = failures.break_event(error, stream.last, typed=typed)
        forget_frames(error)
    except Exception as error:  # noqa: BLE001 -- the boundary of a stream: recorded, and told
        end = failures.break_event(_fault(exchange, error), stream.last, typed=typed)
    await exchange.send({"type": BODY, "body": end, "more_body": False})


class _Stream:
    """Events on their way to the caller. `last` was sent last; `fault`: why no more is taken."""

    __slots__ = ("_listener", "_push", "_send", "fault", "last")

    def __init__(self, exchange: Exchange, listener: Listener | None) -> None:
        self._send = exchange.send
        self._push = exchange.send.push
        self._listener = listener
        self.last: Event | None = None
        self.fault: Exception | None = None

    async def send(self, event: Event) -> None:
        """Send an event when the caller has taken most of what was sent before."""
        if self._listener is not None:
            self._listener(event.data)
        if event.raw:  # else it only tells the listener something
            self.last = event
            await self._send({"type": BODY, "body": event.raw, "more_body": True})

    def take(self, event: Event) -> bool:
        """Send an event now; false if the caller has to be waited for before the next one."""
        try:
            if self._listener is not None:
                self._listener(event.data)
            if not event.raw:
                return True
            self.last = event
            return self._push(event.raw)
        except Exception as error:  # noqa: BLE001 -- raised where the boundary of a stream is
            self.fault = error
            return False


async def _send_pieces(answer: Answer, exchange: Exchange) -> None:
    """Send bytes of any kind; of an answer that breaks the server cuts the connection."""
    send = exchange.send
    await send({"type": BODY, "body": b"", "more_body": True})  # the head, however long they take
    try:
        while (piece := await answer.next()) is not None:
            await send({"type": BODY, "body": piece.raw, "more_body": True})
    except ProviderError:  # told by the engine's events; the caller sees that the end is missing
        return
    except Exception as error:  # noqa: BLE001 -- as above
        _fault(exchange, error)
        return
    await send({"type": BODY, "body": b"", "more_body": False})


def _fault(exchange: Exchange, error: Exception) -> ProviderError:
    """Record a fault of ours inside an answer, and return what the caller is told."""
    logger.error("[%s] the gateway failed inside an answer", exchange.call_id, exc_info=error)
    return ProviderError("the gateway failed", verdict_for(FailureClass.STREAM_INTERRUPTED))
