"""The names under which the host knows the plugin, and those it gives to model types."""

from __future__ import annotations

from enum import Enum
from typing import Final

from elizanet.model_types import STREAMED, ModelType

PLUGIN_NAME: Final = "elizanet-fallback"
"""The plugin's name, and so the `provider` of its model handlers."""

PRIORITY: Final = -1
"""Below the 0 of every other provider: whoever else is registered is asked first."""

HANDLED: Final = tuple(kind for kind in ModelType if kind not in STREAMED)
"""The model types that are answered in one piece."""

STREAMS: Final = {
    ModelType.TEXT_SMALL: ModelType.TEXT_SMALL_STREAM,
    ModelType.TEXT_LARGE: ModelType.TEXT_LARGE_STREAM,
}
"""Each type that can be streamed, and the type of its stream."""

TOKENIZERS: Final = frozenset({ModelType.TEXT_TOKENIZER_ENCODE, ModelType.TEXT_TOKENIZER_DECODE})


def key_of(model_type: object) -> str:
    """Return the value of a host's model type; formatting the enum would give its name."""
    return str(model_type.value if isinstance(model_type, Enum) else model_type)


def served_types(chosen: frozenset[str] | None) -> frozenset[str]:
    """Return the model types the plugin answers, given ELIZANET_MODELS; streams come along."""
    if chosen is None:
        return frozenset(ModelType)
    return chosen | {stream for kind, stream in STREAMS.items() if kind in chosen}
