"""The attempts of a call, as they happen: a telemetry sink for commands that show them."""

from __future__ import annotations

from collections.abc import Callable

from elizanet.call import Attempt
from elizanet.telemetry import AttemptFailed, CallAnswered, CallGaveUp, StreamBroke, TelemetryEvent


def _no_one() -> None:
    """Tell nobody that there is news."""


class AttemptLog:
    """Keeps the attempts of one call, in order; `news` is called after each change.

    A stream that breaks after its first content turns its last attempt, which had answered,
    into one that failed.
    """

    def __init__(self, news: Callable[[], None] = _no_one) -> None:
        self.attempts: tuple[Attempt, ...] = ()
        self._news = news

    def __repr__(self) -> str:
        return f"<AttemptLog {len(self.attempts)} attempts>"

    def __call__(self, event: TelemetryEvent) -> None:
        match event:
            case AttemptFailed(attempt=attempt):
                self.attempts = (*self.attempts, attempt)
            case CallAnswered(attempts=attempts) | CallGaveUp(attempts=attempts):
                self.attempts = attempts
            case StreamBroke(attempt=attempt):
                self.attempts = (*self.attempts[:-1], attempt)
        self._news()
