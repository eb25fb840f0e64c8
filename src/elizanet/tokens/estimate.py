"""Tokens without a tokenizer: four bytes each, for where a microsecond counts.

English has 4 to 5.5 bytes a token, code 3.5 to 4.5, Chinese 3 to 4.5. Base64 is no text: a
picture or a sound in a request counts as `MEDIA_TOKENS`, whatever its size.
"""

from __future__ import annotations

import re
from typing import Final

BYTES_A_TOKEN: Final = 4

MEDIA_TOKENS: Final = 765
"""What OpenAI counts for a picture of 1024 x 1024 in high detail."""

_MEDIA: Final = ((b";base64,", b""), (b'"input_audio"', b'"data"'))
"""What comes before base64 in a request: in the same string, or before the key of its own."""
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/=]{64}")
_WHOLE_BASE64: Final = re.compile(rb'"[A-Za-z0-9+/=]{256,}"')


def estimate(text: bytes) -> int:
    """Return about how many tokens these bytes are: 0 for none, else at least 1."""
    size = len(text)
    media = 0
    for mark, key in _MEDIA:
        found = text.find(mark)
        while found >= 0:
            begin, end = _string_after(text, found + len(mark), key)
            if end < begin:
                break
            if _BASE64.match(text, begin):
                size -= end - begin
                media += MEDIA_TOKENS
            found = text.find(mark, end)
    return media + (size + BYTES_A_TOKEN - 1) // BYTES_A_TOKEN


def estimate_answer(body: bytes) -> int:
    """Return about how many tokens a whole answer is, without the pictures and sounds in it."""
    return -(-len(_WHOLE_BASE64.sub(b"", body)) // BYTES_A_TOKEN)


def _string_after(text: bytes, start: int, key: bytes) -> tuple[int, int]:
    """Return where the string goes on to its end, or that of `key` is; (1, 0) if nowhere."""
    if key:
        start = text.find(key, start)
        start = text.find(b'"', start + len(key)) + 1 if start >= 0 else 0
    end = text.find(b'"', start)
    return (start, end) if start > 0 <= end else (1, 0)
