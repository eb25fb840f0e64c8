"""Searching text cheaply.

Regular expressions are compiled when they are first needed, to keep the import cheap. Where
alternatives are plain words, looking for each is several times faster than one expression.
"""

from __future__ import annotations

import re
from functools import cache


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Return the compiled form of a pattern that stands in our own source."""
    return re.compile(pattern)


def has_any(text: str, words: tuple[str, ...]) -> bool:
    """Tell whether any of the words occurs in the text."""
    for word in words:  # noqa: SIM110 - a generator costs more than what it spares
        if word in text:
            return True
    return False
