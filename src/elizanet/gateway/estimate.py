"""How many tokens a request may cost, before anybody knows."""

from __future__ import annotations

from typing import Final

BYTES_A_TOKEN: Final = 4
TOKENS_AN_IMAGE: Final = 1000
_LARGE: Final = 8 * 1024
_EMBEDDED: Final = b";base64,"


def tokens_in(body: bytes) -> float:
    """Return the estimate for a JSON body; what it embeds as base64 is an image, and no text."""
    size, images = len(body), 0
    if size > _LARGE:
        at = body.find(_EMBEDDED)
        while at >= 0:
            end = body.find(b'"', at)
            if end < 0:
                break
            size -= end - at
            images += 1
            at = body.find(_EMBEDDED, end)
    return size / BYTES_A_TOKEN + images * TOKENS_AN_IMAGE
