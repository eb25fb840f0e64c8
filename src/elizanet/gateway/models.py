"""`GET /v1/models`: the names a caller may use."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from elizanet.call import Headers
from elizanet.errors import InputError
from elizanet.gateway.asgi import Exchange
from elizanet.gateway.controls import HopGuard
from elizanet.gateway.watch import CallerWatch
from elizanet.router import Router
from elizanet.target import KEEP

PREFIX: Final = "/v1/models/"


class Models:
    """Answers for the list of models, and for one of them."""

    def __init__(self, router: Router, hops: HopGuard) -> None:
        self._router = router
        self._hops = hops

    async def list(self, exchange: Exchange) -> None:
        """Answer with every model: those configured, and what globs match at providers.

        Raises `Refusal` (508) for a provider that leads back here.
        """
        headers = self._hops.passed_on(exchange)
        with CallerWatch(exchange.presence):
            may_use = exchange.visit.caller.may_use
            names = filter(may_use, await self._router.list_models(headers))
            await _answer(exchange, {"object": "list", "data": [_model(name) for name in names]})

    async def one(self, exchange: Exchange) -> None:
        """Answer with the model that the path names. Raises `InputError` (404, 508)."""
        name = exchange.scope["path"].removeprefix(PREFIX)
        headers = self._hops.passed_on(exchange)
        with CallerWatch(exchange.presence):
            if not (exchange.visit.caller.may_use(name) and await self._exists(name, headers)):
                message = f"no chain serves the model {name[:100]!r}"
                raise InputError(message, param="model", code="model_not_found", status=404)
            await _answer(exchange, _model(name))

    async def _exists(self, name: str, headers: Headers) -> bool:
        route = self._router.settings.route_for(name)
        if route is None:
            return False
        serves_any_name = any(target.model != KEEP for target in route.targets)
        if route.pattern == name or serves_any_name:
            return True
        return name in await self._router.list_models(headers)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "elizanet"}


async def _answer(exchange: Exchange, content: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await exchange.answer(200, headers, msgspec.json.encode(content))
