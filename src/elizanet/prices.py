"""What tokens cost, by the prices in the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from elizanet.call import Usage
from elizanet.settings import Price, Settings

PriceOf = Callable[[str, str, str], Price | None]
"""Returns the price at a chain, a provider and a model; None where none is configured."""

_TOKENS: Final = 1e6
_ANY_MODEL: Final = "*"


def no_price(_chain: str, _provider: str, _model: str) -> None:
    """Return that nothing is known: what holds until there are settings."""


def price_of(settings: Settings) -> PriceOf:
    """Return a function that looks prices up: a target's own, else that of `provider/*`."""
    prices = {
        (route.pattern, target.provider, target.model): target.price
        for route in settings.routes
        for target in route.targets
    }
    if not any(prices.values()):
        return no_price

    def look_up(chain: str, provider: str, model: str) -> Price | None:
        named = (chain, provider, model)
        return prices.get(named if named in prices else (chain, provider, _ANY_MODEL))

    return look_up


def cost(price: Price, usage: Usage) -> float:
    """Return what the tokens cost, in US dollars."""
    asked, answered = usage.prompt_tokens, usage.completion_tokens
    return (asked * price.input + answered * price.output) / _TOKENS
