"""Changes and calls of a little while ago, in records that can be asked about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from elizanet.gateway.dashboard.findings import Findings
from elizanet.records import migrations
from elizanet.records.model import AttemptRecord, CallRecord, ChangeRecord
from elizanet.records.opening import connect, open_reader
from elizanet.records.reading import Reader
from elizanet.records.writing import Batches

NOW = 1_800_000_000.0 - 1_800_000_000 % 3600 + 1800
HOSTS = ("openai", "groq")
Record = CallRecord | ChangeRecord
Found = Callable[..., Findings]


def change(
    ago: float,
    state: str,
    what: str = "breaker",
    reason: str = "slow",
    *,
    subject: str = "openai/gpt-4o x",
    run: str = "r",
) -> ChangeRecord:
    return ChangeRecord(
        at=NOW - ago, run=run, subject=subject, what=what, state=state, reason=reason
    )


numbers = iter(range(1_000_000))


def call(
    ago: float,
    *failures: str,
    by: str | None = "groq",
    model: str = "gpt-4o",
    caller: str = "team-a",
) -> CallRecord:
    """Return a call at which openai failed so; `by` answered, None if nobody did."""
    providers = [*("openai" for _ in failures), *([by] if by else [])]
    attempts = tuple(
        AttemptRecord(
            number=number, provider=provider, model=model, role="first", key=provider, started=0.0,
            duration=0.1, failure_class=failures[number - 1] if number <= len(failures) else None,
        )
        for number, provider in enumerate(providers, 1)
    )  # fmt: skip
    at = NOW - ago
    return CallRecord(
        id=f"req_{int(at * 1000):012x}{next(numbers):016x}", at=at, run="r",
        operation="chat/completions", model=model, chain="*", caller=caller,
        outcome="answered" if by else "failed", failure_class=None if by else failures[-1],
        provider=by, provider_model=model if by else None,
        fallback_reason=failures[0] if by and failures else None, attempts=attempts, seconds=0.1,
    )  # fmt: skip


def reader_of(folder: Path, *records: Record, ended: Mapping[str, float] = {}) -> Reader:
    """Return a reader of these; `ended` has how long ago runs wrote last."""
    url = f"sqlite:///{folder / 'records.db'}"
    database = connect(url)
    migrations.upgrade(database)
    Batches().write(database, records)
    for run, ago in ended.items():
        Batches(run).write(database, ())
        database.execute("UPDATE writers SET at = ? WHERE name LIKE ?", (NOW - ago, f"{run} %"))
    database.close()
    return open_reader(url)
