"""Version 1: a row for each call, each attempt and each change of health."""

from __future__ import annotations

from elizanet.records.database import Database

REBUILDS = False


def up(database: Database) -> None:
    """Make the tables."""
    dialect = database.dialect
    for statement in _TABLES:
        database.execute(statement.format(key=dialect.sorted_text, end=dialect.table_end))


def down(database: Database) -> None:
    """Drop the tables with all that they hold."""
    for table in ("calls", "attempts", "changes", "writers"):
        database.execute(f"DROP TABLE {table}")


_TABLES = (
    """
    CREATE TABLE calls (
        id {key} NOT NULL PRIMARY KEY,
        at DOUBLE PRECISION NOT NULL,
        run TEXT NOT NULL,
        operation TEXT NOT NULL,
        model TEXT NOT NULL,
        chain TEXT NOT NULL,
        targets TEXT NOT NULL,
        caller TEXT NOT NULL,
        stream BOOLEAN NOT NULL,
        outcome TEXT NOT NULL,
        failure_class TEXT,
        provider TEXT,
        provider_model TEXT,
        fallback_reason TEXT,
        hedged BOOLEAN NOT NULL,
        trouble INTEGER NOT NULL,
        passed_over TEXT,
        seconds DOUBLE PRECISION NOT NULL,
        first_content DOUBLE PRECISION,
        prompt_tokens BIGINT,
        completion_tokens BIGINT,
        estimated BOOLEAN NOT NULL,
        cost DOUBLE PRECISION,
        extra_cost DOUBLE PRECISION,
        request TEXT,
        answer TEXT
    ){end}
    """,
    "CREATE INDEX calls_in_trouble ON calls (id, trouble) WHERE trouble > 0",
    """
    CREATE TABLE attempts (
        call_id {key} NOT NULL,
        number INTEGER NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        role TEXT NOT NULL,
        key_alias TEXT NOT NULL,
        started DOUBLE PRECISION NOT NULL,
        duration DOUBLE PRECISION NOT NULL,
        failure_class TEXT,
        status INTEGER,
        message TEXT NOT NULL,
        request_id TEXT,
        retryable BOOLEAN NOT NULL,
        prompt_tokens BIGINT,
        completion_tokens BIGINT,
        estimated BOOLEAN NOT NULL,
        cost DOUBLE PRECISION,
        PRIMARY KEY (call_id, number)
    ){end}
    """,
    """
    CREATE TABLE changes (
        id {key} NOT NULL PRIMARY KEY,
        at DOUBLE PRECISION NOT NULL,
        run TEXT NOT NULL,
        subject TEXT NOT NULL,
        what TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL
    ){end}
    """,
    """
    CREATE TABLE writers (
        name {key} NOT NULL PRIMARY KEY,
        batch BIGINT NOT NULL,
        at DOUBLE PRECISION NOT NULL
    ){end}
    """,
)
