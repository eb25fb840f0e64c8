"""Version 2: captured requests and answers in a table of their own, so that lists stay short."""

from __future__ import annotations

from elizanet.records.database import Database

REBUILDS = False

_TABLE = """
    CREATE TABLE captures (
        call_id {key} NOT NULL PRIMARY KEY,
        request TEXT,
        answer TEXT
    ){end}
"""


def up(database: Database) -> None:
    """Move the text out of the rows of calls."""
    dialect = database.dialect
    database.execute(_TABLE.format(key=dialect.sorted_text, end=dialect.table_end))
    database.execute(
        "INSERT INTO captures (call_id, request, answer) SELECT id, request, answer FROM calls"
        " WHERE request IS NOT NULL OR answer IS NOT NULL"
    )
    for column in ("request", "answer"):
        database.execute(f"ALTER TABLE calls DROP COLUMN {column}")


def down(database: Database) -> None:
    """Move the text back into the rows of calls."""
    for column in ("request", "answer"):
        database.execute(f"ALTER TABLE calls ADD COLUMN {column} TEXT")
        database.execute(
            f"UPDATE calls SET {column} ="  # noqa: S608 -- our names
            f" (SELECT c.{column} FROM captures AS c WHERE c.call_id = calls.id)"
            " WHERE id IN (SELECT call_id FROM captures)"
        )
    database.execute("DROP TABLE captures")
