"""Calls as the engine tells of them, written by the real recorder into a real file of SQLite."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import replace

from elizanet.call import Attempt, Role, Usage
from elizanet.errors import FailureClass
from elizanet.operation import Operation
from elizanet.records.model import CallRecord
from elizanet.records.opening import open_reader, open_recorder
from elizanet.settings import Price, RouteSettings, Settings, TargetSettings
from elizanet.telemetry import CallEnded, HealthChanged, Outcome

CHAIN = ("openai/*", "azure/*", "groq/llama")
ROUTES = (
    RouteSettings(
        "gpt-4o*",
        (
            TargetSettings("openai", "*", price=Price(input=2.5, output=10.0)),
            TargetSettings("azure", "*", price=Price(input=5.0, output=20.0)),
            TargetSettings("groq", "llama"),
        ),
    ),
)


def tried(
    provider: str = "openai",
    failure: FailureClass | str | None = None,
    status: int | None = 200,
    message: str = "",
    *,
    model: str = "gpt-4o",
    started: float = 0.0,
    duration: float = 0.1,
    role: Role = Role.FIRST,
    key: str = "",
    usage: Usage | None = None,
) -> Attempt:
    """Return an attempt; its number is given by the call."""
    failed = None if failure is None else FailureClass(failure)
    return Attempt(
        0, provider, model, started, duration, failed, status, message, None, role, key, usage
    )  # fmt: skip


def made(call_id: str, *attempts: Attempt, **changes: Any) -> CallEnded:
    """Return a call that is over; by default it was answered."""
    counted = [attempt.usage for attempt in attempts if attempt.usage is not None]
    given: dict[str, Any] = {
        "call_id": call_id,
        "operation": Operation.CHAT,
        "model": "gpt-4o",
        "stream": False,
        "outcome": Outcome.ANSWERED,
        "attempts": tuple(replace(a, number=number) for number, a in enumerate(attempts, 1)),
        "seconds": max((a.started + a.duration for a in attempts), default=0.0) + 0.01,
        "first_content": None,
        "usage": counted[-1] if counted else None,
        "failure_class": None,
        "passed_over": (),
        "chain": "gpt-4o*",
        "targets": CHAIN,
        "caller": "",
    }
    given |= changes
    given.setdefault("first_choice", next(iter(given["passed_over"]), None))
    return CallEnded(**given)


def call_id(at: float, number: int = 0) -> str:
    """Return the id of a call that was made then."""
    return f"req_{int(at * 1000):012x}{number:016x}"


def record_of(event: CallEnded) -> CallRecord:
    """Return the record of a call, as it is read back."""
    with TemporaryDirectory() as folder:
        reader = open_reader(record(Path(folder), event))
        try:
            found = reader.call(event.call_id)
        finally:
            reader.close()
    assert found is not None
    return found


def record(folder: Path, *events: CallEnded | HealthChanged, run: str = "run_1") -> str:
    """Record the events, and return the URL of the database."""
    url = f"sqlite:///{folder / 'records.db'}"
    recorder = open_recorder(Settings(providers={}, routes=ROUTES, database=url), run=run)
    assert recorder is not None
    for event in events:
        recorder(event)
    recorder.close()
    stats = recorder.stats()
    assert (stats.written, stats.failing) == (stats.offered, None)
    return url
