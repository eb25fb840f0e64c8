"""What an agent asks for, as the specification names it, and how it becomes a request."""

from __future__ import annotations

from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from elizanet.errors import InputError
from elizanet.settings import ModelTypeSettings


class ModelType(StrEnum):
    """The kinds of model an agent uses; the values are elizaOS's."""

    TEXT_SMALL = "TEXT_SMALL"
    TEXT_LARGE = "TEXT_LARGE"
    REASONING_SMALL = "REASONING_SMALL"
    REASONING_LARGE = "REASONING_LARGE"
    TEXT_COMPLETION = "TEXT_COMPLETION"
    TEXT_SMALL_STREAM = "TEXT_SMALL_STREAM"
    TEXT_LARGE_STREAM = "TEXT_LARGE_STREAM"
    TEXT_EMBEDDING = "TEXT_EMBEDDING"
    IMAGE = "IMAGE"
    OBJECT_SMALL = "OBJECT_SMALL"
    OBJECT_LARGE = "OBJECT_LARGE"
    TEXT_TOKENIZER_ENCODE = "TEXT_TOKENIZER_ENCODE"
    TEXT_TOKENIZER_DECODE = "TEXT_TOKENIZER_DECODE"


STREAMED: Final = frozenset({ModelType.TEXT_SMALL_STREAM, ModelType.TEXT_LARGE_STREAM})
TEXT: Final = STREAMED | {
    ModelType.TEXT_SMALL,
    ModelType.TEXT_LARGE,
    ModelType.REASONING_SMALL,
    ModelType.REASONING_LARGE,
    ModelType.TEXT_COMPLETION,
}
OBJECT: Final = frozenset({ModelType.OBJECT_SMALL, ModelType.OBJECT_LARGE})


def model_type(name: ModelType | str) -> ModelType:
    """Return the model type of that name. Raises `InputError` with the nearest valid one."""
    try:
        return ModelType(name)
    except ValueError:
        near = get_close_matches(str(name).upper(), list(ModelType), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(ModelType)}"
        message = f"unknown model type {str(name)[:60]!r}: {hint}"
        raise InputError(message, param="model_type") from None


def model_name(kind: ModelType, names: ModelTypeSettings) -> str:
    """Return the model name that the settings give to a model type."""
    match kind:
        case ModelType.TEXT_SMALL | ModelType.TEXT_SMALL_STREAM | ModelType.OBJECT_SMALL:
            return names.small
        case ModelType.REASONING_SMALL:
            return names.reasoning_small
        case ModelType.REASONING_LARGE:
            return names.reasoning_large
        case ModelType.TEXT_COMPLETION:
            return names.completion
        case ModelType.TEXT_EMBEDDING:
            return names.embedding
        case ModelType.IMAGE:
            return names.image
        case _:
            return names.large
