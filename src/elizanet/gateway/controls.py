"""What a caller may say beside the body: headers that steer the one call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from elizanet.call import Headers
from elizanet.gateway.asgi import Exchange
from elizanet.gateway.refusal import Refusal

HOP: Final = "x-elizanet-hop"
_HOP: Final = HOP.encode()
_TIMEOUT: Final = b"x-request-timeout-ms"
_NO_FALLBACK: Final = b"x-elizanet-no-fallback"
_RETRY_COUNT: Final = b"x-stainless-retry-count"
_READ_TIMEOUT: Final = b"x-stainless-read-timeout"
_NODE_TIMEOUT: Final = b"x-stainless-timeout"
"""How long OpenAI's clients for Python, and for Node, wait, in seconds."""
_SECONDS: Final = re.compile(rb"[0-9]{1,9}(\.[0-9]{1,9})?")
_TELLING_S: Final = 0.25
"""Seconds kept for telling the client of a failure before it stops listening."""
FLEX: Final = "flex"
"""The `service_tier` by which a body says that its call can wait."""
_PRIORITY: Final = b"x-elizanet-priority"
_PRIORITIES: Final = {b"batch": True, b"interactive": False}


def timeout_in(headers: Mapping[bytes, bytes], *, stream: bool = False) -> float | None:
    """Return the seconds the caller gives the whole call, None for as long as we like.

    They are stated, or known from OpenAI's clients: those tell how long they wait for an
    answer, and a whole one is of no use to them afterwards. Raises `Refusal` (400).
    """
    given = headers.get(_TIMEOUT)
    told = headers.get(_READ_TIMEOUT) or headers.get(_NODE_TIMEOUT)
    patience = None if told is None or stream else _patience(told)
    if given is None:
        return patience
    milliseconds = float(given) if given.isdigit() else 0.0
    if milliseconds <= 0:
        raise _wrong(_TIMEOUT, given, "a whole number of milliseconds above 0")
    seconds = milliseconds / 1000
    return seconds if patience is None else min(seconds, patience)


def is_repeated(headers: Mapping[bytes, bytes]) -> bool:
    """Tell whether the caller's client says that this is not its first try."""
    return headers.get(_RETRY_COUNT, b"0").strip(b"0").isdigit()


def forbids_fallback(headers: Mapping[bytes, bytes]) -> bool:
    """Tell whether the caller wants the first choice only. Raises `Refusal` (400)."""
    given = headers.get(_NO_FALLBACK, b"0")
    if given not in {b"0", b"1"}:
        raise _wrong(_NO_FALLBACK, given, "1 or 0")
    return given == b"1"


def is_batch(headers: Mapping[bytes, bytes]) -> bool:
    """Tell whether the caller can wait, and goes first when calls are shed. Raises `Refusal` (400).

    In the body `"service_tier": "flex"` says the same.
    """
    given = headers.get(_PRIORITY)
    if given is None:
        return False
    if given not in _PRIORITIES:
        raise _wrong(_PRIORITY, given, "batch or interactive")
    return _PRIORITIES[given]


class HopGuard:
    """Refuses requests that have come through this gateway before.

    `own` is this process's id; every request goes upstream with the ids of all gateways
    it has passed.
    """

    def __init__(self, own: str) -> None:
        self._own = own
        self._first: Headers = ((HOP, own),)

    def __repr__(self) -> str:
        return f"<HopGuard {self._own}>"

    def passed_on(self, exchange: Exchange) -> Headers:
        """Return the header that goes upstream. Raises `Refusal` (508)."""
        if _HOP not in exchange.headers:
            return self._first
        told = b",".join(exchange.all_of(_HOP)).decode("ascii", "ignore")
        hops = [hop for part in told.split(",") if (hop := part.strip())]
        if self._own in hops:
            message = "this request has come through this gateway before: a provider leads back"
            raise Refusal(message, code="gateway_loop", status=508)
        return ((HOP, ", ".join((*hops, self._own))),)


@lru_cache(maxsize=64)
def _patience(told: bytes) -> float | None:
    """Return how long a client waits for an answer, less what telling a failure takes."""
    if not _SECONDS.fullmatch(told):
        return None
    seconds = float(told)
    return max(seconds - _TELLING_S, seconds / 2) or None


def _wrong(name: bytes, given: bytes, allowed: str) -> Refusal:
    told, shown = name.decode(), ascii(given[:40].decode("latin-1"))
    message = f"the header {told} is {shown}, but must be {allowed}"
    return Refusal(message, code="invalid_header", status=400, param=told)
