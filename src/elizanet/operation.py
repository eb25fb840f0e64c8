"""The kinds of request, apart from what travels, so that settings load without it."""

from __future__ import annotations

from enum import StrEnum


class Operation(StrEnum):
    """A kind of request: its path below `/v1/`."""

    CHAT = "chat/completions"
    COMPLETION = "completions"
    EMBEDDING = "embeddings"
    IMAGE = "images/generations"
