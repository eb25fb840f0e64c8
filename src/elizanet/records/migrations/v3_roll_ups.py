"""Version 3: sums by minute, quarter and hour; those of rows that are there are made anew."""

from __future__ import annotations

from elizanet.records.database import Database

REBUILDS = True

_SPANS = ("minute", "quarter", "hour")

_CALLS = """
    CREATE TABLE calls_by_{span} (
        start BIGINT NOT NULL,
        model {key} NOT NULL,
        target {key} NOT NULL,
        caller {key} NOT NULL,
        outcome {key} NOT NULL,
        failure_class {key} NOT NULL,
        fallback_reason {key} NOT NULL,
        operation {key} NOT NULL,
        calls BIGINT NOT NULL,
        hedged BIGINT NOT NULL,
        attempts BIGINT NOT NULL,
        prompt_tokens BIGINT NOT NULL,
        completion_tokens BIGINT NOT NULL,
        cost DOUBLE PRECISION NOT NULL,
        extra_cost DOUBLE PRECISION NOT NULL,
        seconds BYTEA NOT NULL,
        first_content BYTEA NOT NULL,
        PRIMARY KEY (start, model, target, caller, outcome, failure_class, fallback_reason,
            operation)
    ){end}
"""
_ATTEMPTS = """
    CREATE TABLE attempts_by_{span} (
        start BIGINT NOT NULL,
        provider {key} NOT NULL,
        model {key} NOT NULL,
        failure_class {key} NOT NULL,
        attempts BIGINT NOT NULL,
        duration DOUBLE PRECISION NOT NULL,
        cost DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (start, provider, model, failure_class)
    ){end}
"""


def up(database: Database) -> None:
    """Make the tables; they are filled from the rows afterwards."""
    dialect = database.dialect
    for table in (_CALLS, _ATTEMPTS):
        for span in _SPANS:
            statement = table.format(span=span, key=dialect.sorted_text, end=dialect.table_end)
            database.execute(statement)


def down(database: Database) -> None:
    """Drop the sums; the rows that they were made of stay."""
    for rows in ("calls", "attempts"):
        for span in _SPANS:
            database.execute(f"DROP TABLE {rows}_by_{span}")
