"""The versions of the tables, and the ways between them.

Each version is a module with `up` and `down`; a step is one transaction of the database's only
writer, so that two processes that start at once take it once. What is derived from rows is made
anew by today's code after the last step up (`REBUILDS`): a step never depends on code that
changes.
"""

from __future__ import annotations

from typing import Final, Protocol

from elizanet.records.database import Database
from elizanet.records.errors import RecordsError
from elizanet.records.migrations import v1_rows, v2_captures, v3_roll_ups, v4_bounds
from elizanet.records.rebuilding import rebuild


class Version(Protocol):
    """One step."""

    REBUILDS: bool
    """Whether sums have to be made of the rows that are there."""

    def up(self, database: Database) -> None: ...

    def down(self, database: Database) -> None: ...


VERSIONS: Final[tuple[Version, ...]] = (v1_rows, v2_captures, v3_roll_ups, v4_bounds)
LATEST: Final = len(VERSIONS)
"""The version that this release reads and writes."""


def version_of(database: Database) -> int:
    """Return the version of the tables; 0 where there are none."""
    if not database.exists("schema_version"):
        return 0
    return int(database.query("SELECT version FROM schema_version")[0][0] or 0)


def upgrade(database: Database) -> None:
    """Bring the tables to `LATEST`. Raises `RecordsError` if they are newer than that."""
    if version_of(database) == LATEST:
        return
    with database.patient(), database.writing():
        version = version_of(database)
        if version > LATEST:
            raise RecordsError(newer(version))
        steps = VERSIONS[version:]
        for step in steps:
            step.up(database)
        if steps and version:
            _keep(database, version, LATEST)
        elif steps:
            database.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
            database.execute("INSERT INTO schema_version (version) VALUES (?)", (LATEST,))
        if any(step.REBUILDS for step in steps):
            rebuild(database)


def downgrade(database: Database, to: int) -> None:
    """Take the tables back to an older version, 0 for none at all. Raises `RecordsError`."""
    with database.patient(), database.writing():
        version = version_of(database)
        if not 0 <= to <= version <= LATEST:
            raise RecordsError(f"the records have version {version}: there is no way down to {to}")
        for step in reversed(VERSIONS[to:version]):
            step.down(database)
        if to:
            _keep(database, version, to)
        elif version:
            database.execute("DROP TABLE schema_version")


def newer(version: int) -> str:
    """Say that the tables are of a release that comes after this one."""
    return (
        f"the records have version {version} and this elizanet knows versions up to {LATEST}:"
        " use the newer elizanet that made them"
    )


def _keep(database: Database, version: int, changed: int) -> None:
    if changed != version:
        database.execute("UPDATE schema_version SET version = ?", (changed,))
