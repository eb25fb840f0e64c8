"""Version 4: why a call went no further; of calls that are there already nobody knows."""

from __future__ import annotations

from elizanet.records.database import Database

REBUILDS = False


def up(database: Database) -> None:
    """Add the column, empty."""
    database.execute("ALTER TABLE calls ADD COLUMN bound TEXT")


def down(database: Database) -> None:
    """Drop the column with what it holds."""
    database.execute("ALTER TABLE calls DROP COLUMN bound")
