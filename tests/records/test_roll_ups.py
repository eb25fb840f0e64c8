"""Sums stay few, whatever names there are, and lose nothing by it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elizanet.records import roll_ups
from elizanet.records.opening import connect, open_reader
from elizanet.records.reading import Which, Window
from elizanet.records.sums import OTHER
from support.ended import attempt, ended
from support.recorded import answered, call_id, record


def test_endless_models_make_no_endless_sums(tmp_path: Path) -> None:
    """Beyond the limit they are one; every call is counted, and is found by its name."""
    url, now = f"sqlite:///{tmp_path}/records.db", time.time() // 3600 * 3600 - 3600
    events = [
        ended(attempt("openai", model=f"m-{number}"), call_id=call_id(now + 1), model=f"m-{number}")
        for number in range(1500)
    ]
    record(url, *events)
    reader = open_reader(url)
    window = Window(now, now + 60)
    found = {one.key[0]: one.calls for one in reader.totals(window, ("model",))}
    limit = roll_ups.LEVELS[0].limit
    assert len(found) == limit + 1
    assert found[OTHER] == 1500 - limit
    assert sum(one.attempts for one in reader.attempts(window)) == 1500
    assert {one.key for one in reader.totals(window, ("target",))} >= {(f"openai/{OTHER}",)}
    assert [call.model for call in reader.calls(Which(model="m-1499"))] == ["m-1499"]
    reader.close()


def test_endless_callers_make_no_endless_sums(tmp_path: Path) -> None:
    """Beyond twice the limit their names go, too."""
    url, now = f"sqlite:///{tmp_path}/records.db", time.time() // 3600 * 3600 - 3600
    record(url, *(answered(now + 1, caller=f"c-{number}") for number in range(3000)))
    database = connect(url)
    for level in roll_ups.LEVELS:
        ((rows, calls),) = database.query(
            f"SELECT COUNT(*), SUM(calls) FROM calls_by_{level.name}"  # noqa: S608
        )
        assert (int(rows or 0), int(calls or 0)) == (2 * level.limit + 1, 3000)
    database.close()
    reader = open_reader(url)
    assert len(reader.calls(Which(caller="c-2999"))) == 1
    reader.close()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 7200), min_size=1, max_size=60), st.integers(1, 20))
def test_sums_do_not_depend_on_the_batches(
    tmp_path_factory: pytest.TempPathFactory, begins: list[int], size: int
) -> None:
    """In one batch or in many, in any order of time: the same rows of sums."""
    folder, now = tmp_path_factory.mktemp("batches"), time.time() // 3600 * 3600 - 7200
    events = [answered(now + begin, seconds=begin / 100) for begin in begins]
    record(f"sqlite:///{folder}/one.db", *events)
    for first in range(0, len(events), size):
        record(f"sqlite:///{folder}/many.db", *events[first : first + size])
    tables = [f"{rows}_by_{name}" for rows in ("calls", "attempts") for name, *_ in roll_ups.LEVELS]
    both = []
    for file in ("one.db", "many.db"):
        database = connect(f"sqlite:///{folder}/{file}")
        both.append([database.query(f"SELECT * FROM {table}") for table in tables])  # noqa: S608
        database.close()
    assert both[0] == both[1]
