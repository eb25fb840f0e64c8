"""Troubles that began long ago, among any number of changes, as several processes saw them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from elizanet.gateway.dashboard.findings import Examine
from elizanet.gateway.dashboard.history import Recall
from elizanet.gateway.dashboard.ranges import RANGES
from elizanet.records.model import ChangeRecord
from elizanet.records.reading import Window
from support.troubles import HOSTS, NOW, Found, change, reader_of

HOUR = 3600


@pytest.mark.parametrize("ago", [0.9 * HOUR, 10 * HOUR, 23.95 * HOUR, 6 * 24 * HOUR])
def test_a_trouble_has_its_beginning_however_often_something_changed(
    tmp_path: Path, ago: float
) -> None:
    """Probes that fail, and rate limits of a second: thousands of changes, none of them lost."""
    every = max(30.0, ago / 2000)
    probes = [
        change(since, state)
        for n in range(1, int(ago / every))
        for since, state in ((ago - n * every, "half_open"), (ago - n * every - 0.01, "open"))
    ]
    limits = [
        change(n * ago / 3000, "shut for 1 s", "gate", subject="groq/llama x")
        for n in range(3000, 0, -1)
    ]
    records = sorted([change(ago, "open"), *probes, *limits], key=lambda each: each.at)
    reader = reader_of(tmp_path, *records)
    chapter = Examine(HOSTS, "r")(reader, NOW).chapters["openai"]
    assert (chapter.since, chapter.until, chapter.state) == (NOW - ago, NOW, "open")
    for name, shown in RANGES.items():
        (span,) = Recall(name, HOSTS, "r")(reader, NOW).timelines["openai"]
        assert span.since == max(NOW - ago, shown.window(NOW).since)
        assert (span.until, span.state) == (NOW, "open")


def test_a_busy_day_is_told_by_a_few_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database leaves out most of 40,000."""
    reader = reader_of(
        tmp_path,
        *(change(36_000 - 0.9 * n, "shut for 1 s", "gate", "slow down") for n in range(40_000)),
    )
    ask, counts = reader.changes, list[int]()

    def counted(window: Window, step: float = 0.0) -> list[ChangeRecord]:
        found = ask(window, step)
        counts.append(len(found))
        return found

    monkeypatch.setattr(reader, "changes", counted)
    (chapter,) = Examine(HOSTS, "r")(reader, NOW).chapters.values()
    assert chapter.since == NOW - 36_000
    assert sum(counts) < 700
    ((span,), _) = Recall("24h", HOSTS, "r")(reader, NOW).timelines.values()
    assert (span.since, span.until) == (NOW - 36_000, NOW)
    assert sum(counts) < 1400


@pytest.mark.parametrize(("ends", "first"), [(11, 11), (10, 0)])
def test_pauses_of_a_long_trouble_may_be_longer(found: Found, ends: int, first: int) -> None:
    """Ten minutes where it is looked for in a day; of what has just begun, two."""
    begins = [hour * HOUR - 600 for hour in range(12, 0, -1)]
    flapping = [
        change(ago, state)
        for begin in begins
        for ago, state in ((begin, "open"), (begin - HOUR + 300, "closed"))
    ]
    chapter = found(*flapping[: 2 * ends + 1]).chapters["openai"]
    assert chapter.since == NOW - begins[first]


def test_a_trouble_ends_with_the_process_that_knew_of_it(tmp_path: Path) -> None:
    """When that wrote last, whatever began afterwards, and however often."""
    reader = reader_of(
        tmp_path, change(500, "open", run="a"), change(60, "open", subject="groq", run="c"),
        ended={"a": 496, "b": 400},
    )  # fmt: skip
    chapter = Examine(HOSTS, "c")(reader, NOW).chapters["openai"]
    assert (chapter.since, chapter.until) == (NOW - 500, NOW - 496)


def test_another_gateway_of_the_same_records_hides_nothing(tmp_path: Path) -> None:
    """What this one has known since before the window is shown, though others told of more."""
    reader = reader_of(
        tmp_path, change(1200, "open"), change(1150, "open", run="b"),
        change(1080, "closed", run="b"), ended={"b": 3},
    )  # fmt: skip
    history = Recall("15m", HOSTS, "r")(reader, NOW)
    ((since, until, state, _),) = map(msgspec.structs.astuple, history.timelines["openai"])
    assert (since, until, state) == (RANGES["15m"].window(NOW).since, NOW, "open")
