"""Writes a batch of records: rows and sums in one transaction, exactly once."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Final

from elizanet.records.database import Database
from elizanet.records.model import CallRecord, ChangeRecord
from elizanet.records.roll_ups import RollUps
from elizanet.records.rows import (
    ATTEMPT_COLUMNS,
    CALL_COLUMNS,
    CAPTURE_COLUMNS,
    CHANGE_COLUMNS,
    attempt_row,
    call_row,
    change_row,
    insert_into,
)

Record = CallRecord | ChangeRecord

_CALLS: Final = insert_into("calls", CALL_COLUMNS)
_ATTEMPTS: Final = insert_into("attempts", ATTEMPT_COLUMNS)
_CAPTURES: Final = insert_into("captures", CAPTURE_COLUMNS)
_CHANGES: Final = insert_into("changes", CHANGE_COLUMNS)
_LAST_CHANGE: Final = 0xFFFFFFFF
_ADVANCE: Final = (
    "INSERT INTO writers (name, batch, at) VALUES (?, ?, ?) ON CONFLICT (name)"
    " DO UPDATE SET batch = excluded.batch, at = excluded.at"
    " WHERE writers.batch < excluded.batch"
)


class Batches:
    """Writes the batches of one writer, each of them once; `run` names the process.

    A connection that breaks while it commits leaves open whether it has. The batch's number is
    written with it, so that a second try finds out; where the first one is still under way at
    the server, it waits for its end.
    """

    def __init__(self, run: str = "") -> None:
        self._token = secrets.token_hex(8)
        self._name = f"{run} {self._token}"
        self._number = 1
        self._changes = 0
        self._roll_ups = RollUps()
        self._all_batches = 0

    def __repr__(self) -> str:
        return f"<Batches {self._name} number={self._number}>"

    def write(self, database: Database, records: Sequence[Record]) -> None:
        """Write records that may have been tried before; all of them or none."""
        try:
            with database.writing():
                values = (self._name, self._number, time.time())
                if database.execute(_ADVANCE, values):
                    self._notice_others(database)
                    _insert_calls(database, records, self._roll_ups)
                    self._insert_changes(database, records)
        except BaseException:
            self._roll_ups.forget()
            raise
        self._number += 1

    def _notice_others(self, database: Database) -> None:
        """Forget the sums that another process may have changed."""
        ((total,),) = database.query("SELECT SUM(batch) FROM writers")
        if int(total or 0) != self._all_batches + 1:
            self._roll_ups.forget()
        self._all_batches = int(total or 0)

    def _insert_changes(self, database: Database, records: Sequence[Record]) -> None:
        changes = [record for record in records if isinstance(record, ChangeRecord)]
        if changes:
            database.insert(_CHANGES, [change_row(self._id(change), change) for change in changes])

    def _id(self, change: ChangeRecord) -> str:
        """Return an id that sorts by time, and within a millisecond as the changes came."""
        self._changes = (self._changes + 1) & _LAST_CHANGE
        return f"chg_{int(change.at * 1000):012x}{self._changes:08x}{self._token[:8]}"


def _insert_calls(database: Database, records: Sequence[Record], roll_ups: RollUps) -> None:
    """Insert calls and add them to the sums."""
    calls = [record for record in records if isinstance(record, CallRecord)]
    if calls:
        database.insert(_CALLS, map(call_row, calls))
        rows = [attempt_row(call.id, attempt) for call in calls for attempt in call.attempts]
        database.insert(_ATTEMPTS, rows)
        captured = [c for c in calls if c.request is not None or c.answer is not None]
        if captured:
            database.insert(_CAPTURES, [(c.id, c.request, c.answer) for c in captured])
        roll_ups.merge(database, calls)


def run_of(name: str) -> str:
    """Return which run the writer of this name wrote for, "" if that is not known."""
    return name.rpartition(" ")[0]
