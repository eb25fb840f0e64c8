"""Sums made anew of the rows that are there."""

from __future__ import annotations

from typing import Final

from elizanet.records.database import Database
from elizanet.records.finding import calls_after
from elizanet.records.roll_ups import RollUps

CHUNK: Final = 2000
"""Calls that are read at a time."""


def rebuild(database: Database) -> None:
    """Add every stored call to sums that are empty; only inside `Database.writing`."""
    roll_ups, last = RollUps(), ""
    while calls := calls_after(database, last, CHUNK):
        roll_ups.merge(database, calls)
        last = calls[-1].id
