"""Finds the calls that `elizanet logs` shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from elizanet.cli.reading import open_records
from elizanet.records.model import CallRecord
from elizanet.records.reading import Reader, Which

PAGE: Final = 500


class Finder:
    """Finds the calls in the records at `url` that are one of `kinds`."""

    def __init__(self, url: str, kinds: Sequence[Which]) -> None:
        self._url = url
        self._kinds = kinds
        self._reader: Reader | None = None

    def __repr__(self) -> str:
        return f"<Finder {self._kinds!r}>"

    def newest(self, limit: int) -> tuple[list[CallRecord], bool]:
        """Return the newest calls, newest last, and whether there are more; 0 is no limit.

        Raises `RecordsError`, and `NoRecordsError` if there is no call of any kind.
        """
        found = [call for which in self._kinds for call in self._pages(which, limit)]
        found.sort(key=lambda call: call.id)
        kept = found[-limit:] if limit else found
        return kept, len(kept) < len(found)

    def newest_of_all(self) -> CallRecord | None:
        """Return the newest of all calls, for somebody who found none."""
        return next(iter(self._open().calls(Which(), 1)), None)

    def close(self) -> None:
        """Let the records go; the next question opens them anew."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open(self) -> Reader:
        if self._reader is None:
            self._reader = open_records(self._url)
        return self._reader

    def _pages(self, which: Which, limit: int) -> Iterator[CallRecord]:
        """Yield the newest calls, one more than the limit if there are so many."""
        left = limit + 1 if limit else None
        while left is None or left > 0:
            size = PAGE if left is None else min(left, PAGE)
            page = self._open().calls(which, size)
            yield from page
            if len(page) < size:
                return
            which = replace(which, before=page[-1].id)
            left = None if left is None else left - size


def told_when(call: CallRecord) -> str:
    """Say when a call was made."""
    return f"{datetime.fromtimestamp(call.at).astimezone():%Y-%m-%d %H:%M:%S}"
