"""What making records has to know of the settings."""

from __future__ import annotations

from typing import NamedTuple

from elizanet.prices import PriceOf, no_price, price_of
from elizanet.settings import Settings


class Known(NamedTuple):
    """What has to be known of the settings: prices, and secrets that nothing may repeat."""

    price_of: PriceOf = no_price
    secrets: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings) -> Known:
        """Return what these settings tell."""
        return cls(price_of(settings), settings.secrets)

    def __repr__(self) -> str:
        return f"<Known secrets={len(self.secrets)}>"
