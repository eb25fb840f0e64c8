"""What making records has to know of the settings."""

from __future__ import annotations

from typing import NamedTuple

from elizanet.prices import PriceOf, no_price, price_of
from elizanet.settings import Secret, Settings


class Known(NamedTuple):
    """What has to be known of the settings: prices, and secrets that nothing may repeat."""

    price_of: PriceOf = no_price
    secrets: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> Known:
        """Return what these settings tell."""
        providers = settings.providers.values()
        found = [key for provider in providers for key in provider.api_keys]
        found += [
            value
            for provider in providers
            for value in provider.headers.values()
            if isinstance(value, Secret)
        ]
        found += [caller.key for caller in settings.gateway.callers]
        return cls(price_of(settings), tuple(secret.reveal() for secret in found))

    def __repr__(self) -> str:
        return f"<Known secrets={len(self.secrets)}>"
