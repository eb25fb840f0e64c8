"""The file that the benchmark of the records asks: of the tables that there are."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.records_file import generate

from elizanet.records.opening import open_reader
from elizanet.records.reading import Which, Window

CALLS = 2000


def test_the_file_has_as_many_calls_as_it_should(tmp_path: Path) -> None:
    """In its rows, and in its sums."""
    path = tmp_path / "records.db"
    generate(path, CALLS, 1.0, lambda _said: None)
    reader = open_reader(f"sqlite:///{path}")
    try:
        (totals,) = reader.totals(Window(time.time() - 7200, time.time() + 60))
        assert totals.calls == CALLS
        assert totals.failed > 0
        lost = reader.calls(Which(outcome="failed"), 5)
        assert [call.bound for call in lost] == ["nobody"] * len(lost) != []
    finally:
        reader.close()
