"""Who has signed in: a random token in a cookie, of which the process keeps a hash.

A session remembers the fingerprint of the key it was begun with, so that it ends with the key.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

LIFE_S: Final = 12 * 3600
MOST: Final = 1_000
"""Sessions at once; one more ends the oldest."""
MOST_TRYING: Final = 10
"""Keys that may be tried at once; more are refused without a look at them."""

_INDEX_BYTES: Final = 8
_TOKEN_BYTES: Final = 32
_LONGEST_TOKEN: Final = 64
_SECRET: Final = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class _Session:
    digest: bytes
    key: bytes
    until: float


class Sessions:
    """Those of one process, by the clock that `now` is read from."""

    def __init__(self) -> None:
        self._sessions: dict[bytes, _Session] = {}
        self.trying = asyncio.Semaphore(MOST_TRYING)
        """Has a place for each key that is being tried."""

    def __repr__(self) -> str:
        return f"<Sessions {len(self._sessions)}>"

    def begin(self, key: bytes, now: float) -> str:
        """Return the token of a new session for the key with this fingerprint."""
        self._forget(now)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        digest = _digest(token)
        self._sessions[digest[:_INDEX_BYTES]] = _Session(digest, key, now + LIFE_S)
        return token

    def key_of(self, token: str, now: float) -> bytes | None:
        """Return the fingerprint of the key that a session was begun with, None without one."""
        session = self._find(token)
        return session.key if session is not None and now < session.until else None

    def end(self, token: str) -> None:
        """Forget a session, if it is one."""
        session = self._find(token)
        if session is not None:
            del self._sessions[session.digest[:_INDEX_BYTES]]

    def _find(self, token: str) -> _Session | None:
        if len(token) > _LONGEST_TOKEN:
            return None
        digest = _digest(token)
        session = self._sessions.get(digest[:_INDEX_BYTES])
        if session is None or not compare_digest(session.digest, digest):
            return None
        return session

    def _forget(self, now: float) -> None:
        for index in [i for i, session in self._sessions.items() if session.until <= now]:
            del self._sessions[index]
        while len(self._sessions) >= MOST:
            del self._sessions[next(iter(self._sessions))]


def _digest(token: str) -> bytes:
    return blake2b(token.encode(), digest_size=32, key=_SECRET).digest()
