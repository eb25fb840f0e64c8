"""Text as it is stored: without secrets, not too long, of characters that can be stored."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from elizanet.capture import MAX_CAPTURED_BYTES
from elizanet.redact import MASK, mask_keys, redact, redact_json

NAME_CHARACTERS: Final = 256
SENTENCE_CHARACTERS: Final = 2000
_LONGEST_SECRET: Final = 512
"""Characters at the end of a text that was cut, where half a key would not be known for one."""
_PLAIN_ID: Final = re.compile(r"(?:req[_-])?[0-9a-f-]{8,64}")
"""What cannot hold a key: most ids are such, and looking closer costs ten times as much."""


@lru_cache(maxsize=8192)
def name(text: str) -> str:
    """Return a name, of a model or a provider, as it is stored."""
    return _name(text)


@lru_cache(maxsize=1024)
def names(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return names as they are stored."""
    return tuple([name(text) for text in texts])


def identifier(text: str) -> str:
    """Return what a provider calls a request, as it is stored: no two are alike."""
    return text if _PLAIN_ID.fullmatch(text) else _name(text)


@lru_cache(maxsize=1024)
def sentence(text: str) -> str:
    """Return what a provider or we have said, as it is stored."""
    begin = _storable(text[: SENTENCE_CHARACTERS + _LONGEST_SECRET])
    return redact(begin)[:SENTENCE_CHARACTERS]


def captured_text(body: bytes, secrets: Iterable[str]) -> str:
    """Return the beginning of a request or an answer, as it is stored: without these secrets."""
    text = redact_json(_storable(body.decode(errors="replace")))
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text[:-_LONGEST_SECRET] if len(body) >= MAX_CAPTURED_BYTES else text


def _name(text: str) -> str:
    return mask_keys(_storable(text[: NAME_CHARACTERS + _LONGEST_SECRET]))[:NAME_CHARACTERS]


def _storable(text: str) -> str:
    """Return a text without what PostgreSQL or UTF-8 cannot hold."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "�").encode(errors="replace").decode()
