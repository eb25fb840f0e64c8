"""Who may call: keys are kept as hashes and compared in constant time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from hmac import compare_digest

from elizanet.gateway.refusal import Refusal
from elizanet.settings import Secret

_KEY_HEADERS = (b"api-key", b"x-api-key")


class Keyring:
    """The keys of the callers. Without any, everybody may call."""

    def __init__(self, keys: Iterable[Secret]) -> None:
        self._digests = tuple(sha256(key.reveal().encode()).digest() for key in keys)

    def __repr__(self) -> str:
        return f"<Keyring of {len(self._digests)} keys>"

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """Raise `Refusal` (401) unless the headers present one of the keys."""
        if self._digests and not self._knows(_presented(headers)):
            raise Refusal(
                "a key of this gateway is needed: send it as `Authorization: Bearer KEY`",
                code="invalid_api_key",
                status=401,
                headers=((b"www-authenticate", b"Bearer"),),
            )

    def _knows(self, presented: bytes) -> bool:
        digest = sha256(presented).digest()
        known = False
        for own in self._digests:  # to the end, so that the time tells nothing
            known |= compare_digest(own, digest)
        return known


def _presented(headers: Mapping[bytes, bytes]) -> bytes:
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return key.strip()
    return next((headers[name] for name in _KEY_HEADERS if name in headers), b"")
