"""Who calls: keys are kept as hashes and compared in constant time.

The hash is keyed with a secret of the process. A caller is found by the beginning of the hash of
the key they present, whatever the number of callers; how long that takes tells something about a
value that nobody outside can know, and nothing about a key.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

from elizanet.gateway.callers import Caller
from elizanet.gateway.refusal import Refusal
from elizanet.settings import CallerSettings

_KEY_HEADERS: Final = (b"api-key", b"x-api-key")
_INDEX_BYTES: Final = 8
_SECRET: Final = secrets.token_bytes(32)
ANYBODY: Final = Caller("anonymous")
"""Whoever calls a gateway without keys."""


class Keyring:
    """The callers and their keys. Without any, everybody may call.

    Those of `before` who are the same in `callers` keep what they have used of their limits.
    """

    def __init__(self, callers: Iterable[CallerSettings], before: Keyring | None = None) -> None:
        known = {caller.alias: caller for caller in before.callers} if before else {}
        self._entries: dict[bytes, tuple[bytes, Caller]] = {}
        for given in callers:
            digest = fingerprint(given.key.reveal().encode())
            caller = _same(known.get(given.alias), given)
            self._entries[digest[:_INDEX_BYTES]] = (digest, caller)

    def __repr__(self) -> str:
        return f"<Keyring of {len(self._entries)} keys>"

    @property
    def callers(self) -> tuple[Caller, ...]:
        """Everybody who has a key."""
        return tuple(caller for _, caller in self._entries.values())

    @property
    def is_open(self) -> bool:
        """Whether no key is needed."""
        return not self._entries

    def find(self, headers: Mapping[bytes, bytes]) -> Caller:
        """Return who calls. Raises `Refusal` (401)."""
        if not self._entries:
            return ANYBODY
        caller = self.holder(fingerprint(_presented(headers)))
        if caller is not None:
            return caller
        raise Refusal(
            "a key of this gateway is needed: send it as `Authorization: Bearer KEY`",
            code="invalid_api_key",
            status=401,
            headers=((b"www-authenticate", b"Bearer"),),
        )

    def holder(self, digest: bytes) -> Caller | None:
        """Return whose key has this fingerprint, None if nobody's."""
        entry = self._entries.get(digest[:_INDEX_BYTES])
        if entry is not None and compare_digest(entry[0], digest):
            return entry[1]
        return None


def _same(known: Caller | None, given: CallerSettings) -> Caller:
    if known and (known.models, known.limits) == (given.models, given.limits):
        return known
    return Caller(given.alias, given.models, given.limits)


def fingerprint(key: bytes) -> bytes:
    """Return what stands for a key in this process, and tells nothing about it."""
    return blake2b(key, digest_size=32, key=_SECRET).digest()


def _presented(headers: Mapping[bytes, bytes]) -> bytes:
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return key.strip()
    return next((headers[name] for name in _KEY_HEADERS if name in headers), b"")
