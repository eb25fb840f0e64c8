"""The sink and its thread: never in the way, and every event accounted for."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from elizanet.records import queue, writer
from elizanet.records.errors import RecordsError, RefusedError
from elizanet.records.opening import connect, open_reader
from elizanet.records.reading import Which, Window
from elizanet.records.sqlite import SqliteDatabase
from elizanet.telemetry import CallAnswered, Capture, HealthChanged, Interest
from support.ended import ended
from support.recorded import (
    answered,
    call_id,
    captured,
    failed,
    has_written,
    is_balanced,
    moved,
    record,
    recorder,
    threads,
    until,
)


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that fails is tried again soon."""
    monkeypatch.setattr(writer, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(writer, "GATHER_S", 0.02)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/new/records.db"


def broken() -> SqliteDatabase:
    raise RecordsError("the disk is on fire")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


class Ambiguous(SqliteDatabase):
    """Its first commit breaks the connection after it has taken place."""

    breaks = True

    @contextmanager
    def writing(self) -> Iterator[None]:
        with super().writing():
            yield
        if self.breaks and self.exists("writers") and self.query("SELECT 1 FROM writers"):
            type(self).breaks = False
            raise RecordsError("the connection broke while it committed")


def test_nothing_is_opened_before_the_first_event(url: str, tmp_path: Path) -> None:
    """No file, no thread; and closing has nothing to wait for."""
    one = recorder(url)
    assert one.interest == Interest(details=True, capture=Capture.OFF)
    one(CallAnswered("req_1", "m", (), 1.0))
    assert not (tmp_path / "new").exists()
    assert not list(threads())
    one.close()
    assert one.stats().offered == 0


def test_what_is_made_is_its_owners_alone(url: str, tmp_path: Path) -> None:
    """Folder 0700, file and log 0600."""
    one = recorder(url)
    one(answered())
    until(lambda: one.stats().written == 1)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    for file in (tmp_path / "new").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file
    one.close()


def test_every_event_is_written_when_it_is_closed(url: str) -> None:
    """More than two batches, without waiting for any of them."""
    one = recorder(url)
    for _ in range(2500):
        one(answered())
    one(HealthChanged("openai", "breaker", "open", "it failed"))
    one.close()
    stats = one.stats()
    assert (stats.offered, stats.written, stats.dropped, stats.queued) == (2501, 2501, 0, 0)
    assert stats.failing is None
    assert stats.last_write == pytest.approx(time.time(), abs=30)
    assert "written=2501" in repr(one)
    one.close()
    one(answered())
    assert one.stats().dropped == 1
    assert is_balanced(one)


def test_a_batch_is_written_soon_after_its_first_event(url: str) -> None:
    """Nobody has to close it for that."""
    one = recorder(url)
    one(answered())
    until(lambda: one.stats().written == 1, 5.0)
    one.close()


def test_what_a_full_queue_drops_is_counted_and_told_twice(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One line when it begins, one with the number when it ends; then it may begin again."""
    stuck = threading.Event()

    def connecting() -> SqliteDatabase:
        stuck.wait(20)
        return SqliteDatabase(Path(url.removeprefix("sqlite:///")))

    one = recorder(url, connecting=connecting, capacity=100)
    one(answered())
    until(lambda: not one._queue._events)
    for _ in range(150):
        one(answered())
    stats = one.stats()
    assert (stats.offered, stats.dropped, stats.queued) == (151, 50, 101)
    stuck.set()
    until(lambda: "there is room for records again: 50 were lost" in lines(caplog))
    one.close()
    assert one.stats().written == 101
    assert [line for line in lines(caplog) if "lost" in line] == [
        "records are being lost: 101 wait to be written, and there is no room for more",
        "there is room for records again: 50 were lost",
    ]


def test_a_database_that_fails_is_told_of_once_and_once_when_it_is_well(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Meanwhile events wait, and are written then."""
    well = threading.Event()

    def connecting() -> SqliteDatabase:
        if not well.is_set():
            broken()
        return SqliteDatabase(Path(url.removeprefix("sqlite:///")))

    one = recorder(url, connecting=connecting)
    one(answered())
    until(lambda: one.stats().failing == "the disk is on fire")
    time.sleep(0.2)
    for _ in range(10):
        one(answered())
    assert one.stats().queued == 11
    well.set()
    until(lambda: one.stats().written == 11)
    one.close()
    assert one.stats().failing is None
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage().partition(",")[0].partition(":")[0] for record in told] == [
        "records cannot be written",
        "records are written again",
    ]


def test_a_fault_while_connecting_is_a_failure_of_the_database(url: str) -> None:
    """Whatever a driver raises: records wait."""
    faults = [KeyError("x"), RefusedError("no"), AssertionError()]

    def connecting() -> SqliteDatabase:
        if faults:
            raise faults.pop()
        return SqliteDatabase(Path(url.removeprefix("sqlite:///")))

    one = recorder(url, connecting=connecting)
    one(answered())
    until(lambda: one.stats().failing is not None)
    has_written(one, 1)
    one.close()
    assert (one.stats().dropped, faults) == (0, [])


def test_pauses_grow_while_a_database_fails(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is twice the one before, up to the longest."""
    monkeypatch.setattr(writer, "LONGEST_PAUSE_S", 0.08)
    tries: list[float] = []

    def connecting() -> SqliteDatabase:
        tries.append(time.monotonic())
        return broken()

    one = recorder(url, connecting=connecting)
    one(answered())
    until(lambda: len(tries) == 7)
    one.close()
    pauses = [after - before for before, after in pairwise(tries)]
    for pause, least in zip(pauses, (0.02, 0.04, 0.08, 0.08, 0.08), strict=False):
        assert least <= pause < least + 0.5


def test_closing_does_not_wait_longer_than_it_may(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that hangs keeps the batch in its hand; the rest is dropped and told."""
    stuck = threading.Event()

    def connecting() -> SqliteDatabase:
        stuck.wait(20)
        return broken()

    one = recorder(url, connecting=connecting)
    one(answered())
    until(lambda: not one._queue._events)
    for _ in range(5):
        one(answered())
    began = time.monotonic()
    one.close(0.2)
    assert 0.2 <= time.monotonic() - began < 2
    stats = one.stats()
    assert (stats.offered, stats.dropped, stats.queued) == (6, 5, 1)
    assert "5 records were lost" in caplog.text
    stuck.set()
    until(lambda: one.stats().dropped == 6)
    assert is_balanced(one)
    until(lambda: not list(threads()))


def test_closing_gives_a_broken_database_up_at_once(url: str) -> None:
    """It fails quickly, and a second try is enough."""
    one = recorder(url, connecting=broken)
    for _ in range(3000):
        one(answered())
    began = time.monotonic()
    one.close()
    assert time.monotonic() - began < 3
    assert (one.stats().dropped, one.stats().queued) == (3000, 0)


async def test_closing_does_not_block_the_loop(url: str) -> None:
    """Other tasks go on while the last batch is written."""
    released = threading.Event()

    def connecting() -> SqliteDatabase:
        released.wait(20)
        return SqliteDatabase(Path(url.removeprefix("sqlite:///")))

    one = recorder(url, connecting=connecting)
    one(answered())
    closing = asyncio.create_task(one.aclose())
    await asyncio.sleep(0.05)
    assert not closing.done()
    released.set()
    await closing
    assert one.stats().written == 1


def test_a_call_that_is_refused_costs_no_other_one(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The same id twice: the second is lost, counted and told once; sums have it once."""
    twice = call_id()
    one = recorder(url)
    for event in (answered(call_id=twice), answered(), answered(call_id=twice), answered()):
        one(event)
    one(answered(call_id=twice))
    one.close()
    stats = one.stats()
    assert (stats.offered, stats.written, stats.dropped, stats.queued) == (5, 3, 2, 0)
    assert len([line for line in lines(caplog) if "it is lost" in line]) == 1
    reader = open_reader(url)
    now = time.time()
    assert reader.totals(Window(now - 300, now + 60))[0].calls == len(reader.calls(Which())) == 3
    reader.close()


def test_an_event_that_no_record_can_be_made_of_costs_only_itself(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of ours is counted, and its first one told."""
    one = recorder(url)
    for event in (answered(), answered(seconds="long"), answered(), answered(attempts=None)):
        one(event)
    one.close()
    stats = one.stats()
    assert (stats.written, stats.dropped, stats.queued) == (2, 2, 0)
    assert len([line for line in lines(caplog) if "it is lost" in line]) == 1


def test_a_commit_that_was_lost_from_sight_is_not_made_twice(url: str) -> None:
    """The connection breaks after the commit: rows and sums are there once."""
    Ambiguous.breaks = True
    one = recorder(
        url, connecting=lambda: Ambiguous(Path(url.removeprefix("sqlite:///")))
    )  # fmt: skip
    for _ in range(5):
        one(answered())
    until(lambda: one.stats().written == 5)
    one(answered())
    one.close()
    assert (one.stats().written, one.stats().dropped) == (6, 0)
    reader = open_reader(url)
    now = time.time()
    assert len(reader.calls(Which())) == 6
    assert reader.totals(Window(now - 300, now + 60))[0].calls == 6
    reader.close()


def test_recorders_of_one_process_do_not_disturb_each_other(url: str) -> None:
    """Two write to one file in turns, and the sums are those of both."""
    both = [recorder(url, run="run_1"), recorder(url, run="run_2")]
    for turn in range(20):
        for one in both:
            for _ in range(10):
                one(answered())
        has_written(both[turn % 2], 10 * turn + 10)
    for one in both:
        one.close()
        assert one.stats().written == 200
    reader = open_reader(url)
    now = time.time()
    assert reader.totals(Window(now - 600, now + 60))[0].calls == 400
    assert len(reader.calls(Which(run="run_2"), 1000)) == 200
    reader.close()


def test_a_clock_that_goes_back_loses_nothing(url: str) -> None:
    """Calls are in the order of the clock of their ids, whatever the order of their ends."""
    now = time.time()
    begins = [now, now - 3600, now + 1800, now - 60, now - 7200]
    record(url, *(answered(at) for at in begins))
    reader = open_reader(url)
    found = [call.at for call in reader.calls(Which())]
    assert found == pytest.approx(sorted(begins, reverse=True), abs=0.01)
    for at in begins:
        assert reader.totals(Window(at - 1, at + 1))[0].calls >= 1
    reader.close()


def test_sums_do_not_know_the_summer_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hour that comes twice in New York in November is two hours."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        twice = 1793509200.0  # 2026-11-01 01:00 EDT
        record(url, answered(twice + 60), answered(twice + 3660))
        reader = open_reader(url)
        points = reader.series(Window(twice, twice + 7200), 3600)
        assert [(point.at, point.totals.calls) for point in points] == [
            (twice, 1), (twice + 3600, 1)
        ]  # fmt: skip
        reader.close()
    finally:
        monkeypatch.undo()
        time.tzset()


def test_too_much_text_that_waits_costs_the_text_and_not_the_record(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls beyond the bound come without what was captured."""
    monkeypatch.setattr(queue, "TEXT_BYTES", 250)
    released = threading.Event()

    def connecting() -> SqliteDatabase:
        released.wait(20)
        return SqliteDatabase(Path(url.removeprefix("sqlite:///")))

    one = recorder(url, connecting=connecting)
    events = [answered(captured=captured(b"x" * 50, b"y" * 50)) for _ in range(3)]
    one(events[0])
    until(lambda: not one._queue._events)
    for event in (*events[1:], failed(captured=captured(b"x" * 200, b"y" * 200))):
        one(event)
    released.set()
    one.close()
    reader = open_reader(url)
    kept = [reader.call(event.call_id) for event in events]
    assert [call is not None and call.request for call in kept] == ["x" * 50] * 3
    assert all(call.request is None for call in reader.calls(Which(outcome="failed")))
    reader.close()


def test_text_that_was_written_makes_room_for_more(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is what waits."""
    monkeypatch.setattr(queue, "TEXT_BYTES", 250)
    one = recorder(url)
    for count in range(1, 6):
        one(answered(captured=captured(b"x" * 100, b"y" * 100)))
        has_written(one, count)
    one.close()
    reader = open_reader(url)
    found = [reader.call(call.id) for call in reader.calls(Which())]
    assert [call is not None and call.request for call in found] == ["x" * 100] * 5
    reader.close()


def test_an_old_sqlite_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with both versions."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(RecordsError, match=r"records need SQLite 3\.35, and this Python has 3\."):
        connect(url)


def test_a_system_without_a_thread_to_spare_costs_nothing_else(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Events wait, it is told once, and the next event tries again."""

    def refuses(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    one = recorder(url)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuses)
        one(answered())
        one(answered())
    assert (one.stats().queued, one.stats().dropped) == (2, 0)
    assert "can't start new thread" in str(one.stats().failing)
    assert caplog.text.count("records cannot be written") == 1
    one(answered())
    has_written(one, 3)
    one.close()
    assert one.stats().failing is None


def test_a_reader_sees_what_is_written_while_it_is_open(url: str) -> None:
    """A dashboard keeps its reader for days."""
    one = recorder(url)
    one(answered())
    until(lambda: one.stats().written == 1)
    reader = open_reader(url)
    one(moved())
    until(lambda: one.stats().written == 2)
    assert len(reader.calls(Which())) == 2
    one.close()
    reader.close()


def spoilt(path: Path) -> None:
    path.write_bytes(b"This is no database. " * 1000)


def newer(path: Path) -> None:
    database = connect(f"sqlite:///{path}")
    database.execute("CREATE TABLE schema_version (version INTEGER)")
    database.execute("INSERT INTO schema_version VALUES (999)")
    database.close()


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (spoilt, "file is not a database"),
        (newer, "the records have version 999"),
        (a_folder, "Is a directory"),
    ],
)
def test_a_file_that_cannot_be_used_costs_records_and_says_so(
    tmp_path: Path, spoil: Callable[[Path], None], sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One line that names the file and the reason, and events that are counted."""
    path = tmp_path / "records.db"
    spoil(path)
    one = recorder(f"sqlite:///{path}")
    one(answered())
    until(lambda: one.stats().failing is not None)
    assert sentence in str(one.stats().failing)
    one.close()
    assert (one.stats().dropped, one.stats().queued) == (1, 0)
    assert len([line for line in lines(caplog) if "cannot be written" in line]) == 1


def test_a_folder_that_cannot_be_written_to_costs_records() -> None:
    """As a file system that is mounted read-only."""
    one = recorder("sqlite:////proc/elizanet/records.db")
    one(answered())
    until(lambda: one.stats().failing is not None)
    one.close()
    assert one.stats().dropped == 1


def test_a_file_that_is_deleted_is_made_anew(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """What is written afterwards is there, and the loss of the file is told."""
    path = Path(url.removeprefix("sqlite:///"))
    one = recorder(url)
    one(answered())
    until(lambda: one.stats().written == 1)
    for file in path.parent.iterdir():
        file.unlink()
    one(moved())
    until(lambda: one.stats().written == 2)
    one.close()
    reader = open_reader(url)
    assert len(reader.calls(Which())) == 1
    reader.close()
    assert "the file of the records is gone" in caplog.text


def test_a_locked_file_costs_time_and_then_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process holds it, events wait; then all are written."""
    monkeypatch.setattr("elizanet.records.sqlite.BUSY_S", 0.05)
    one = recorder(url)
    one(answered())
    until(lambda: one.stats().written == 1)
    holder = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    one._writer._disconnect()
    for _ in range(20):
        one(answered())
    until(lambda: "database is locked" in str(one.stats().failing))
    assert one.stats().queued == 20
    holder.execute("ROLLBACK")
    holder.close()
    until(lambda: one.stats().written == 21)
    one.close()


def test_a_full_disk_costs_nothing_once_there_is_room(url: str) -> None:
    """No page more: events wait; then there is room, and all are written."""
    room = [40]

    def connecting() -> SqliteDatabase:
        database = SqliteDatabase(Path(url.removeprefix("sqlite:///")))
        database.query(f"PRAGMA max_page_count = {room[0]}")
        return database

    one = recorder(url, connecting=connecting)
    for _ in range(500):
        one(answered())
    until(lambda: "full" in str(one.stats().failing))
    assert is_balanced(one)
    room[0] = 1_000_000
    until(lambda: one.stats().written == 500)
    one.close()
    reader = open_reader(url)
    now = time.time()
    assert reader.totals(Window(now - 300, now + 60))[0].calls == 500
    reader.close()


def test_an_event_without_an_id_of_ours_is_found_all_the_same(url: str) -> None:
    """A chain that was built by hand: its calls get a place in time."""
    record(url, ended(call_id="mine"))
    reader = open_reader(url)
    (call,) = reader.calls(Which(since=time.time() - 60))
    assert call.id.endswith("_mine")
    assert call.at == pytest.approx(time.time(), abs=30)
    reader.close()
