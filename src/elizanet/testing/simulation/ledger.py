"""What the providers saw: every attempt of every call, from its first byte to its last."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from elizanet.call import Call, Event


class AttemptEnd(Enum):
    """How an attempt ended, as its provider saw it."""

    ANSWERED = "answered"
    """The answer was sent to its end."""
    FAILED = "failed"
    """The provider failed, before or inside its answer."""
    LEFT = "left"
    """The client went away before the answer was complete."""


class ServedAttempt:
    """One attempt as its provider sees it; times are seconds of the loop's clock.

    `events` is the length of the answer that the provider works on, 0 if it does not.
    """

    __slots__ = ("began", "call_id", "deadline", "end", "ended", "events", "first_content", "key",
                 "model", "number", "provider", "read_after_end", "sent",
                 "stream")  # fmt: skip

    def __init__(self, number: int, call: Call, provider: str, key: str, began: float) -> None:
        self.number = number
        self.call_id = call.id
        self.deadline = call.deadline
        self.provider = provider
        self.model = call.model
        self.stream = call.stream
        self.key = key
        self.began = began
        self.ended: float | None = None
        self.end: AttemptEnd | None = None
        self.first_content: float | None = None
        self.sent: list[Event] = []
        self.events = 0
        self.read_after_end = False

    def __repr__(self) -> str:
        end = self.end.value if self.end else "open"
        return f"<ServedAttempt {self.number} {self.call_id} {self.target} {end}>"

    @property
    def target(self) -> str:
        return f"{self.provider}/{self.model}/{self.key}"


Watcher = Callable[[ServedAttempt], None]
"""Told of an attempt when it begins and when it ends."""


class Ledger:
    """Every attempt that is open, by call, and how many there have been."""

    def __init__(self) -> None:
        self.open: dict[int, ServedAttempt] = {}
        self.begun = 0
        self._watchers: list[Watcher] = []

    def __repr__(self) -> str:
        return f"<Ledger begun={self.begun} open={len(self.open)}>"

    def watch(self, watcher: Watcher) -> None:
        """Tell `watcher` of every attempt, at its beginning and at its end."""
        self._watchers.append(watcher)

    def begin(self, call: Call, provider: str, key: str, now: float) -> ServedAttempt:
        """Write down an attempt that begins."""
        self.begun += 1
        attempt = ServedAttempt(self.begun, call, provider, key, now)
        self.open[attempt.number] = attempt
        for watcher in self._watchers:
            watcher(attempt)
        return attempt

    def end(self, attempt: ServedAttempt, end: AttemptEnd, now: float) -> None:
        """Write down how an attempt ended; what comes later changes nothing."""
        if attempt.end is not None:
            return
        attempt.end, attempt.ended = end, now
        del self.open[attempt.number]
        for watcher in self._watchers:
            watcher(attempt)
