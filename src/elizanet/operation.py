"""The kinds of request, apart from what travels, so that settings load without it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Operation(StrEnum):
    """A kind of request: its path below `/v1/`."""

    CHAT = "chat/completions"
    COMPLETION = "completions"
    EMBEDDING = "embeddings"
    IMAGE = "images/generations"
    IMAGE_EDIT = "images/edits"
    IMAGE_VARIATION = "images/variations"
    MODERATION = "moderations"
    RESPONSE = "responses"
    SPEECH = "audio/speech"
    TRANSCRIPTION = "audio/transcriptions"
    TRANSLATION = "audio/translations"


DEFAULT_MODELS: Final[Mapping[str, str]] = {
    Operation.IMAGE: "dall-e-2",
    Operation.IMAGE_EDIT: "dall-e-2",
    Operation.IMAGE_VARIATION: "dall-e-2",
    Operation.MODERATION: "omni-moderation-latest",
}
"""The model that OpenAI's API means where a request may leave `model` out."""
