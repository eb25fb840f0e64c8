"""What is too old or too much goes, a little at a time."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from elizanet.records import migrations, retention
from elizanet.records.database import Database
from elizanet.records.errors import RecordsError
from elizanet.records.maker import Maker
from elizanet.records.opening import connect, open_reader
from elizanet.records.reading import Which, Window
from elizanet.records.retention import Retention
from elizanet.records.writing import Batches
from elizanet.telemetry import HealthChanged
from support.recorded import answered, captured, has_written, moved, record, recorder, some, until

DAY = 86_400

BOUNDLESS = 1 << 50


def steps(database: Database, keeper: Retention) -> int:
    """Take steps until there is nothing to delete; return how many."""
    count = 1
    while keeper.step(database):
        count += 1
        assert count < 10_000
    return count


def counts(database: Database) -> dict[str, int]:
    tables = ("calls", "attempts", "captures", "changes")
    rows = {table: database.query(f"SELECT COUNT(*) FROM {table}")[0][0] for table in tables}  # noqa: S608
    return {table: int(count or 0) for table, count in rows.items()}


def test_what_is_too_old_goes_with_all_that_belongs_to_it(url: str) -> None:
    """Attempts and text too; what is younger stays, to the last attempt."""
    now = time.time()
    old = [moved(now - 3 * DAY - at, captured=captured(b"a", b"b")) for at in range(300)]
    young = [moved(now - DAY + at, captured=captured(b"a", b"b")) for at in range(100)]
    record(url, *old, *young)
    database = connect(url)
    steps(database, Retention(keep_days=2, max_size=BOUNDLESS))
    assert counts(database) == {"calls": 100, "attempts": 200, "captures": 100, "changes": 0}
    database.close()
    reader = open_reader(url)
    assert min(call.at for call in reader.calls(Which(), 1000)) > now - 2 * DAY
    reader.close()


def test_sums_go_with_the_days_and_short_ones_after_two(url: str) -> None:
    """By minute for two days, by hour as long as records."""
    now = time.time()
    record(url, *some(100, random.Random(1), now - 9 * DAY, 9 * DAY))
    database = connect(url)
    steps(database, Retention(keep_days=5, max_size=BOUNDLESS))
    for name, days in (("minute", 2), ("quarter", 2), ("hour", 5)):
        for rows in ("calls", "attempts"):
            ((first,),) = database.query(f"SELECT MIN(start) FROM {rows}_by_{name}")  # noqa: S608
            assert now - days * DAY - 3600 <= float(first or 0) < now - days * DAY + DAY
    database.close()


def test_changes_of_health_and_writers_go_with_the_days(url: str) -> None:
    """A change is kept as long as a record."""
    now, make = time.time(), Maker("run_1")
    database = connect(url)
    migrations.upgrade(database)
    made = [make(HealthChanged("a", "breaker", "open", "x"), now - at) for at in (9, 3 * DAY)]
    Batches().write(database, made)
    database.execute("UPDATE writers SET at = ?", (now - 3 * DAY,))
    steps(database, Retention(keep_days=2, max_size=BOUNDLESS))
    assert counts(database)["changes"] == 1
    assert database.query("SELECT * FROM writers") == []
    database.close()


def test_a_file_grows_no_larger_than_it_may(tmp_path: Path) -> None:
    """The oldest go first, the sums of what went stay, and the disk gets the space back."""
    url, now = f"sqlite:///{tmp_path}/records.db", time.time()
    record(url, *(moved(now - 20_000 + at) for at in range(20_000)))
    database = connect(url)
    assert database.size() > 6_000_000
    steps(database, Retention(keep_days=30, max_size=3_000_000))
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (tmp_path / "records.db").stat().st_size < 3_200_000
    left = counts(database)
    assert 3_000 < left["calls"] < 12_000
    assert left["attempts"] == 2 * left["calls"]
    database.close()
    reader = open_reader(url)
    (oldest, *_) = reader.calls(Which(), 100_000)[::-1]
    assert oldest.at == pytest.approx(now - left["calls"], abs=2)
    assert reader.totals(Window(now - 21_000, now + 60))[0].calls == 20_000
    reader.close()


@pytest.mark.parametrize(("text", "many"), [(0, 8000), (3000, 1600)])
def test_a_small_file_keeps_as_much_as_fits(tmp_path: Path, text: int, many: int) -> None:
    """A step ends where there is room, however many rows it might delete."""
    url, now, most = f"sqlite:///{tmp_path}/records.db", time.time(), 1 << 20
    kept = captured(b"x" * text, b"y" * text) if text else None
    record(url, *(moved(now - many + at, captured=kept) for at in range(many)))
    database, keeper = connect(url), Retention(keep_days=30, max_size=most)
    assert database.size() > 2 * most
    steps(database, keeper)
    assert 0.75 * most < database.size() <= most
    database.close()


@pytest.mark.parametrize("text", [0, 60_000])
def test_a_step_is_short_whatever_it_deletes(tmp_path: Path, text: int) -> None:
    """Small rows or large ones: the writer is held up for some hundredths of a second."""
    url, now = f"sqlite:///{tmp_path}/records.db", time.time()
    many = 150 if text else 10_000
    kept = captured(b"x" * text, b"y" * text) if text else None
    record(url, *(moved(now - 9 * DAY + at, captured=kept) for at in range(many)))
    database, keeper = connect(url), Retention(keep_days=2, max_size=BOUNDLESS)
    took = []
    more = True
    while more:
        began = time.thread_time()
        more = keeper.step(database)
        took.append(time.thread_time() - began)
    assert counts(database)["calls"] == 0
    assert sorted(took)[int(len(took) * 0.9)] < 0.05
    database.close()


def test_a_recorder_deletes_while_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without being asked."""
    monkeypatch.setattr(retention, "BUSY_S", 0.01)
    url, now = f"sqlite:///{tmp_path}/records.db", time.time()
    record(url, *(answered(now - 9 * DAY + at) for at in range(3000)))
    one = recorder(url, keep_days=2.0)
    one(answered())
    reader = open_reader(url)
    until(lambda: len(reader.calls(Which(), 10_000)) == 1)
    reader.close()
    one.close()


