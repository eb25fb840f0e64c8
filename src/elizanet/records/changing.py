"""Finds changes of health, in the order in which they happened: that of their ids.

A provider that flaps, or says "in one second" each second, changes a hundred thousand times a day.
Where only the course of things is asked for the database leaves most of that out.
"""

from __future__ import annotations

from typing import Final

from elizanet.records.database import Database
from elizanet.records.finding import milliseconds
from elizanet.records.model import ChangeRecord
from elizanet.records.reading import Window
from elizanet.records.rows import CHANGE_COLUMNS, change_of
from elizanet.records.writing import run_of

MOST_BEFORE: Final = 50_000
"""Changes before a moment among which the last ones are looked for."""
_CHANGES: Final = f"SELECT {', '.join(CHANGE_COLUMNS)} FROM changes"  # noqa: S608 -- our names
_WITHIN: Final = "id >= ? AND id < ?"
_ENDS_OF_STEPS: Final = (
    "WITH kept AS (SELECT MIN(id) AS oldest, MAX(id) AS newest FROM changes"  # noqa: S608
    f" WHERE {_WITHIN} GROUP BY CAST(at / ? AS BIGINT), run, subject, what, SUBSTR(state, 1, 4))"
    f" {_CHANGES} WHERE id IN (SELECT oldest FROM kept UNION SELECT newest FROM kept) ORDER BY id"
)
"""Four characters tell the states apart, and leave out for how long they were to last."""
_LAST: Final = (
    "SELECT MAX(id) FROM"
    " (SELECT id, run, subject, what FROM changes WHERE id < ? ORDER BY id DESC LIMIT ?) AS before"
    " GROUP BY run, subject, what"
)


def between(database: Database, window: Window, step: float) -> list[ChangeRecord]:
    """Return the changes in a window, oldest first; only the ends of each step if there are."""
    since, until = _place(window.since), _place(window.until)
    if step:
        rows = database.query(_ENDS_OF_STEPS, (since, until, float(step)))
    else:
        rows = database.query(f"{_CHANGES} WHERE {_WITHIN} ORDER BY id", (since, until))
    return [change_of(row) for row in rows]


def latest(database: Database, at: float) -> list[ChangeRecord]:
    """Return what each run had said last before a moment of each subject and kind of state."""
    values = (_place(at), MOST_BEFORE)
    rows = database.query(f"{_CHANGES} WHERE id IN ({_LAST}) ORDER BY id", values)
    return [change_of(row) for row in rows]


def last_writes(database: Database) -> dict[str, float]:
    """Return when each run wrote last."""
    found: dict[str, float] = {}
    for name, at in database.query("SELECT name, at FROM writers ORDER BY at"):
        found[run_of(str(name))] = float(at or 0)
    return found


def _place(at: float) -> str:
    return f"chg_{milliseconds(at):012x}"
