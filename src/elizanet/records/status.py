"""What there is of records: how many, how large, since when, in which version."""

from __future__ import annotations

import msgspec

from elizanet.records.database import Database, Value
from elizanet.records.migrations import version_of


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`size` is in bytes; `oldest` and `newest` in seconds since 1970, None without calls."""

    version: int
    size: int
    calls: int = 0
    attempts: int = 0
    changes: int = 0
    oldest: float | None = None
    newest: float | None = None


def status_of(database: Database) -> Status:
    """Return what there is, in any version. Raises `RecordsError`."""
    version, size = version_of(database), database.size()
    if version == 0:
        return Status(version=version, size=size)

    def asked(question: str) -> Value:
        return database.query(question)[0][0]

    oldest = asked("SELECT MIN(at) FROM calls WHERE id = (SELECT MIN(id) FROM calls)")
    newest = asked("SELECT MAX(at) FROM calls WHERE id = (SELECT MAX(id) FROM calls)")
    return Status(
        version=version,
        size=size,
        calls=int(asked("SELECT COUNT(*) FROM calls") or 0),
        attempts=int(asked("SELECT COUNT(*) FROM attempts") or 0),
        changes=int(asked("SELECT COUNT(*) FROM changes") or 0),
        oldest=None if oldest is None else float(oldest),
        newest=None if newest is None else float(newest),
    )
