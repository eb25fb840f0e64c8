"""New calls, as they are recorded: what `elizanet logs --follow` asks for again and again.

A call is recorded when it ends, and stands where it began. So each look goes over the newest
calls, and every tenth one over many more: a long call turns up among those that began after it.
A look that finds nothing but new calls goes over many more as well, and where these are too few,
somebody is told that calls are missing.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from elizanet.cli.errors import note
from elizanet.cli.finding import Finder
from elizanet.records.errors import RecordsError
from elizanet.records.model import CallRecord

PAUSE_S: Final = 0.5
LOOK: Final = 200
LONG_LOOK: Final = 5000
_LOOKS_A_LONG_LOOK: Final = 10
_REMEMBERED: Final = 2 * LONG_LOOK


class Follower:
    """Finds what is new; the first time, the newest `limit` calls (0: of the last 5,000)."""

    def __init__(self, finder: Finder, limit: int) -> None:
        self._finder = finder
        self._limit = limit
        self._looks = 0
        self._known: OrderedDict[str, None] = OrderedDict()
        self._trouble = ""
        self.pause = PAUSE_S

    def __repr__(self) -> str:
        return f"<Follower {len(self._known)} calls known, {self._trouble or 'all is well'}>"

    def poll(self) -> list[CallRecord]:
        """Return the calls that were recorded since, oldest first.

        Records that cannot be read now are told once, and waited for.
        """
        try:
            found = self._look()
        except RecordsError as error:
            self._finder.close()
            self._tell(str(error), waiting=True)
            return []
        self._tell("", waiting=False)
        return found

    def _look(self) -> list[CallRecord]:
        first = not self._looks
        if self._looks % _LOOKS_A_LONG_LOOK == 0:
            self._finder.close()  # the file may be another one by now
            limit = LONG_LOOK
        else:
            limit = LOOK
        found, more = self._finder.newest(limit)
        if more and limit < LONG_LOOK and self._all_new(found):
            found, more = self._finder.newest(LONG_LOOK)
        if more and not first and self._all_new(found):
            note(f"more than {LONG_LOOK:,} calls since the last look: the oldest are not shown")
        self._looks += 1
        new = [call for call in found if call.id not in self._known]
        self._known.update(dict.fromkeys(call.id for call in new))
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return new[-self._limit :] if first else new

    def _all_new(self, found: list[CallRecord]) -> bool:
        return self._known.keys().isdisjoint(call.id for call in found)

    def _tell(self, trouble: str, *, waiting: bool) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            if waiting:
                note(f"{trouble} (waiting)")
