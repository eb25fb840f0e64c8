"""Ends of calls as the engine tells them, made by hand."""

from __future__ import annotations

from typing import Any

from elizanet.call import Attempt, Usage
from elizanet.errors import FailureClass
from elizanet.operation import Operation
from elizanet.telemetry import CallEnded, Outcome

USAGE = Usage(100, 20, 120)


def attempt(
    provider: str = "openai", failure: FailureClass | None = None, **changes: Any
) -> Attempt:
    """Return an attempt that answered after 0.5 s, or failed so."""
    given: dict[str, Any] = {
        "number": 1,
        "provider": provider,
        "model": "gpt-4o",
        "started": 0.0,
        "duration": 0.5,
        "failure_class": failure,
        "status": 200 if failure is None else None,
        "key": provider,
        "usage": USAGE if failure is None else None,
    }
    return Attempt(**{**given, **changes})


def ended(*attempts: Attempt, **changes: Any) -> CallEnded:
    """Return the end of a call with these attempts, by default answered after 2 s."""
    given: dict[str, Any] = {
        "call_id": "req_1",
        "operation": Operation.CHAT,
        "model": "gpt-4o",
        "stream": False,
        "outcome": Outcome.ANSWERED,
        "attempts": attempts,
        "seconds": 2.0,
        "first_content": 0.5,
        "usage": USAGE,
        "failure_class": None,
        "passed_over": (),
        "chain": "gpt-*",
        "targets": tuple(f"{a.provider}/*" for a in attempts),
        "caller": "team-a",
    }
    return CallEnded(**{**given, **changes})
