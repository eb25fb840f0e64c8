"""elizanet keeps AI agents answering: when a model provider fails, the next one answers.

from elizanet import Elizanet, ModelType

async with Elizanet.from_env() as net:
    await net.use_model(ModelType.TEXT_SMALL, {"prompt": "Hello"})
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elizanet._version import __version__

if TYPE_CHECKING:
    from elizanet.call import Attempt
    from elizanet.errors import (
        AllTargetsFailed,
        CallFailed,
        ConfigurationError,
        ElizanetError,
        FailureClass,
        InputError,
        ProviderError,
    )
    from elizanet.health import LaneState
    from elizanet.hooks import Hooks
    from elizanet.library import Elizanet
    from elizanet.model_types import ModelType
    from elizanet.model_types.embedding import DegradedVector
    from elizanet.operation import Operation
    from elizanet.settings import Settings, load_settings

_HOME = {
    "AllTargetsFailed": "elizanet.errors",
    "Attempt": "elizanet.call",
    "CallFailed": "elizanet.errors",
    "ConfigurationError": "elizanet.errors",
    "DegradedVector": "elizanet.model_types.embedding",
    "Elizanet": "elizanet.library",
    "ElizanetError": "elizanet.errors",
    "FailureClass": "elizanet.errors",
    "Hooks": "elizanet.hooks",
    "InputError": "elizanet.errors",
    "LaneState": "elizanet.health",
    "ModelType": "elizanet.model_types",
    "Operation": "elizanet.operation",
    "ProviderError": "elizanet.errors",
    "Settings": "elizanet.settings",
    "load_settings": "elizanet.settings",
}

__all__ = [
    "AllTargetsFailed",
    "Attempt",
    "CallFailed",
    "ConfigurationError",
    "DegradedVector",
    "Elizanet",
    "ElizanetError",
    "FailureClass",
    "Hooks",
    "InputError",
    "LaneState",
    "ModelType",
    "Operation",
    "ProviderError",
    "Settings",
    "__version__",
    "load_settings",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used, so that the command line starts fast."""
    if name not in _HOME:
        raise AttributeError(f"module 'elizanet' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 -- the purpose of this function

    value: object = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
