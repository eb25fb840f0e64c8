"""What happened in a simulation, in order, as one number.

Two runs with the same seed are the same run if their hashes are equal. Only the last entries
are kept; all of them are in the hash.
"""

from __future__ import annotations

from collections import deque
from hashlib import blake2b
from typing import Final

_BATCH: Final = 512


class Trace:
    """A journal of bounded size. `kept` is how many of the last entries can be read again."""

    def __init__(self, kept: int = 2_000) -> None:
        self.entries = 0
        self._hash = blake2b(digest_size=16)
        self._batch: list[str] = []
        self._recent: deque[str] = deque(maxlen=kept)

    def __repr__(self) -> str:
        return f"<Trace entries={self.entries}>"

    def note(self, entry: str) -> None:
        """Write down one line."""
        self._batch.append(entry)
        if len(self._batch) >= _BATCH:
            self._flush()

    def digest(self) -> str:
        """Return the hash of everything so far, as hexadecimal digits."""
        self._flush()
        return self._hash.hexdigest()

    def about(self, word: str) -> list[str]:
        """Return the entries with this word among those that are kept."""
        self._flush()
        return [entry for entry in self._recent if word in entry.split()]

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        self.entries += len(batch)
        self._recent.extend(batch)
        self._hash.update("\n".join([*batch, ""]).encode())
