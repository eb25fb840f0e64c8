"""Sums by minute, quarter and hour, kept beside the rows so that questions need not read those.

Each batch of records is added up first, and what comes out is merged into what is stored: the
database has one writer at a time, which reads the sums of the spans it touches, or remembers
them, adds, and writes them back. Endless names cannot make endless rows: beyond `limit` keys in a
span of time the names of models, and beyond twice as many also those of callers, become
`other`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Generic, NamedTuple, Protocol, Self, TypeVar

from elizanet.records.database import Database, Row
from elizanet.records.model import CallRecord
from elizanet.records.rows import insert_into
from elizanet.records.sums import AttemptKey, AttemptSums, CallKey, CallSums
from elizanet.records.yielding import in_portions

MINUTE: Final = 60
QUARTER: Final = 15 * MINUTE
HOUR: Final = 3600
REMEMBERED: Final = 4
"""Spans of a table whose sums need not be read again for the next batch."""


class Level(NamedTuple):
    """A span of time that sums are kept by; `limit`: keys in it whose names are kept apart."""

    name: str
    seconds: int
    limit: int


LEVELS: Final = (
    Level("minute", MINUTE, 500),
    Level("quarter", QUARTER, 700),
    Level("hour", HOUR, 1000),
)


class Key(Protocol):
    """A tuple of names."""

    def folded(self, *, entirely: bool) -> Self: ...

    def __iter__(self) -> Iterator[str]: ...

    def __lt__(self, other: Any, /) -> bool: ...


class Sums(Protocol):
    """What is added up."""

    def row(self) -> Row: ...

    def merge(self, other: Self, /) -> None: ...


K = TypeVar("K", bound=Key)
S = TypeVar("S", bound=Sums)


class Kind(NamedTuple, Generic[K, S]):
    """What rows of sums hold: names, and sums."""

    names: tuple[str, ...]
    sums: tuple[str, ...]
    key_of: Callable[[Iterable[Any]], K]
    sums_of: Callable[[Row], S]
    empty: Callable[[], S]


OF_CALLS: Final = Kind(
    CallKey._fields, CallSums.COLUMNS, CallKey._make, CallSums.of_row, CallSums
)  # fmt: skip
OF_ATTEMPTS: Final = Kind(
    AttemptKey._fields, AttemptSums.COLUMNS, AttemptKey._make, AttemptSums.of_row, AttemptSums
)  # fmt: skip


class RollUp(Generic[K, S]):
    """A table of sums, one row for each key and span of time."""

    def __init__(self, table: str, level: Level, kind: Kind[K, S]) -> None:
        self._table = table
        self._span = level.seconds
        self._limit = level.limit
        self._kind = kind
        self._recent: dict[int, dict[K, S]] = {}
        columns = (*kind.names, *kind.sums)
        self._select = f"SELECT {', '.join(columns)} FROM {table} WHERE start = ?"  # noqa: S608 -- our names
        changes = ", ".join(f"{name} = excluded.{name}" for name in kind.sums)
        self._upsert = (
            f"{insert_into(table, ('start', *columns))}"
            f" ON CONFLICT (start, {', '.join(kind.names)}) DO UPDATE SET {changes}"
        )

    def __repr__(self) -> str:
        return f"<RollUp {self._table}>"

    def merge(self, database: Database, found: Mapping[tuple[int, K], S]) -> None:
        """Add what was found by minute to what is stored."""
        by_start: dict[int, list[tuple[K, S]]] = {}
        for (minute, key), sums in found.items():
            by_start.setdefault(minute - minute % self._span, []).append((key, sums))
        rows: list[Row] = []
        for start in sorted(by_start):
            stored = self._stored(database, start)
            changed = {self._add(stored, key, sums) for key, sums in by_start[start]}
            rows += [(start, *key, *stored[key].row()) for key in sorted(changed)]
        database.insert(self._upsert, rows)

    def forget(self) -> None:
        """Read again what is stored: somebody else has written, or the last writing failed."""
        self._recent.clear()

    def _stored(self, database: Database, start: int) -> dict[K, S]:
        """Return the sums of a span; those of the newest spans are remembered."""
        stored = self._recent.get(start)
        if stored is None:
            stored = self._recent[start] = self._read(database, start)
            if len(self._recent) > REMEMBERED:
                del self._recent[min(self._recent)]
        return stored

    def _read(self, database: Database, start: int) -> dict[K, S]:
        kind, names = self._kind, len(self._kind.names)
        rows = database.query(self._select, (start,))
        return {kind.key_of(row[:names]): kind.sums_of(row[names:]) for row in rows}

    def _add(self, stored: dict[K, S], key: K, sums: S) -> K:
        if key not in stored and len(stored) >= self._limit:
            key = key.folded(entirely=len(stored) >= 2 * self._limit)
        if key not in stored:
            stored[key] = self._kind.empty()
        stored[key].merge(sums)
        return key


class RollUps:
    """All tables of sums, for one that writes them."""

    def __init__(self) -> None:
        self._calls = [RollUp(f"calls_by_{level.name}", level, OF_CALLS) for level in LEVELS]
        self._attempts = [
            RollUp(f"attempts_by_{level.name}", level, OF_ATTEMPTS) for level in LEVELS
        ]

    def __repr__(self) -> str:
        return f"<RollUps {self._calls} {self._attempts}>"

    def merge(self, database: Database, calls: Iterable[CallRecord]) -> None:
        """Add these calls and their attempts to the sums; only inside `Database.writing`."""
        by_call: dict[tuple[int, CallKey], CallSums] = {}
        by_attempt: dict[tuple[int, AttemptKey], AttemptSums] = {}
        for portion in in_portions(calls):
            for call in portion:
                minute = int(call.at // MINUTE) * MINUTE
                _of(by_call, (minute, CallKey.of(call)), CallSums).add(call)
                for attempt in call.attempts:
                    _of(by_attempt, (minute, AttemptKey.of(attempt)), AttemptSums).add(attempt)
        for calls_by in self._calls:
            calls_by.merge(database, by_call)
        for attempts_by in self._attempts:
            attempts_by.merge(database, by_attempt)

    def forget(self) -> None:
        """Read again what is stored: somebody else has written, or the last writing failed."""
        for calls_by in self._calls:
            calls_by.forget()
        for attempts_by in self._attempts:
            attempts_by.forget()


def _of(sums: dict[tuple[int, K], S], key: tuple[int, K], make: Callable[[], S]) -> S:
    found = sums.get(key)
    if found is None:
        found = sums[key] = make()
    return found
