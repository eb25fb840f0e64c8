"""Settings: `elizanet.toml`, the environment and explicit values become one frozen object."""

from elizanet.settings.load import load_settings
from elizanet.settings.model import (
    GatewaySettings,
    HookSettings,
    ModelTypeSettings,
    PolicySettings,
    ProviderSettings,
    RetrySettings,
    RouteSettings,
    Settings,
    TargetSettings,
    Timeouts,
)
from elizanet.settings.origin import Origin
from elizanet.settings.secret import Secret

__all__ = [
    "GatewaySettings",
    "HookSettings",
    "ModelTypeSettings",
    "Origin",
    "PolicySettings",
    "ProviderSettings",
    "RetrySettings",
    "RouteSettings",
    "Secret",
    "Settings",
    "TargetSettings",
    "Timeouts",
    "load_settings",
]
