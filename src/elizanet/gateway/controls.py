"""What a caller may say beside the body: headers that steer the one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from elizanet.call import Headers
from elizanet.gateway.asgi import Exchange
from elizanet.gateway.refusal import Refusal

HOP: Final = "x-elizanet-hop"
_HOP: Final = HOP.encode()
_TIMEOUT: Final = b"x-request-timeout-ms"
_NO_FALLBACK: Final = b"x-elizanet-no-fallback"


def timeout_in(headers: Mapping[bytes, bytes]) -> float | None:
    """Return the seconds the caller gives the whole call. Raises `Refusal` (400)."""
    given = headers.get(_TIMEOUT)
    if given is None:
        return None
    milliseconds = float(given) if given.isdigit() else 0.0
    if milliseconds <= 0:
        raise _wrong(_TIMEOUT, given, "a whole number of milliseconds above 0")
    return milliseconds / 1000


def forbids_fallback(headers: Mapping[bytes, bytes]) -> bool:
    """Tell whether the caller wants the first choice only. Raises `Refusal` (400)."""
    given = headers.get(_NO_FALLBACK, b"0")
    if given not in {b"0", b"1"}:
        raise _wrong(_NO_FALLBACK, given, "1 or 0")
    return given == b"1"


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


def _wrong(name: bytes, given: bytes, allowed: str) -> Refusal:
    told, shown = name.decode(), ascii(given[:40].decode("latin-1"))
    message = f"the header {told} is {shown}, but must be {allowed}"
    return Refusal(message, code="invalid_header", status=400, param=told)
