"""`/status`: what the gateway knows of its targets and of itself, and an operator's hand on it.

It is for operators: on a gateway with keys it needs one that may do everything, and other sites'
pages may not use it.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from elizanet.gateway.asgi import Exchange
from elizanet.gateway.body import read_body
from elizanet.gateway.callers import Caller
from elizanet.gateway.doors import Doors
from elizanet.gateway.refusal import Refusal
from elizanet.gateway.web_pages import refuse_other_sites
from elizanet.monitor import Monitor
from elizanet.policy.breaker import BreakerState
from elizanet.router import Router

_MOST_BYTES: Final = 64 * 1024
_STATES: Final = {"open": BreakerState.OPEN, "closed": BreakerState.CLOSED, "auto": None}


class _Order(msgspec.Struct, forbid_unknown_fields=True):
    target: str
    state: Literal["open", "closed", "auto"]


class Status:
    """Answers operators."""

    def __init__(self, router: Router, doors: Doors, monitor: Monitor) -> None:
        self._router = router
        self._doors = doors
        self._monitor = monitor

    def __repr__(self) -> str:
        return f"<Status of {self._router!r}>"

    async def show(self, exchange: Exchange) -> None:
        """Answer with everything there is to know. Raises `Refusal` (401, 403)."""
        refuse_others(exchange, self._doors)
        admission = self._doors.admission
        await _answer(
            exchange,
            {
                "status": "draining" if admission.draining else "ready",
                "in_flight": admission.in_flight,
                "batch": admission.batch,
                "max_in_flight": admission.most,
                "lag_ms": round(admission.lag * 1000, 1),
                "callers": [caller.told() for caller in self._doors.keyring.callers],
                "targets": self._router.states(),
                "forced": [
                    {"target": f"{host}/{model}", "state": state}
                    for (host, model), state in self._router.registry.forced.items()
                ],
                "checks": list(self._monitor.results().values()),
            },
        )

    async def force(self, exchange: Exchange) -> None:
        """Hold a breaker, or let it go. Raises `InputError` (400, 401, 403)."""
        refuse_others(exchange, self._doors)
        await _answer(exchange, await obey(exchange, self._router))


async def obey(exchange: Exchange, router: Router) -> dict[str, str]:
    """Hold a breaker as the request's body says. Raises `InputError` (400)."""
    try:
        order = msgspec.json.decode(await read_body(exchange, _MOST_BYTES), type=_Order)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        allowed = '{"target": "provider/model", "state": "open", "closed" or "auto"}'
        message = f"the request body must be {allowed}: {error}"
        raise Refusal(message, code="invalid_value", status=400) from None
    router.force(order.target, _STATES[order.state])
    return {"target": order.target, "state": order.state}


def refuse_others(exchange: Exchange, doors: Doors) -> None:
    """Refuse whoever is no operator of this gateway. Raises `Refusal` (401, 403)."""
    keyring = doors.keyring
    refuse_restricted(keyring.find(exchange.headers))
    refuse_other_sites(exchange.headers, is_open=keyring.is_open)


def refuse_restricted(caller: Caller) -> None:
    """Refuse a caller who may not do everything. Raises `Refusal` (403)."""
    if caller.is_restricted:
        message = "this needs a key without limits and with every model"
        raise Refusal(message, code="forbidden", status=403)


async def _answer(exchange: Exchange, content: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await exchange.answer(200, headers, msgspec.json.encode(content))
