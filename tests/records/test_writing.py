"""Batches: all of one or none of it, once, and sums that are right whatever happened between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elizanet.records import migrations
from elizanet.records.errors import RecordsError
from elizanet.records.known import Known
from elizanet.records.making import make_call
from elizanet.records.model import CallRecord
from elizanet.records.opening import open_reader
from elizanet.records.reading import Which, Window
from elizanet.records.sqlite import SqliteDatabase
from elizanet.records.writing import Batches
from support.recorded import moved


class Failing(SqliteDatabase):
    """Fails when everything is done but the commit, as often as it is told to."""

    failures = 0

    @contextmanager
    def writing(self) -> Iterator[None]:
        with super().writing():
            yield
            if self.failures:
                self.failures -= 1
                raise RecordsError("the disk is full")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Failing]:
    one = Failing(tmp_path / "records.db")
    migrations.upgrade(one)
    yield one
    one.close()


def record() -> CallRecord:
    return make_call(moved(), time.time(), "run_1", Known())


def counted(path: Path) -> tuple[int, int, int]:
    """Return how many calls there are in the rows, in the sums, and in those of attempts."""
    reader, now = open_reader(f"sqlite:///{path}/records.db"), time.time()
    window = Window(now - 600, now + 60)
    (sums,) = reader.totals(window)
    attempts = sum(one.attempts for one in reader.attempts(window))
    rows = len(reader.calls(Which(), 1000))
    reader.close()
    return rows, sums.calls, attempts // 2


@pytest.mark.parametrize("others", [0, 1, 2])
def test_a_batch_that_failed_leaves_nothing_in_the_sums(
    database: Failing, tmp_path: Path, others: int
) -> None:
    """Neither in the database nor in what the writer remembers, whoever writes meanwhile."""
    mine, theirs = Batches(), Batches()
    mine.write(database, [record()])
    database.failures, batch = 2, [record(), record()]
    for _ in range(2):
        with pytest.raises(RecordsError, match="the disk is full"):
            mine.write(database, batch)
    assert counted(tmp_path) == (1, 1, 1)
    for _ in range(others):
        theirs.write(database, [record()])
    mine.write(database, batch)
    assert counted(tmp_path) == (3 + others,) * 3


def test_writers_in_turns_add_to_the_same_sums(database: Failing, tmp_path: Path) -> None:
    """What one remembers is not trusted after the other has written."""
    both = [Batches(), Batches()]
    for turn in (0, 1, 0, 0, 1, 1, 0):
        both[turn].write(database, [record()])
    assert counted(tmp_path) == (7, 7, 7)
    assert "number=5" in repr(both[0])
