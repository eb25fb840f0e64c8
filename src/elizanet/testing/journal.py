"""What happened so far, in order, and waiting for more of it."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class Journal(Generic[Entry]):
    """A list that can be waited for. With `keep=False` it stays empty."""

    def __init__(self, *, keep: bool = True) -> None:
        self._keep = keep
        self._news = asyncio.Event()
        self.entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Write the next entry down, and wake who waits for it."""
        if self._keep:
            self.entries.append(entry)
            self._news.set()

    async def wait(self, count: int, timeout: float) -> Entry:
        """Wait for the entry that is number `count`; raises `TimeoutError` after `timeout` s."""
        async with asyncio.timeout(timeout):
            while len(self.entries) < count:
                self._news.clear()
                await self._news.wait()
        return self.entries[count - 1]

    def __repr__(self) -> str:
        return f"<Journal {len(self.entries)} entries>"
