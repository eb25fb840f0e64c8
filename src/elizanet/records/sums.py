"""What is added up over calls and attempts that have the same key."""

from __future__ import annotations

from typing import ClassVar, Final, NamedTuple, Self

from elizanet.records import histogram
from elizanet.records.database import Row
from elizanet.records.model import AttemptRecord, CallRecord

OTHER: Final = "other"
"""Stands for the names beyond the number that is kept apart."""


class CallKey(NamedTuple):
    """What calls are grouped by; "" where there is nothing to name."""

    model: str
    target: str
    caller: str
    outcome: str
    failure_class: str
    fallback_reason: str
    operation: str

    @classmethod
    def of(cls, call: CallRecord) -> CallKey:
        """Return the key of a call."""
        target = f"{call.provider}/{call.provider_model}" if call.provider else ""
        return cls(
            call.model, target, call.caller, call.outcome, call.failure_class or "",
            call.fallback_reason or "",
            call.operation,
        )  # fmt: skip

    def folded(self, *, entirely: bool) -> CallKey:
        """Return the key without the names of models, and without the caller's if `entirely`."""
        provider, slash, _ = self.target.partition("/")
        target = f"{provider}/{OTHER}" if slash else ""
        caller = OTHER if entirely else self.caller
        return self._replace(model=OTHER, target=target, caller=caller)


class CallSums:
    """Sums over calls; the durations are histograms."""

    COLUMNS: ClassVar = ("calls", "hedged", "attempts", "prompt_tokens", "completion_tokens",
                         "cost", "extra_cost", "seconds", "first_content")  # fmt: skip

    __slots__ = ("attempts", "calls", "completion_tokens", "cost", "extra_cost",
                 "first_content", "hedged", "prompt_tokens", "seconds")  # fmt: skip

    def __init__(self) -> None:
        self.calls = 0
        self.hedged = 0
        self.attempts = 0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.cost = 0.0
        self.extra_cost = 0.0
        self.seconds = histogram.EMPTY
        self.first_content = histogram.EMPTY

    def __repr__(self) -> str:
        return f"<CallSums calls={self.calls} attempts={self.attempts} cost={self.cost:g}>"

    @classmethod
    def of_row(cls, row: Row) -> Self:
        """Return sums that were stored."""
        sums = cls()
        (sums.calls, sums.hedged, sums.attempts, sums.prompt_tokens, sums.completion_tokens,
         sums.cost, sums.extra_cost, seconds, first_content) = row  # type: ignore[assignment]  # fmt: skip
        sums.seconds = histogram.unpack(seconds)  # type: ignore[arg-type]
        sums.first_content = histogram.unpack(first_content)  # type: ignore[arg-type]
        return sums

    def row(self) -> Row:
        """Return the sums as they are stored."""
        return (
            self.calls, self.hedged, self.attempts, self.prompt_tokens, self.completion_tokens,
            self.cost, self.extra_cost, histogram.pack(self.seconds),
            histogram.pack(self.first_content),
        )  # fmt: skip

    def add(self, call: CallRecord) -> None:
        """Count a call."""
        self.calls += 1
        self.hedged += call.hedged
        self.attempts += len(call.attempts)
        if call.prompt_tokens is not None and call.completion_tokens is not None:
            self.prompt_tokens += call.prompt_tokens
            self.completion_tokens += call.completion_tokens
        if call.cost is not None:
            self.cost += call.cost
            self.extra_cost += call.extra_cost or 0.0
        self.seconds += histogram.one(call.seconds)
        if call.stream and call.first_content is not None:
            self.first_content += histogram.one(call.first_content)

    def merge(self, other: CallSums) -> None:
        """Add other sums to these."""
        self.calls += other.calls
        self.hedged += other.hedged
        self.attempts += other.attempts
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.cost += other.cost
        self.extra_cost += other.extra_cost
        self.seconds += other.seconds
        self.first_content += other.first_content


class AttemptKey(NamedTuple):
    """What attempts are grouped by; the failure class is "" for those that answered."""

    provider: str
    model: str
    failure_class: str

    @classmethod
    def of(cls, attempt: AttemptRecord) -> AttemptKey:
        """Return the key of an attempt."""
        return cls(attempt.provider, attempt.model, attempt.failure_class or "")

    def folded(self, *, entirely: bool) -> AttemptKey:
        """Return the key without the model's name, and without the provider's if `entirely`."""
        return self._replace(model=OTHER, provider=OTHER if entirely else self.provider)


class AttemptSums:
    """Sums over attempts; durations in seconds."""

    COLUMNS: ClassVar = ("attempts", "duration", "cost")

    __slots__ = ("attempts", "cost", "duration")

    def __init__(self, attempts: int = 0, duration: float = 0.0, cost: float = 0.0) -> None:
        self.attempts = attempts
        self.duration = duration
        self.cost = cost

    def __repr__(self) -> str:
        return f"<AttemptSums attempts={self.attempts} duration={self.duration:g}>"

    @classmethod
    def of_row(cls, row: Row) -> Self:
        """Return sums that were stored."""
        return cls(*row)  # type: ignore[arg-type]

    def row(self) -> Row:
        """Return the sums as they are stored."""
        return self.attempts, self.duration, self.cost

    def add(self, attempt: AttemptRecord) -> None:
        """Count an attempt."""
        self.attempts += 1
        self.duration += attempt.duration
        self.cost += attempt.cost or 0.0

    def merge(self, other: AttemptSums) -> None:
        """Add other sums to these."""
        self.attempts += other.attempts
        self.duration += other.duration
        self.cost += other.cost
