"""Several processes that write to one database at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import elizanet
from elizanet.records.opening import open_reader
from elizanet.records.reading import Which, Window
from elizanet.records.sqlite import SqliteDatabase

PROCESSES, ROUNDS, CALLS = 3, 8, 50

WRITER = """
import sys, time
from support.recorded import moved, recorder

one = recorder(sys.argv[1], run=sys.argv[2])
for _ in range(int(sys.argv[3])):
    for _ in range(int(sys.argv[4])):
        one(moved())
    time.sleep(0.1)
one.close(30)
stats = one.stats()
assert stats.written == stats.offered and not stats.dropped, stats
"""


def test_processes_that_write_at_once_lose_nothing(url: str) -> None:
    """Each is told that all is written; rows and sums are those of all."""
    paths = (Path(elizanet.__file__).parents[1], Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, f"run_{number}", str(ROUNDS), str(CALLS)],
            env=environment,
        )
        for number in range(PROCESSES)
    ]
    assert [writer.wait(50) for writer in writers] == [0] * PROCESSES
    reader, now = open_reader(url), time.time()
    (sums,) = reader.totals(Window(now - 600, now + 60))
    expected = PROCESSES * ROUNDS * CALLS
    assert (sums.calls, sums.fallbacks, sums.attempts) == (expected, expected, 2 * expected)
    assert len(reader.calls(Which(), 10 * expected)) == expected
    assert len(reader.calls(Which(run="run_1"), expected)) == ROUNDS * CALLS
    ends = reader.attempts(Window(now - 600, now + 60))
    assert sum(end.attempts for end in ends) == 2 * expected
    reader.close()


def test_opening_a_file_again_keeps_the_locks_on_it(tmp_path: Path) -> None:
    """POSIX drops all locks that a process has on a file when any descriptor of it is closed."""
    path = tmp_path / "records.db"
    first = SqliteDatabase(path)
    first.query("SELECT 1 FROM sqlite_master")
    again = SqliteDatabase(path)
    program = (
        f"import sqlite3; c = sqlite3.connect({str(path)!r}, timeout=0.1)\n"
        "c.execute('PRAGMA journal_mode = DELETE')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    first.close()
    again.close()
    assert "database is locked" in ended.stderr
