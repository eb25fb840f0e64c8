"""Answers questions from either database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from elizanet.records import changing, finding, summing
from elizanet.records.database import Database
from elizanet.records.errors import NoRecordsError, RecordsError
from elizanet.records.migrations import LATEST, newer, version_of
from elizanet.records.model import CallRecord, ChangeRecord
from elizanet.records.reading import (
    AttemptTotals,
    Dimension,
    Ended,
    Point,
    Totals,
    Which,
    Window,
)


class RecordReader:
    """A `Reader`. After an error it connects anew for the next question."""

    def __init__(self, connect: Callable[[], Database]) -> None:
        self._connect = connect
        self._database: Database | None = None
        with self._connected():
            pass

    def __repr__(self) -> str:
        return f"<RecordReader {self._database or 'not connected'}>"

    def calls(self, which: Which, limit: int = 50) -> list[CallRecord]:
        with self._connected() as database:
            return finding.newest(database, which, limit)

    def call(self, call_id: str) -> CallRecord | None:
        with self._connected() as database:
            return finding.one(database, call_id)

    def totals(
        self, window: Window, by: Sequence[Dimension] = (), *, percentiles: bool = True
    ) -> list[Totals]:
        with self._connected() as database:
            return summing.totals(database, window, by, percentiles=percentiles)

    def series(
        self,
        window: Window,
        step: float,
        by: Sequence[Dimension] = (),
        *,
        percentiles: bool = True,
    ) -> list[Point]:
        with self._connected() as database:
            return summing.series(database, window, step, by, percentiles=percentiles)

    def attempts(self, window: Window) -> list[AttemptTotals]:
        with self._connected() as database:
            return summing.attempts(database, window)

    def ended(self, window: Window) -> list[Ended]:
        with self._connected() as database:
            return finding.ended(database, window)

    def changes(self, window: Window, step: float = 0.0) -> list[ChangeRecord]:
        with self._connected() as database:
            return changing.between(database, window, step)

    def latest_changes(self, at: float) -> list[ChangeRecord]:
        with self._connected() as database:
            return changing.latest(database, at)

    def last_writes(self) -> dict[str, float]:
        with self._connected() as database:
            return changing.last_writes(database)

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    @contextmanager
    def _connected(self) -> Iterator[Database]:
        if self._database is not None and not self._database.is_current:
            self.close()
        if self._database is None:
            self._database = self._open()
        try:
            yield self._database
        except RecordsError:
            self.close()
            raise

    def _open(self) -> Database:
        database = self._connect()
        try:
            check_version(database)
        except RecordsError:
            database.close()
            raise
        return database


def check_version(database: Database) -> None:
    """Raise `RecordsError` if this release cannot read the tables as they are."""
    version = version_of(database)
    if version > LATEST:
        raise RecordsError(newer(version))
    if version == 0:
        raise NoRecordsError("there are no records yet: nothing has been written")
    if version < LATEST:
        raise RecordsError(
            f"the records have version {version} and this elizanet reads version {LATEST}:"
            " run elizanet records upgrade"
        )
