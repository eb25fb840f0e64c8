"""What docs/records.md says can be tried, tried."""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path

from elizanet.records import rows
from support.recorded import failed, moved, record

GUIDE = Path(__file__).parents[2] / "docs" / "records.md"


def test_the_queries_of_the_guide_find_something(tmp_path: Path) -> None:
    """Each of them, on a file with a fallback and a failure of now."""
    record(f"sqlite:///{tmp_path}/records.db", moved(time.time()), failed(time.time()))
    connection = sqlite3.connect(tmp_path / "records.db")
    statements = [
        statement
        for block in re.findall(r"```sql\n(.*?)```", GUIDE.read_text(), re.DOTALL)
        for statement in block.split(";")
        if statement.strip()
    ]
    assert len(statements) == 3
    for statement in statements:
        assert connection.execute(statement).fetchall(), statement
    connection.close()


def test_the_guide_names_every_column() -> None:
    """Of calls, attempts, changes and captures."""
    guide = GUIDE.read_text()
    tables = (rows.CALL_COLUMNS, rows.ATTEMPT_COLUMNS, rows.CAPTURE_COLUMNS, rows.CHANGE_COLUMNS)
    unnamed = {
        column
        for table in tables
        for column in table
        if f"`{column}`" not in guide and column not in {"prompt_tokens", "completion_tokens"}
    }
    assert unnamed == set()
