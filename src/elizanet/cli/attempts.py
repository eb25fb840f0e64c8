"""The attempts of a call, as they happen: a telemetry sink for commands that show them."""

from __future__ import annotations

from collections.abc import Callable

from elizanet.call import Attempt
from elizanet.telemetry import (
    AttemptFailed,
    CallAnswered,
    CallEnded,
    CallGaveUp,
    StreamBroke,
    StreamContinued,
    TelemetryEvent,
)


def _no_one() -> None:
    """Tell nobody that there is news."""


class AttemptLog:
    """Keeps the attempts of one call, in order; `news` is called after each change.

    A stream that breaks after its first content turns an attempt which had answered into one
    that failed. Those of its continuation are known at the end of the call.
    """

    def __init__(self, news: Callable[[], None] = _no_one) -> None:
        self._known: dict[int, Attempt] = {}
        self._news = news
        self.call_id = ""
        """The id of the call, "" before anything is known of it."""

    def __repr__(self) -> str:
        return f"<AttemptLog {len(self._known)} attempts>"

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts so far, in the order in which they started."""
        return tuple(self._known[number] for number in sorted(self._known))

    def __call__(self, event: TelemetryEvent) -> None:
        """Learn from an event."""
        self.call_id = getattr(event, "call_id", self.call_id)
        match event:
            case (
                AttemptFailed(attempt=attempt)
                | StreamBroke(attempt=attempt)
                | StreamContinued(broken=attempt)
            ):
                self._known[attempt.number] = attempt
            case (
                CallAnswered(attempts=attempts)
                | CallGaveUp(attempts=attempts)
                | CallEnded(attempts=attempts)
            ):
                self._known |= {attempt.number: attempt for attempt in attempts}
        self._news()
