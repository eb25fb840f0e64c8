"""Settings: `elizanet.toml`, the environment and explicit values become one frozen object."""

from elizanet.settings.load import load_settings
from elizanet.settings.model import (
    CallerLimits,
    CallerSettings,
    GatewaySettings,
    HealthSettings,
    HedgeSettings,
    HookSettings,
    ModelTypeSettings,
    PolicySettings,
    Price,
    ProviderSettings,
    RateLimits,
    RecordSettings,
    RetrySettings,
    RouteSettings,
    Settings,
    StreamSettings,
    TargetSettings,
    Timeouts,
)
from elizanet.settings.origin import Origin
from elizanet.settings.secret import Secret

__all__ = [
    "CallerLimits",
    "CallerSettings",
    "GatewaySettings",
    "HealthSettings",
    "HedgeSettings",
    "HookSettings",
    "ModelTypeSettings",
    "Origin",
    "PolicySettings",
    "Price",
    "ProviderSettings",
    "RateLimits",
    "RecordSettings",
    "RetrySettings",
    "RouteSettings",
    "Secret",
    "Settings",
    "StreamSettings",
    "TargetSettings",
    "Timeouts",
    "load_settings",
]