@pytest.mark.parametrize(
    "error", [RecordsError("this page is spoilt"), ZeroDivisionError("this page is spoilt")]
)
def test_an_error_while_deleting_is_told_and_costs_no_record(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    """The next batch is written all the same."""

    def fails(*_: object) -> bool:
        raise error

    monkeypatch.setattr(Retention, "step", fails)
    one = recorder(f"sqlite:///{tmp_path}/records.db")
    for count in (1, 2):
        one(answered())
        has_written(one, count)
    one.close()
    assert one.stats().dropped == 0
    assert len([r for r in caplog.records if "this page is spoilt" in r.getMessage()]) == 1


def test_steps_adapt_to_the_time_they_take() -> None:
    """Half as many rows after a long one, twice as many after a short one, within bounds."""
    keeper = Retention(keep_days=1, max_size=1)
    keeper._adapt(1.0, 10)
    assert "128 rows" in repr(keeper)
    for _ in range(10):
        keeper._adapt(1.0, 10)
    assert f"{retention.FEWEST} rows" in repr(keeper)
    for _ in range(10):
        keeper._adapt(0.001, 10)
    assert f"{retention.MOST} rows" in repr(keeper)
    keeper._adapt(0.001, 0)
    keeper._adapt(retention.STEP_S / 2, 10)
    assert f"{retention.MOST} rows" in repr(keeper)


def test_rows_go_where_they_take_too_much(url: str) -> None:
    """By the file's pages, or by what the server's statistics say that the rows take."""
    now = time.time()
    record(url, *(moved(now - 2_000 + at) for at in range(2_000)))
    database = connect(url)
    if "postgres" in url:
        database.execute("ANALYZE elizanet.calls, elizanet.attempts")
    assert 500_000 < database.size() < 5_000_000
    keeper = Retention(keep_days=30, max_size=database.size())
    keeper.step(database)
    assert counts(database)["calls"] == 2_000
    keeper = Retention(keep_days=30, max_size=database.size() - 1)
    keeper.step(database)
    left = counts(database)
    assert left["calls"] < 2_000
    assert left["attempts"] == 2 * left["calls"]
    database.close()
