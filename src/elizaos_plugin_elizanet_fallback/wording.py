"""How the plugin words what it tells: log lines, prompts and reasons, all without keys."""

from __future__ import annotations

import re
from typing import Final

from elizanet.errors import AllTargetsFailed, ProviderError
from elizanet.model_types import OBJECT, TEXT, ModelType
from elizanet.redact import redact

PROMPT_SHOWN: Final = 200
"""Characters of a prompt that leave the agent in an event or a record."""
_READ: Final = 4_000
"""Characters that are looked at for keys; a text is cut far before their end."""
_REASON_SHOWN: Final = 500
_BLANKS: Final = re.compile(r"\s+")


def operation_of(kind: ModelType) -> str:
    """Name what is being done, as the specification's log lines do."""
    if kind in TEXT:
        return "Text generation"
    if kind in OBJECT:
        return "Object generation"
    if kind is ModelType.TEXT_EMBEDDING:
        return "Embedding"
    return "Image generation" if kind is ModelType.IMAGE else "Tokenization"


def sanitised(text: str) -> str:
    """Return the beginning of a prompt or an answer, without what looks like a key."""
    shown = redact(text[:_READ])
    return shown if len(shown) <= PROMPT_SHOWN else f"{shown[:PROMPT_SHOWN]}…"


def reason_of(error: BaseException) -> str:
    """Return what an error says, on one line; an error without words says its name."""
    words = _BLANKS.sub(" ", redact(str(error)[:_READ])).strip()
    return words[:_REASON_SHOWN] or type(error).__name__


def facts_of(error: BaseException, *, retryable: bool) -> dict[str, object]:
    """Return the fields of the specification's error line."""
    several = error.errors if isinstance(error, AllTargetsFailed) else ()
    last = several[-1] if several else error
    failed = last if isinstance(last, ProviderError) else None
    return {
        "error": reason_of(error),
        "statusCode": failed and failed.status,
        "requestId": failed and failed.request_id,
        "retryable": retryable,
    }


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds."""
    return round(seconds * 1000)
