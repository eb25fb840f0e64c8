"""The calls that are running, and what a caller makes of each answer."""

from __future__ import annotations

from collections.abc import Sequence

from elizanet.call import Event, EventKind
from elizanet.errors import CallFailed
from elizanet.testing.simulation.ledger import ServedAttempt
from elizanet.testing.simulation.results import Outcome


class CallRecord:
    """One call from its arrival to its end; times are seconds of the loop's clock."""

    __slots__ = ("arrived", "attempts", "committed", "deadline", "ended", "error", "events", "id",
                 "is_whole", "outcome", "provider", "stream")  # fmt: skip

    def __init__(self, identity: str, arrived: float, deadline: float, *, stream: bool) -> None:
        self.id = identity
        self.arrived = arrived
        self.deadline = deadline
        self.stream = stream
        self.attempts: list[ServedAttempt] = []
        self.committed: float | None = None
        self.ended: float | None = None
        self.error: CallFailed | None = None
        self.events: list[Event] = []
        self.is_whole = False
        self.outcome: Outcome | None = None
        self.provider: str | None = None

    def __repr__(self) -> str:
        outcome = "running" if self.outcome is None else self.outcome.name.lower()
        return f"<CallRecord {self.id} {outcome} attempts={len(self.attempts)}>"

    @property
    def waited(self) -> float:
        """Seconds until there was something to show, or the call was over."""
        shown = self.committed if self.committed is not None else self.ended
        return (shown if shown is not None else self.arrived) - self.arrived

    def received(self, event: Event) -> None:
        """Take an event of the answer."""
        if event.kind is EventKind.CONTENT:
            self.events.append(event)
            self.is_whole = not self.stream
        elif event.kind is EventKind.END:
            self.is_whole = True

    def source(self) -> ServedAttempt | None:
        """Return the one attempt whose content this is, None if it is a mixture."""
        return next((a for a in self.attempts if _is_of(self.events, a)), None)


def _is_of(received: Sequence[Event], attempt: ServedAttempt) -> bool:
    return len(received) <= len(attempt.sent) and received == attempt.sent[: len(received)]
