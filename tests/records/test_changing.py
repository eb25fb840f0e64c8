"""Changes of health: all of them, in their order, or only what tells how things went."""

from __future__ import annotations

import time

import pytest

from elizanet.records import migrations
from elizanet.records.model import ChangeRecord
from elizanet.records.opening import connect, open_reader
from elizanet.records.reading import Window
from elizanet.records.writing import Batches
from elizanet.telemetry import HealthChanged
from support.recorded import recorder


def test_changes_of_health_come_back_in_order(url: str) -> None:
    """All of a window, and the last of each kind."""
    one = recorder(url)
    began = time.time() - 0.002
    for state in ("open", "half_open", "closed"):
        for subject in ("openai", "elizanet"):
            one(HealthChanged(subject, "breaker", state, f"it is {state}"))
            time.sleep(0.002)
    one(HealthChanged("openai", "key", "quarantined", "it was refused"))
    one.close()
    reader, end = open_reader(url), time.time() + 1
    changes = reader.changes(Window(began, end))
    assert [(c.subject, c.state) for c in changes][:3] == [
        ("openai", "open"), ("elizanet", "open"), ("openai", "half_open")
    ]  # fmt: skip
    assert [c.at for c in changes] == sorted(c.at for c in changes)
    assert reader.changes(Window(changes[1].at - 0.001, changes[2].at - 0.001)) == changes[1:2]
    assert reader.latest_changes(end) == changes[-3:]
    assert reader.latest_changes(began) == []
    assert changes[0].run == "run_1"
    reader.close()


def change(at: float, state: str, subject: str = "openai", run: str = "run_1") -> ChangeRecord:
    return ChangeRecord(at=at, run=run, subject=subject, what="gate", state=state, reason="r")


def write_changes(url: str, *changes: ChangeRecord) -> None:
    database = connect(url)
    migrations.upgrade(database)
    for run in {each.run: None for each in changes}:
        Batches(run).write(database, [each for each in changes if each.run == run])
    database.close()


def test_every_change_of_a_window_is_told(url: str) -> None:
    """However many there are."""
    write_changes(url, *(change(1000 + n / 10, "shut for 1 s") for n in range(3000)))
    reader = open_reader(url)
    assert len(reader.changes(Window(1000, 1300))) == 3000
    reader.close()


def test_of_what_was_said_again_and_again_the_ends_of_each_step_are_left(url: str) -> None:
    """Each subject, run and state has its own, however long it was to last."""
    shut = [change(1000 + n, f"shut for {n / 7:.3g} s") for n in range(30)]
    other = [
        change(1004.5, "closed"), change(1005.5, "closed"), change(1006.5, "closed"),
        change(1007.5, "open", "groq"), change(1008.5, "closed", run="run_2"),
    ]  # fmt: skip
    write_changes(url, *sorted([*shut, *other], key=lambda each: each.at))
    reader = open_reader(url)
    found = reader.changes(Window(1000, 1030), 1000.0)
    reader.close()
    kept = [shut[0], other[0], *other[2:], shut[-1]]
    assert found == sorted(kept, key=lambda each: each.at)


def test_changes_of_one_millisecond_keep_their_order(url: str) -> None:
    """A probe that fails at once: it is open afterwards, and not being probed."""
    states = [state for _ in range(20) for state in ("half_open", "open")]
    write_changes(url, *(change(1000.0001, state) for state in states))
    reader = open_reader(url)
    assert [each.state for each in reader.changes(Window(1000, 1001))] == states
    (last,) = reader.latest_changes(1001)
    assert last.state == "open"
    reader.close()


def test_two_processes_may_tell_of_changes_at_the_same_moment(url: str) -> None:
    """None is taken for the other's, or hides it."""
    write_changes(url, change(1000, "open"), change(1000, "closed", run="run_2"))
    reader = open_reader(url)
    assert {(c.run, c.state) for c in reader.latest_changes(1001)} == {
        ("run_1", "open"), ("run_2", "closed")
    }  # fmt: skip
    reader.close()


def test_it_is_known_when_each_run_wrote_last(url: str) -> None:
    """The newest of its writers tells; those of older releases are nobody's."""
    one = recorder(url, run="run 1")
    one(HealthChanged("openai", "breaker", "open", "it failed"))
    one.close()
    write_changes(url, change(1000, "open", run="run_2"))
    database = connect(url)
    database.execute("UPDATE writers SET at = 100 WHERE name LIKE 'run_2%'")
    database.insert(
        "INSERT INTO writers (name, batch, at) VALUES (?, 1, ?)",
        [("run_2 00", 120.0), ("0123456789abcdef", 90.0)],
    )
    database.close()
    reader = open_reader(url)
    found = reader.last_writes()
    assert found.pop("run 1") == pytest.approx(time.time(), abs=20)
    assert found == {"run_2": 120.0, "": 90.0}
    reader.close()
