"""Finds calls one by one, newest first, in the order of their ids: that is the order of time.

The sums by hour know which names there were when: what never was is not looked for in the rows,
and what is rare only in the hours around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from elizanet.records.database import Database, Row, Value
from elizanet.records.errors import RecordsError
from elizanet.records.model import AttemptRecord, CallRecord
from elizanet.records.reading import Ended, Which, Window
from elizanet.records.roll_ups import HOUR
from elizanet.records.rows import (
    ATTEMPT_COLUMNS,
    CALL_COLUMNS,
    TROUBLED,
    attempt_of,
    call_of,
)
from elizanet.records.sums import OTHER

SHORTEST_BEGINNING: Final = 8
"""Characters of an id that are enough to look for it."""
_CHUNK: Final = 500
"""Ids in one statement."""
_CALLS: Final = f"SELECT {', '.join(CALL_COLUMNS)} FROM calls"  # noqa: S608 -- our names
_ATTEMPTS: Final = f"SELECT {', '.join(ATTEMPT_COLUMNS)} FROM attempts"  # noqa: S608
AFTER_ALL: Final = "~"
"""Sorts after every character of an id."""
_LAST_MILLISECOND: Final = 0xFFFFFFFFFFFF


def newest(database: Database, which: Which, limit: int) -> list[CallRecord]:
    """Return the newest of these calls, newest first."""
    rows: list[Row] = []
    for part in _parts(database, which):
        if len(rows) >= limit:
            break
        conditions = list(_conditions(part))
        where = f" WHERE {' AND '.join(text for text, _ in conditions)}" if conditions else ""
        values = [value for _, values in conditions for value in values]
        statement = f"{_CALLS}{where} ORDER BY id DESC LIMIT ?"
        rows += database.query(statement, (*values, limit - len(rows)))
    return _complete(database, rows)


def _parts(database: Database, which: Which) -> Iterator[Which]:
    """Return the condition for each stretch of hours that may have such calls, newest first."""
    known = [
        hours
        for hours in (_hours_of_calls(database, which), _hours_of_attempts(database, which))
        if hours is not None
    ]
    if not known:
        yield which
        return
    hours = sorted(set[int].intersection(*known), reverse=True)
    while hours:
        length = 1
        while length < len(hours) and hours[length] == hours[0] - length * HOUR:
            length += 1
        since, until = float(hours[length - 1]), float(hours[0] + HOUR)
        yield replace(
            which,
            since=since if which.since is None else max(since, which.since),
            until=until if which.until is None else min(until, which.until),
        )
        hours = hours[length:]


def _hours_of_calls(database: Database, which: Which) -> set[int] | None:
    """Return the hours with calls of these names, None where no name is asked for."""
    names = {"model": which.model, "caller": which.caller, "outcome": which.outcome}
    given = {column: name for column, name in names.items() if name is not None}
    return _hours(database, "calls_by_hour", given, which) if given else None


def _hours_of_attempts(database: Database, which: Which) -> set[int] | None:
    """Return the hours in which this provider was asked, and the failure was seen."""
    known = []
    if which.provider is not None:
        known.append(_hours(database, "attempts_by_hour", {"provider": which.provider}, which))
    if which.failure_class is not None:
        failure = {"failure_class": which.failure_class}
        of_attempts = _hours(database, "attempts_by_hour", failure, which)
        known.append(of_attempts | _hours(database, "calls_by_hour", failure, which))
    return set.intersection(*known) if known else None


def _hours(database: Database, table: str, names: Mapping[str, str], which: Which) -> set[int]:
    """Return the hours whose sums have all these names, or names that were not kept apart."""
    conditions = [f"{column} IN (?, '{OTHER}')" for column in names]
    values: list[Value] = list(names.values())
    if which.since is not None:
        conditions.append("start >= ?")
        values.append(int(which.since // HOUR) * HOUR)
    if which.until is not None:
        conditions.append("start < ?")
        values.append(math.ceil(which.until))
    statement = f"SELECT DISTINCT start FROM {table} WHERE {' AND '.join(conditions)}"  # noqa: S608 -- our names
    return {int(row[0] or 0) for row in database.query(statement, values)}


def calls_after(database: Database, call_id: str, limit: int) -> list[CallRecord]:
    """Return the oldest calls that came after this one, oldest first."""
    rows = database.query(f"{_CALLS} WHERE id > ? ORDER BY id LIMIT ?", (call_id, limit))
    return _complete(database, rows)


def ended(database: Database, window: Window) -> list[Ended]:
    """Return how the calls that began in a window ended."""
    statement = (
        "SELECT outcome, failure_class, COUNT(*) FROM calls"
        " WHERE id >= ? AND id < ? GROUP BY outcome, failure_class"
    )
    rows = database.query(statement, [place_of(at) for at in window])
    return [Ended(str(outcome), str(failure or ""), int(n or 0)) for outcome, failure, n in rows]


def one(database: Database, call_id: str) -> CallRecord | None:
    """Return the call whose id is this or begins with it."""
    if len(call_id) < SHORTEST_BEGINNING:
        raise RecordsError(
            f'"{call_id}" is too short for the beginning of an id:'
            f" it has {SHORTEST_BEGINNING} characters or more"
        )
    statement = f"{_CALLS} WHERE id >= ? AND id < ? ORDER BY id LIMIT 2"
    rows = database.query(statement, (call_id, call_id + AFTER_ALL))
    if len(rows) > 1 and rows[0][0] != call_id:
        raise RecordsError(f'more than one call begins with "{call_id}": give more of its id')
    found = _complete(database, rows[:1])
    return _with_text(database, found[0]) if found else None


def place_of(at: float) -> str:
    """Return where a moment is among the ids of calls: those of then and later follow."""
    return f"req_{milliseconds(at):012x}"


def milliseconds(at: float) -> int:
    """Return the first whole millisecond that is not before a moment."""
    return min(max(math.ceil(round(at * 1000, 3)), 0), _LAST_MILLISECOND)


def _conditions(which: Which) -> Iterator[tuple[str, Sequence[Value]]]:
    if which.since is not None:
        yield "id >= ?", (place_of(which.since),)
    if which.until is not None:
        yield "id < ?", (place_of(which.until),)
    if which.before is not None:
        yield "id < ?", (which.before,)
    for column in ("model", "caller", "outcome", "run"):
        if (value := getattr(which, column)) is not None:
            yield f"{column} = ?", (value,)
    if which.provider is not None:
        asked = "SELECT 1 FROM attempts AS a WHERE a.call_id = calls.id AND a.provider = ?"
        yield f"EXISTS ({asked})", (which.provider,)
    if which.failure_class is not None:
        failed = "SELECT 1 FROM attempts AS a WHERE a.call_id = calls.id AND a.failure_class = ?"
        yield "trouble > 0", ()
        yield f"(failure_class = ? OR EXISTS ({failed}))", (which.failure_class,) * 2
    if which.fallbacks:
        yield f"trouble > 0 AND trouble = {TROUBLED} AND fallback_reason IS NOT NULL", ()
    if which.troubled:
        yield f"trouble > 0 AND trouble = {TROUBLED}", ()


def _complete(database: Database, rows: Sequence[Row]) -> list[CallRecord]:
    """Return the calls of these rows with their attempts."""
    attempts = attempts_of(database, [str(row[0]) for row in rows])
    return [call_of(row, tuple(attempts.get(str(row[0]), ()))) for row in rows]


def attempts_of(database: Database, ids: Sequence[str]) -> dict[str, list[AttemptRecord]]:
    """Return the attempts of calls by the calls' ids."""
    found: dict[str, list[AttemptRecord]] = {}
    for first in range(0, len(ids), _CHUNK):
        some = ids[first : first + _CHUNK]
        marks = ", ".join("?" * len(some))
        statement = f"{_ATTEMPTS} WHERE call_id IN ({marks}) ORDER BY call_id, number"
        for row in database.query(statement, some):
            found.setdefault(str(row[0]), []).append(attempt_of(row))
    return found


def _with_text(database: Database, call: CallRecord) -> CallRecord:
    """Return the call with what was captured of it."""
    rows = database.query("SELECT request, answer FROM captures WHERE call_id = ?", (call.id,))
    if not rows:
        return call
    request, answer = rows[0]
    return replace(call, request=request, answer=answer)
