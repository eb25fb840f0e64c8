"""Deletes what is too old or too much, a little at a time.

Rows go oldest first, whole calls with their attempts and text. A step deletes as many as take
about `STEP_S`: the number is halved when it took longer, and doubled when it took much less.
Steps come between batches, so that the writer is never held up. Sums by minute and by quarter
are kept for two days, sums by hour and changes of health for `keep_days`: they are small, and
outlive the rows that `max_size` takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from elizanet.records.database import Database
from elizanet.records.finding import AFTER_ALL, milliseconds
from elizanet.records.roll_ups import HOUR, LEVELS, MINUTE, QUARTER
from elizanet.records.summing import DAY, MINUTES_KEPT

STEP_S: Final = 0.02
"""Seconds that deleting should take at a time."""
FEWEST: Final = 16
MOST: Final = 2_000
"""Rows that are deleted at a time."""
PORTION: Final = 32
"""Rows that are deleted for want of room before the size is looked at again."""
BUSY_S: Final = 0.25
"""Seconds until the next step while there is more to delete."""
IDLE_S: Final = 60.0
"""Seconds until the next look after that."""
_SPANS: Final = {MINUTE: 3, QUARTER: 2, HOUR: 1}
"""How many of them go at a time."""

_TABLES: Final = tuple(
    (f"{rows}_by_{name}", span) for name, span, _ in LEVELS for rows in ("calls", "attempts")
)


class Retention:
    """Keeps records for `keep_days`, and in no more than `max_size` bytes.

    `pause` is how many seconds may pass until `tidy` is called again.
    """

    def __init__(
        self,
        *,
        keep_days: float,
        max_size: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.pause = BUSY_S
        self._keep_s = keep_days * DAY
        self._max_size = max_size
        self._clock = clock
        self._rows = 256
        self._due = 0.0

    def __repr__(self) -> str:
        days = self._keep_s / DAY
        return f"<Retention {days:g} days, {self._max_size} bytes, {self._rows} rows a step>"

    def tidy(self, database: Database) -> None:
        """Take a step, if it is time for one. Raises `RecordsError`."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + IDLE_S  # also after an error
        self.pause = BUSY_S if self.step(database) else IDLE_S
        self._due = time.monotonic() + self.pause

    def step(self, database: Database) -> bool:
        """Delete a little; tell whether there may be more to delete. Raises `RecordsError`."""
        oldest = self._clock() - self._keep_s
        began = time.monotonic()
        with database.writing():
            deleted = self._delete_calls(database, oldest) + self._delete_changes(database, oldest)
        self._adapt(time.monotonic() - began, deleted)
        with database.writing():
            deleted += self._delete_sums(database, oldest)
        return database.shrink() or deleted > 0

    def _delete_calls(self, database: Database, oldest: float) -> int:
        too_old = f"req_{milliseconds(oldest):012x}"
        deleted = self._delete_calls_before(database, too_old, self._rows)
        size, portion = database.size(), PORTION
        while size > self._max_size and deleted < self._rows:
            gone = self._delete_calls_before(
                database, AFTER_ALL, min(portion, self._rows - deleted)
            )
            if not gone:
                break
            deleted += gone
            before, size = size, database.size()
            portion = PORTION if size < before else 2 * portion  # a server tells it later
        return deleted

    def _delete_calls_before(self, database: Database, until: str, most: int) -> int:
        last = self._last(database, "calls", until, most)
        if last is None:
            return 0
        for table in ("attempts", "captures"):
            database.execute(f"DELETE FROM {table} WHERE call_id <= ?", (last,))  # noqa: S608
        return database.execute("DELETE FROM calls WHERE id <= ?", (last,))

    def _delete_changes(self, database: Database, oldest: float) -> int:
        database.execute("DELETE FROM writers WHERE at < ?", (oldest,))
        last = self._last(database, "changes", f"chg_{milliseconds(oldest):012x}", self._rows)
        if last is None:
            return 0
        return database.execute("DELETE FROM changes WHERE id <= ?", (last,))

    def _last(self, database: Database, table: str, until: str, most: int) -> str | None:
        """Return the last of the oldest rows, `most` of them at most."""
        oldest = f"SELECT id FROM {table} WHERE id < ? ORDER BY id LIMIT ?"  # noqa: S608
        statement = f"SELECT MAX(id) FROM ({oldest}) AS oldest"  # noqa: S608
        ((last,),) = database.query(statement, (until, most))
        return None if last is None else str(last)

    def _delete_sums(self, database: Database, oldest: float) -> int:
        short = max(oldest, self._clock() - MINUTES_KEPT)
        deleted = 0
        for table, span in _TABLES:
            until = oldest if span == HOUR else short
            deleted += _delete_spans(database, table, span, until)
        return deleted

    def _adapt(self, took: float, deleted: int) -> None:
        if took > STEP_S:
            self._rows = max(FEWEST, self._rows // 2)
        elif took < STEP_S / 4 and deleted:
            self._rows = min(MOST, self._rows * 2)


def _delete_spans(database: Database, table: str, span: int, oldest: float) -> int:
    """Delete the oldest sums, if they ended before that."""
    ((first,),) = database.query(f"SELECT MIN(start) FROM {table}")  # noqa: S608 -- our names
    if first is None or int(first) + span > oldest:
        return 0
    until = min(int(first) + _SPANS[span] * span, int(oldest) - span + 1)
    return database.execute(f"DELETE FROM {table} WHERE start < ?", (until,))  # noqa: S608
