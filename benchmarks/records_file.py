# ruff: noqa: S608 -- every name in a statement is ours
"""A file of many records, made by the database itself: sets of rows, not one call after another."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from elizanet.records import histogram, migrations
from elizanet.records.roll_ups import LEVELS
from elizanet.records.rows import ATTEMPT_COLUMNS, CALL_COLUMNS
from elizanet.records.sqlite import SqliteDatabase

CHUNK = 500_000
"""Calls that are made by one statement."""

# What chance decides about a call, from its number alone.
NUMBERS = """
    WITH RECURSIVE number (i) AS (
        SELECT :first UNION ALL SELECT i + 1 FROM number WHERE i + 1 < :end
    ), chance AS (
        SELECT i, :begin + i * :gap AS at,
               (i * 2654435761) % 4294967296 AS a,
               (i * 2246822519 + 374761393) % 4294967296 AS b
        FROM number
    ), made AS (
        SELECT *,
               'req_' || printf('%012x', at * 1000) || printf('%016x', a * 65536 + i % 65536) AS id,
               'model-' || (a % 5) AS model,
               'team-' || (b % 10) AS caller,
               (b >> 8) % 1000 < 30 AS moved,
               (b >> 8) % 1000 IN (30, 31) AS lost,
               (b >> 8) % 1000 IN (32, 33, 34) AS gone,
               CASE (a >> 20) % 4 WHEN 0 THEN 'rate_limit' WHEN 1 THEN 'timeout'
                    WHEN 2 THEN 'connection' ELSE 'overloaded' END AS reason,
               0.25 + 0.00001 * ((a >> 4) % 100000) * ((b >> 4) % 100000) * 0.0001 AS seconds
        FROM chance
    )
"""
CALLS = f"""{NUMBERS}
    INSERT INTO calls ({", ".join(CALL_COLUMNS)})
    SELECT id, at, 'run_1', 'chat/completions', model, 'model-*', '["openai/*","elizanet/*"]',
           caller, 1, CASE WHEN lost THEN 'failed' WHEN gone THEN 'left' ELSE 'answered' END,
           CASE WHEN lost THEN reason END,
           CASE WHEN lost THEN NULL WHEN moved THEN 'elizanet' ELSE 'openai' END,
           CASE WHEN lost THEN NULL ELSE model END,
           CASE WHEN moved THEN reason END, 0, CASE WHEN moved OR lost THEN 2 ELSE 0 END, NULL,
           seconds, CASE WHEN lost THEN NULL ELSE seconds * 0.3 END,
           200 + a % 3000, 50 + b % 800, 0, 0.0001 * (a % 100), CASE WHEN moved THEN 0.0001 END,
           CASE WHEN lost THEN 'nobody' END
    FROM made
"""
ATTEMPTS = f"""{NUMBERS}
    INSERT INTO attempts ({", ".join(ATTEMPT_COLUMNS)})
    SELECT id, 1, 'openai', model, 'first', 'openai', 0.0, seconds * 0.3,
           CASE WHEN moved OR lost THEN reason END, CASE WHEN moved OR lost THEN 503 ELSE 200 END,
           CASE WHEN moved OR lost THEN 'The server is busy.' ELSE '' END,
           'req-' || a, 0, 200 + a % 3000, 50 + b % 800, 0, 0.0001 * (a % 100)
    FROM made
    UNION ALL
    SELECT id, 2, 'elizanet', model, 'next', 'elizanet', seconds * 0.3, seconds * 0.3,
           CASE WHEN lost THEN reason END, CASE WHEN lost THEN 503 ELSE 200 END, '',
           'req-' || b, 0, 200 + a % 3000, 50 + b % 800, 0, 0.0002
    FROM made WHERE moved OR lost
"""
CALL_SUMS = """
    INSERT INTO calls_by_{name}
    SELECT CAST(at AS INTEGER) / {size} * {size}, model,
           CASE WHEN provider IS NULL THEN '' ELSE provider || '/' || provider_model END, caller,
           outcome, COALESCE(failure_class, ''), COALESCE(fallback_reason, ''), operation,
           COUNT(*), SUM(hedged),
           COUNT(*) + SUM(trouble > 0), SUM(prompt_tokens), SUM(completion_tokens), SUM(cost),
           TOTAL(extra_cost), histogram(seconds), histogram(first_content)
    FROM calls GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""
MORE_CALL_SUMS = """
    INSERT INTO calls_by_{name}
    SELECT start / {size} * {size}, model, target, caller, outcome, failure_class,
           fallback_reason, operation,
           SUM(calls), SUM(hedged), SUM(attempts), SUM(prompt_tokens), SUM(completion_tokens),
           SUM(cost), SUM(extra_cost), together(seconds), together(first_content)
    FROM calls_by_minute GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""
ATTEMPT_SUMS = """
    INSERT INTO attempts_by_{name}
    SELECT CAST(c.at AS INTEGER) / {size} * {size}, a.provider, a.model,
           COALESCE(a.failure_class, ''), COUNT(*), SUM(a.duration), SUM(a.cost)
    FROM calls AS c JOIN attempts AS a ON a.call_id = c.id GROUP BY 1, 2, 3, 4
"""
MORE_ATTEMPT_SUMS = """
    INSERT INTO attempts_by_{name}
    SELECT start / {size} * {size}, provider, model, failure_class, SUM(attempts),
           SUM(duration), SUM(cost)
    FROM attempts_by_minute GROUP BY 1, 2, 3, 4
"""


class Histogram:
    """An aggregate: the histogram of durations."""

    def __init__(self) -> None:
        self.sum = histogram.EMPTY

    def step(self, seconds: float | None) -> None:
        if seconds is not None:
            self.sum += histogram.one(seconds)

    def finalize(self) -> bytes:
        return histogram.pack(self.sum)


class Together(Histogram):
    """An aggregate: histograms that were stored, added up."""

    def step(self, stored: bytes) -> None:  # type: ignore[override]
        self.sum += histogram.unpack(stored)


def generate(path: Path, calls: int, hours: float, tell: Callable[[str], None]) -> float:
    """Make a file with so many calls in the last `hours`; return the moment of the last one."""
    database = SqliteDatabase(path)
    migrations.upgrade(database)
    database.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.create_aggregate("histogram", 1, Histogram)  # type: ignore[arg-type]
    connection.create_aggregate("together", 1, Together)  # type: ignore[arg-type]
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000"):
        connection.execute(f"PRAGMA {pragma}")
    end = time.time()
    begin, gap = end - hours * 3600, hours * 3600 / calls
    for first in range(0, calls, CHUNK):
        values = {"first": first, "end": min(first + CHUNK, calls), "begin": begin, "gap": gap}
        for statement in (CALLS, ATTEMPTS):
            connection.execute(statement, values)
        tell(f"{values['end']:,} of {calls:,} calls")
    for name, size, _ in LEVELS:
        for whole, more in ((CALL_SUMS, MORE_CALL_SUMS), (ATTEMPT_SUMS, MORE_ATTEMPT_SUMS)):
            statement = whole if name == "minute" else more
            connection.execute(statement.format(name=name, size=size))
            tell(f"sums by {name}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    return end
