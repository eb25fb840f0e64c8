"""What the records need of a database; `sqlite.py` and `postgres.py` are two of them.

Statements are written once, with `?` for values, in the SQL that both understand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

Value = str | int | float | bytes | None
Row = tuple[Value, ...]


class Dialect(msgspec.Struct, frozen=True):
    """Where the two differ when tables are made.

    `sorted_text`: the type of text that sorts by its bytes; `table_end`: what follows the
    columns of a table that is kept in the order of its primary key.
    """

    sorted_text: str
    table_end: str


class Database(Protocol):
    """A connection that is used from one thread at a time, never the event loop's.

    Everything raises `RecordsError`, or `RefusedError` if the values are to blame.
    """

    @property
    def dialect(self) -> Dialect: ...

    @property
    def is_current(self) -> bool:
        """Whether this is still the database that a new connection would find."""
        ...

    def query(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        """Return the rows that a statement finds."""
        ...

    def execute(self, statement: str, values: Sequence[Value] = ()) -> int:
        """Run a statement and return how many rows it changed."""
        ...

    def insert(self, statement: str, rows: Iterable[Row]) -> None:
        """Run a statement for each row."""
        ...

    def writing(self) -> AbstractContextManager[None]:
        """Hold a transaction as the only writer of the database, and commit it at the end."""
        ...

    def patient(self) -> AbstractContextManager[None]:
        """Give statements the time that a change of all rows takes."""
        ...

    def exists(self, table: str) -> bool:
        """Tell whether there is a table of this name."""
        ...

    def size(self) -> int:
        """Return how many bytes the records take."""
        ...

    def shrink(self) -> bool:
        """Give a bounded piece of unused space back to the disk; tell whether some is left."""
        ...

    def close(self) -> None:
        """Give the connection up. May be repeated."""
        ...
