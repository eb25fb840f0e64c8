"""Records on a PostgreSQL server, in a schema of their own.

The connection is driven by an event loop of its own, in the thread that asks: so every statement
has a limit of time, and a server that is paused or unreachable is noticed and given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import ModuleType
from typing import Any, Final, Protocol, TypeVar

from elizanet.records.database import Dialect, Row, Value
from elizanet.records.errors import RecordsError, RefusedError
from elizanet.records.location import shown
from elizanet.records.yielding import in_portions

SCHEMA: Final = "elizanet"
CONNECT_S: Final = 4.0
"""Seconds that connecting may take."""
WRITE_S: Final = 4.0
"""Seconds that a statement of the writer may take."""
READ_S: Final = 30.0
"""Seconds that a question may take."""
PATIENT_S: Final = 3600.0
"""Seconds that a statement may take which changes all rows."""
_CLOSE_S: Final = 1.0
_ABANDONED_S: Final = 10
"""Seconds after which the server ends a transaction whose client has gone silent."""
_ROW_OVERHEAD: Final = 64
_WRITERS_LOCK: Final = 0x656C697A61
"""The advisory lock of the one that writes; its bytes spell `eliza`."""
_DIALECT: Final = Dialect(sorted_text='TEXT COLLATE "C"', table_end="")
_T = TypeVar("_T")


class Connection(Protocol):
    """What is used of asyncpg's connection."""

    def fetch(self, statement: str, *values: Value) -> Coroutine[Any, Any, list[Row]]: ...

    def execute(self, statement: str, *values: Value) -> Coroutine[Any, Any, str]: ...

    def executemany(self, statement: str, rows: Iterable[Row]) -> Coroutine[Any, Any, None]: ...

    def close(self) -> Coroutine[Any, Any, None]: ...

    def terminate(self) -> None: ...

    def is_closed(self) -> bool: ...


class PostgresDatabase:
    """A connection to the server of a `postgresql://` URL."""

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._place = shown(url)
        self._limit = READ_S if read_only else WRITE_S
        self._driver = _driver()
        self._loop = asyncio.SelectorEventLoop()
        self._connection: Connection | None = None
        try:
            self._connection = self._run(self._open(url), CONNECT_S)
            if not read_only:
                self._make_schema()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<PostgresDatabase {self._place}>"

    @property
    def dialect(self) -> Dialect:
        return _DIALECT

    @property
    def is_current(self) -> bool:
        return self._connection is not None and not self._connection.is_closed()

    def query(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        found = self._run(self._connected.fetch(_numbered(statement), *values))
        return [tuple(row) for row in found]

    def execute(self, statement: str, values: Sequence[Value] = ()) -> int:
        status = self._run(self._connected.execute(_numbered(statement), *values))
        count = status.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0

    def insert(self, statement: str, rows: Iterable[Row]) -> None:
        for portion in in_portions(rows):
            self._run(self._connected.executemany(_numbered(statement), portion))

    @contextmanager
    def writing(self) -> Iterator[None]:
        self.execute("BEGIN")
        try:
            self.query("SELECT pg_advisory_xact_lock(?::bigint)", (_WRITERS_LOCK,))
            yield
            self.execute("COMMIT")
        except BaseException:
            if not self._connected.is_closed():
                self.execute("ROLLBACK")
            raise

    @contextmanager
    def patient(self) -> Iterator[None]:
        limit, self._limit = self._limit, PATIENT_S
        try:
            yield
        finally:
            self._limit = limit

    def exists(self, table: str) -> bool:
        statement = "SELECT 1 FROM pg_tables WHERE schemaname = ? AND tablename = ?"
        return bool(self.query(statement, (SCHEMA, table)))

    def size(self) -> int:
        """Return what the rows take, by the server's own statistics.

        Not what the files take: those keep the room of deleted rows for new ones.
        """
        statement = (
            "SELECT SUM(t.n_live_tup * (w.width + ?::bigint)) FROM pg_stat_user_tables AS t"
            " JOIN (SELECT tablename, SUM(avg_width) AS width FROM pg_stats WHERE schemaname = ?"
            " GROUP BY tablename) AS w ON w.tablename = t.relname WHERE t.schemaname = ?"
        )
        ((size,),) = self.query(statement, (_ROW_OVERHEAD, SCHEMA, SCHEMA))
        return int(size or 0)

    def shrink(self) -> bool:
        """Leave it to the server, which vacuums by itself."""
        return False

    def close(self) -> None:
        if self._loop.is_closed():
            return
        try:
            if self._connection is not None and not self._connection.is_closed():
                self._run(self._connection.close(), _CLOSE_S)
        except RecordsError:
            pass  # it has been terminated; the server notices
        finally:
            self._loop.close()

    @property
    def _connected(self) -> Connection:
        if self._connection is None or self._loop.is_closed():
            raise RecordsError(f"{self._place}: the connection is closed")
        return self._connection

    async def _open(self, url: str) -> Connection:
        settings = {
            "application_name": "elizanet",
            "search_path": SCHEMA,
            "idle_in_transaction_session_timeout": str(_ABANDONED_S * 1000),
        }
        connection: Connection = await self._driver.connect(
            url, timeout=2 * CONNECT_S, server_settings=settings
        )
        return connection

    def _make_schema(self) -> None:
        if not self.query("SELECT 1 FROM pg_namespace WHERE nspname = ?", (SCHEMA,)):
            with self.writing():
                self.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")

    def _run(self, work: Coroutine[object, object, _T], limit: float | None = None) -> _T:
        """Do something on the connection's loop, within a limit of time."""
        driver = self._driver
        try:
            return self._loop.run_until_complete(self._limited(work, limit or self._limit))
        except (driver.DataError, driver.IntegrityConstraintViolationError) as error:
            raise RefusedError(self._sentence(error)) from error
        except ValueError as error:  # its words may have a piece of the password
            raise RecordsError(f"{self._place}: this URL cannot be understood") from error
        except (driver.PostgresError, driver.InterfaceError, OSError) as error:
            raise RecordsError(self._sentence(error)) from error

    async def _limited(self, work: Coroutine[object, object, _T], limit: float) -> _T:
        task = asyncio.ensure_future(work)
        await asyncio.wait((task,), timeout=limit)
        if not task.done():
            if self._connection is not None:
                self._connection.terminate()
            else:
                task.cancel()
            await asyncio.wait((task,), timeout=_CLOSE_S)
            if task.done() and not task.cancelled():
                task.exception()
            raise RecordsError(f"{self._place}: no answer within {limit:g} s")
        return task.result()

    def _sentence(self, error: Exception) -> str:
        reason = str(error).partition("\n")[0] or type(error).__name__
        return f"{self._place}: {reason}"


def _driver() -> ModuleType:
    try:
        import asyncpg  # type: ignore[import-untyped] # noqa: PLC0415 -- an extra
    except ImportError:
        raise RecordsError(
            "records on PostgreSQL need asyncpg: pip install 'elizanet[postgres]'"
        ) from None
    driver: ModuleType = asyncpg
    return driver


@lru_cache(maxsize=256)
def _numbered(statement: str) -> str:
    """Return a statement with `$1`, `$2` for its values."""
    first, *rest = statement.split("?")
    return first + "".join(f"${number}{text}" for number, text in enumerate(rest, 1))
