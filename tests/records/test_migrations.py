"""Ways up and down between the versions of the tables, with rows in them."""

from __future__ import annotations

import random
import threading
import time

import pytest
from msgspec.structs import replace

from elizanet.call import Bound
from elizanet.records import migrations
from elizanet.records.database import Database
from elizanet.records.errors import RecordsError
from elizanet.records.migrations import LATEST
from elizanet.records.model import CallRecord
from elizanet.records.opening import connect, open_reader
from elizanet.records.reading import AttemptTotals, Point, Totals, Which, Window
from support.recorded import captured, failed, moved, record, recorder, some


def fill(url: str) -> str:
    """Record calls of all kinds, one of them with its text; return the id of that one."""
    now = time.time()
    told = moved(now - 30, captured=captured(b'{"ask": 1}', b'{"answer": 2}'))
    record(url, *some(300, random.Random(1), now - 3 * 3600, 3 * 3600), told)
    return told.call_id


def everything(url: str) -> tuple[list[object], list[Totals], list[Point], list[AttemptTotals]]:
    """Return all that can be read."""
    window = Window(time.time() // 60 * 60 - 4 * 3600, time.time() + 60)
    reader = open_reader(url)
    calls: list[object] = [reader.call(call.id) for call in reader.calls(Which(), 1000)]
    found = (
        calls,
        [rounded(sums) for sums in reader.totals(window, ("model", "outcome"))],
        reader.series(window, 900, ("caller",)),
        [rounded_attempts(one) for one in reader.attempts(window)],
    )
    reader.close()
    return found


def calls_of(url: str) -> list[CallRecord]:
    """Return all calls."""
    reader = open_reader(url)
    found = reader.calls(Which(), 1000)
    reader.close()
    return found


def rounded(sums: Totals) -> Totals:
    """Return sums without the last digits, which depend on the order of adding."""
    sums.cost, sums.extra_cost = round(sums.cost, 9), round(sums.extra_cost, 9)
    return sums


def rounded_attempts(sums: AttemptTotals) -> AttemptTotals:
    sums.mean_duration, sums.cost = round(sums.mean_duration, 9), round(sums.cost, 9)
    return sums


def columns(database: Database, table: str) -> int:
    row = database.query(f"SELECT * FROM {table} LIMIT 1")  # noqa: S608
    return len(row[0])


@pytest.mark.parametrize("version", range(1, LATEST))
def test_down_and_up_again_loses_nothing(url: str, version: int) -> None:
    """Rows, text and sums are the same after the way there and back."""
    fill(url)
    before = everything(url)
    database = connect(url)
    migrations.downgrade(database, version)
    assert migrations.version_of(database) == version
    with pytest.raises(RecordsError, match="run elizanet records upgrade"):
        open_reader(url)
    migrations.upgrade(database)
    database.close()
    assert everything(url) == before


def test_version_1_has_the_text_in_the_rows_and_no_sums(url: str) -> None:
    """What the way down moves is where it belongs, and only there."""
    told = fill(url)
    database = connect(url)
    migrations.downgrade(database, 2)
    wide = columns(database, "calls")
    migrations.downgrade(database, 1)
    assert columns(database, "calls") == wide + 2
    rows = database.query("SELECT id, request, answer FROM calls WHERE request IS NOT NULL")
    assert rows == [(told, '{"ask": 1}', '{"answer": 2}')]
    for table in ("captures", "calls_by_minute", "calls_by_quarter", "attempts_by_hour"):
        assert not database.exists(table)
    database.close()


def test_why_a_call_went_no_further_is_lost_below_version_4(url: str) -> None:
    """And nothing else: on the way up nobody knows it of the calls that are there."""
    bound = failed(bound=Bound.TIME)
    record(url, bound, moved())
    before = {call.id: call for call in calls_of(url)}
    assert before[bound.call_id].bound == "time"
    database = connect(url)
    migrations.downgrade(database, 3)
    migrations.upgrade(database)
    database.close()
    before[bound.call_id] = replace(before[bound.call_id], bound=None)
    assert {call.id: call for call in calls_of(url)} == before


def test_all_the_way_down_leaves_nothing(url: str) -> None:
    """And from there it begins anew."""
    fill(url)
    database = connect(url)
    migrations.downgrade(database, 0)
    for table in ("calls", "attempts", "changes", "writers", "schema_version"):
        assert not database.exists(table)
    database.close()
    with pytest.raises(RecordsError, match="there are no records yet"):
        open_reader(url)
    record(url, moved())
    assert len(everything(url)[0]) == 1


def test_a_step_that_fails_leaves_everything_as_it_was(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way up is one transaction."""
    fill(url)
    before = everything(url)
    database = connect(url)
    migrations.downgrade(database, 1)

    def fails(_database: Database) -> None:
        raise RecordsError("the disk is full")

    monkeypatch.setattr(migrations, "rebuild", fails)
    with pytest.raises(RecordsError, match="the disk is full"):
        migrations.upgrade(database)
    assert migrations.version_of(database) == 1
    assert not database.exists("captures")
    monkeypatch.undo()
    migrations.upgrade(database)
    database.close()
    assert everything(url) == before


def test_those_that_start_at_once_upgrade_once(url: str) -> None:
    """Each waits for the one that came first, and finds nothing to do."""
    fill(url)
    before = everything(url)
    database = connect(url)
    migrations.downgrade(database, 1)
    database.close()
    errors: list[BaseException] = []

    def upgrade() -> None:
        try:
            own = connect(url)
            migrations.upgrade(own)
            own.close()
        except BaseException as error:
            errors.append(error)
            raise

    together = [threading.Thread(target=upgrade) for _ in range(4)]
    for one in together:
        one.start()
    for one in together:
        one.join()
    assert errors == []
    assert everything(url) == before


def test_recorders_that_start_at_once_make_the_tables_once(url: str) -> None:
    """On a database with nothing in it."""
    all_of_them = [recorder(url) for _ in range(4)]
    for one in all_of_them:
        one(moved())
    for one in all_of_them:
        one.close(20)
        assert one.stats().written == 1, one.stats()
    assert len(everything(url)[0]) == 4


def test_a_newer_version_is_left_alone(url: str) -> None:
    """Neither read, nor written, nor changed: one sentence."""
    fill(url)
    database = connect(url)
    database.execute("UPDATE schema_version SET version = 99")
    sentence = f"the records have version 99 and this elizanet knows versions up to {LATEST}"
    with pytest.raises(RecordsError, match=sentence):
        migrations.upgrade(database)
    with pytest.raises(RecordsError, match=sentence):
        open_reader(url)
    one = recorder(url)
    one(moved())
    one.close()
    assert (one.stats().dropped, one.stats().written) == (1, 0)
    assert sentence in str(one.stats().failing)
    database.close()


@pytest.mark.parametrize("to", [-1, LATEST + 1])
def test_there_is_no_way_down_to_what_is_not_below(url: str, to: int) -> None:
    """One sentence with both versions."""
    fill(url)
    database = connect(url)
    with pytest.raises(RecordsError, match=f"have version {LATEST}: .* to {to}"):
        migrations.downgrade(database, to)
    database.close()
