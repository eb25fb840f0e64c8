"""Records as rows of tables, and back."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec

from elizanet.errors import Skipped
from elizanet.records.database import Row, Value
from elizanet.records.model import AttemptRecord, CallRecord, ChangeRecord

CALL_COLUMNS: Final = (
    "id", "at", "run", "operation", "model", "chain", "targets", "caller", "stream", "outcome",
    "failure_class", "provider", "provider_model", "fallback_reason", "hedged", "trouble",
    "passed_over", "seconds", "first_content", "prompt_tokens", "completion_tokens",
    "estimated", "cost", "extra_cost", "bound",
)  # fmt: skip
ATTEMPT_COLUMNS: Final = (
    "call_id", "number", "provider", "model", "role", "key_alias", "started", "duration",
    "failure_class", "status", "message", "request_id", "retryable", "prompt_tokens",
    "completion_tokens", "estimated", "cost",
)  # fmt: skip
CHANGE_COLUMNS: Final = ("id", "at", "run", "subject", "what", "state", "reason")
CAPTURE_COLUMNS: Final = ("call_id", "request", "answer")

TROUBLED: Final = 2
"""The call failed, broke, or was answered by another target than the first choice."""
FAILED_ATTEMPT: Final = 1
"""An attempt of the call failed, and no more than that."""


def trouble_of(call: CallRecord) -> int:
    """Return how much went wrong: `TROUBLED`, `FAILED_ATTEMPT`, or 0 for nothing."""
    if call.outcome in {"failed", "broken"} or call.fallback_reason is not None:
        return TROUBLED
    for attempt in call.attempts:
        if attempt.failure_class is not None:
            return FAILED_ATTEMPT
    return 0


def insert_into(table: str, columns: tuple[str, ...]) -> str:
    """Return the statement that inserts a row."""
    values = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"  # noqa: S608 -- our names


def call_row(call: CallRecord) -> Row:
    """Return the row of a call."""
    return (
        call.id, call.at, call.run, call.operation, call.model, call.chain,
        _json_of_names(call.targets), call.caller, call.stream, call.outcome, call.failure_class,
        call.provider, call.provider_model, call.fallback_reason, call.hedged, trouble_of(call),
        msgspec.json.encode(call.passed_over).decode() if call.passed_over else None,
        call.seconds, call.first_content, call.prompt_tokens, call.completion_tokens,
        call.estimated, call.cost, call.extra_cost, call.bound,
    )  # fmt: skip


def attempt_row(call_id: str, attempt: AttemptRecord) -> Row:
    """Return the row of an attempt."""
    a = attempt
    return (
        call_id, a.number, a.provider, a.model, a.role, a.key, a.started, a.duration,
        a.failure_class, a.status, a.message, a.request_id, a.retryable, a.prompt_tokens,
        a.completion_tokens, a.estimated, a.cost,
    )  # fmt: skip


def change_row(change_id: str, change: ChangeRecord) -> Row:
    """Return the row of a change."""
    c = change
    return change_id, c.at, c.run, c.subject, c.what, c.state, c.reason


def call_of(
    row: Row, attempts: tuple[AttemptRecord, ...], captured: tuple[Value, Value] = (None, None)
) -> CallRecord:
    """Return the call of a row."""
    fields: dict[str, Any] = dict(zip(CALL_COLUMNS, row, strict=True))
    del fields["trouble"]
    passed_over = fields.pop("passed_over") or "[]"
    fields |= {name: bool(fields[name]) for name in ("stream", "hedged", "estimated")}
    fields["targets"] = tuple(msgspec.json.decode(fields["targets"], type=list[str]))
    fields["request"], fields["answer"] = captured
    return CallRecord(
        attempts=attempts,
        passed_over=msgspec.json.decode(passed_over, type=tuple[Skipped, ...]),
        **fields,
    )


def attempt_of(row: Row) -> AttemptRecord:
    """Return the attempt of a row, without its first column."""
    fields: dict[str, Any] = dict(zip(ATTEMPT_COLUMNS[1:], row[1:], strict=True))
    fields["key"] = fields.pop("key_alias")
    fields |= {name: bool(fields[name]) for name in ("retryable", "estimated")}
    return AttemptRecord(**fields)


def change_of(row: Row) -> ChangeRecord:
    """Return the change of a row, without its first column."""
    fields: dict[str, Any] = dict(zip(CHANGE_COLUMNS[1:], row[1:], strict=True))
    return ChangeRecord(**fields)


@lru_cache(maxsize=1024)
def _json_of_names(names: tuple[str, ...]) -> str:
    return msgspec.json.encode(names).decode()
