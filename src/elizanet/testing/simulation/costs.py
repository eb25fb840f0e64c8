"""What the attempts of a rehearsal would cost.

Providers bill what they work on: the prompt once they have begun, and each token they write,
also for a caller who has gone. A refusal costs nothing. Where not every target of a chain has
a price, tokens are counted instead of dollars.
"""

from __future__ import annotations

from typing import Final

from elizanet.settings import Price, RouteSettings
from elizanet.testing.simulation.ledger import AttemptEnd, ServedAttempt

PROMPT_TOKENS: Final = 500
TOKENS_AN_EVENT: Final = 50
"""Tokens of one content event; a unary answer has as many as a stream would."""

_SAME: Final = Price(1.0, 1.0)


class Costs:
    """Adds up the attempts. `ideal` is what the answers would have cost at the first choice."""

    def __init__(self, route: RouteSettings) -> None:
        self.total = 0.0
        self.ideal = 0.0
        prices = {(t.provider, t.model): t.price for t in route.targets if t.price is not None}
        self.in_dollars = len(prices) == len(route.targets)
        self._prices = prices if self.in_dollars else {}
        first = route.tiers()[0][0]
        self._first = self._prices.get((first.provider, first.model), _SAME)

    def __repr__(self) -> str:
        return f"<Costs total={self.total:g} ideal={self.ideal:g}>"

    @property
    def amplification(self) -> float | None:
        """The cost of all attempts as a multiple of the ideal; None if nothing was answered."""
        return self.total / self.ideal if self.ideal else None

    def attempted(self, attempt: ServedAttempt) -> None:
        """Count an attempt that has ended."""
        if attempt.end is None or not attempt.events:
            return
        written = TOKENS_AN_EVENT * (len(attempt.sent) if attempt.stream else attempt.events)
        self.total += _cost(self._price(attempt), written)
        if attempt.end is AttemptEnd.ANSWERED:
            self.ideal += _cost(self._first, written)

    def _price(self, attempt: ServedAttempt) -> Price:
        keep = (attempt.provider, "*")
        price = self._prices.get((attempt.provider, attempt.model), self._prices.get(keep))
        return price or _SAME


def _cost(price: Price, written: int) -> float:
    return (PROMPT_TOKENS * price.input + written * price.output) / 1e6
