"""Records in a file of SQLite."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from elizanet.records.database import Dialect, Row, Value
from elizanet.records.errors import RecordsError, RefusedError
from elizanet.records.yielding import in_portions

OLDEST: Final = (3, 35)
"""The version of SQLite that can drop a column."""
BUSY_S: Final = 2.0
"""Seconds to wait for another process that writes."""
SHRINK_PAGES: Final = 256
"""Pages of 4 KiB that are given back at a time."""
_REFUSALS: Final = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeError,
)
_DIALECT: Final = Dialect(sorted_text="TEXT", table_end=" WITHOUT ROWID")


class SqliteDatabase:
    """A file of records.

    Where it is to be written it is made if it is not there, readable by its owner only.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        if sqlite3.sqlite_version_info < OLDEST:
            needed = ".".join(map(str, OLDEST))
            raise RecordsError(
                f"records need SQLite {needed}, and this Python has {sqlite3.sqlite_version}"
            )
        with self._sentences():
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if read_only:
                self._connection = self._open_to_read()
            else:
                self._connection = self._open_to_write()
            self._identity = _identity(path)

    def __repr__(self) -> str:
        return f"<SqliteDatabase {self._path}>"

    @property
    def dialect(self) -> Dialect:
        return _DIALECT

    @property
    def is_current(self) -> bool:
        return _identity(self._path) == self._identity

    def query(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        with self._sentences():
            return self._connection.execute(statement, values).fetchall()

    def execute(self, statement: str, values: Sequence[Value] = ()) -> int:
        with self._sentences():
            return self._connection.execute(statement, values).rowcount

    def insert(self, statement: str, rows: Iterable[Row]) -> None:
        for portion in in_portions(rows):
            with self._sentences():
                self._connection.executemany(statement, portion)

    @contextmanager
    def writing(self) -> Iterator[None]:
        if not self.is_current:  # what is written to a deleted file is lost
            raise RecordsError(f"the file of the records is gone: {self._path}")
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self.execute("ROLLBACK")

    @contextmanager
    def patient(self) -> Iterator[None]:
        yield  # a statement has no limit here: only waiting for others has

    def exists(self, table: str) -> bool:
        found = self.query(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
        )
        return bool(found)

    def size(self) -> int:
        return (self._pragma("page_count") - self._unused()) * self._pragma("page_size")

    def shrink(self) -> bool:
        if not self._unused():
            return False
        self.query(f"PRAGMA incremental_vacuum({SHRINK_PAGES})")
        return bool(self._unused())

    def close(self) -> None:
        self._connection.close()

    def _open_to_write(self) -> sqlite3.Connection:
        _make_private(self._path)
        connection = self._connect(f"{self._path.absolute().as_uri()}?mode=rw")
        try:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA journal_size_limit = 67108864")
            connection.execute("PRAGMA cache_size = -16384")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _open_to_read(self) -> sqlite3.Connection:
        still = "&immutable=1" if _is_still(self._path) else ""
        connection = self._connect(f"{self._path.absolute().as_uri()}?mode=ro{still}")
        connection.execute("PRAGMA mmap_size = 1073741824")
        return connection

    def _connect(self, uri: str) -> sqlite3.Connection:
        return sqlite3.connect(
            uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )

    def _unused(self) -> int:
        return self._pragma("freelist_count")

    def _pragma(self, name: str) -> int:
        return int(self.query(f"PRAGMA {name}")[0][0] or 0)

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turn what SQLite and the system raise into a sentence."""
        try:
            yield
        except _REFUSALS as error:
            raise RefusedError(f"{self._path} does not take a record: {error}") from error
        except sqlite3.Error as error:
            raise RecordsError(f"{self._path}: {error}") from error
        except OSError as error:
            raise RecordsError(f"{self._path}: {error.strerror or error}") from error


def _make_private(path: Path) -> None:
    """Make the file and the folders above it, where they are not there, for their owner only.

    A file that is there is left alone: closing it would drop all locks that this process has on it.
    """
    missing = [folder for folder in path.absolute().parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _is_still(path: Path) -> bool:
    """Tell whether a file cannot change: a file system that is read only has no room for locks."""
    if not hasattr(os, "statvfs") or not os.statvfs(path).f_flag & os.ST_RDONLY:
        return False
    log = path.with_name(f"{path.name}-wal")
    return not log.exists() or not log.stat().st_size  # what is in it would not be read


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
