"""Our own keys, taken out of what a provider sends back, whatever they look like."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from elizanet.call import Headers
from elizanet.redact import MASK

_SHORTEST: Final = 4
"""A shorter secret would take ordinary words out of sentences."""
_SHORTEST_TOKEN: Final = 8
"""Nor is a shorter part of one a key: `Bearer` and its like."""


class OwnSecrets:
    """The keys and secret header values that are sent to one provider."""

    __slots__ = ("_body", "_longest", "_text")

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {form for secret in secrets for form in _forms(secret)}
        longest_first = sorted(known, key=len, reverse=True)  # one may be the beginning of another
        encoded = [secret.encode() for secret in longest_first]
        self._longest = max(map(len, encoded), default=0)
        self._text = re.compile("|".join(map(re.escape, longest_first))) if known else None
        self._body = re.compile(b"|".join(map(re.escape, encoded))) if known else None

    def __repr__(self) -> str:
        return f"<OwnSecrets {'some' if self._text else 'none'}>"

    def hidden(self, text: str) -> str:
        """Return a whole text without them."""
        return text if self._text is None else self._text.sub(MASK, text)

    def hidden_in_headers(self, headers: Headers) -> Headers:
        """Return headers without them."""
        if self._text is None:
            return headers
        return tuple([(name, self._text.sub(MASK, value)) for name, value in headers])

    def hidden_in_body(self, body: bytes, most: int) -> bytes:
        """Return the first `most` bytes of a body without them, nor half of one at the cut."""
        if self._body is None:
            return body[:most]
        kept = self._body.sub(MASK.encode(), body[:most])
        return kept if len(body) < most else kept[: max(0, len(kept) - self._longest)]


def _forms(secret: str) -> list[str]:
    """Return a secret, and without the scheme it may begin with: `Bearer` for example."""
    token = secret.rstrip().rpartition(" ")[2]
    whole = [secret] if len(secret) >= _SHORTEST else []
    return [*whole, token] if len(token) >= _SHORTEST_TOKEN else whole
