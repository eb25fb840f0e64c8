"""The sink that counts: what happens in the engine becomes numbers.

It runs on the loop, once or twice a call, and only adds; nothing is formatted before somebody
asks (`metrics.read`). A failed attempt or a fallback costs a little more than an answer at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from elizanet.call import Attempt
from elizanet.errors import FailureClass
from elizanet.metrics.counts import CallCounts, CallerCounts, TargetCounts
from elizanet.metrics.labels import ModelLabels
from elizanet.prices import PriceOf, cost, no_price, price_of
from elizanet.settings import Settings
from elizanet.telemetry import (
    CallEnded,
    EmbeddingDegraded,
    HealthChanged,
    HookFailed,
    Interest,
    Outcome,
    TelemetryEvent,
    fallback_of,
)

_Key = TypeVar("_Key")

_KEY_OF: Final = " key "
_BROKEN: Final = FailureClass.STREAM_INTERRUPTED


class Metrics:
    """Counts calls and attempts, fallbacks, times, tokens and cost: for one process, for good.

    Give it to a `Router` or an `Elizanet` as one of its `sinks`, on one event loop.
    """

    interest = Interest(details=True)

    def __init__(self) -> None:
        self.labels = ModelLabels()
        self.calls: dict[tuple[str, str], CallCounts] = {}
        self.targets: dict[tuple[str, str], TargetCounts] = {}
        self.callers: dict[str, CallerCounts] = {}
        self.fallbacks: dict[tuple[str, str, str, str], int] = {}
        self.passed_over: dict[tuple[str, str, str], int] = {}
        self.health_changes: dict[tuple[str, str, str], int] = {}
        self.hook_failures: dict[str, int] = {}
        self.embeddings_degraded: dict[str, int] = {}
        self.refusals: dict[tuple[int, str], int] = {}
        self.passed: dict[tuple[str, int | None], int] = {}
        self.faults = 0
        self._price_of: PriceOf = no_price
        self._takers: dict[type, Callable[[Any], None]] = {
            CallEnded: self._call_ended,
            HealthChanged: self._health_changed,
            HookFailed: self._hook_failed,
            EmbeddingDegraded: self._embedding_degraded,
        }

    def __repr__(self) -> str:
        return f"<Metrics chains={len(self.calls)} targets={len(self.targets)}>"

    def __call__(self, event: TelemetryEvent) -> None:
        """Count what the event says."""
        take = self._takers.get(type(event))
        if take is not None:
            take(event)

    def follow(self, settings: Settings) -> None:
        """Take prices, and the names of targets, from these settings from now on."""
        self._price_of = price_of(settings)
        self.labels.follow(settings)

    def refused(self, status: int, code: str) -> None:
        """Count a request that the gateway refused; `code` is that of its error."""
        _add(self.refusals, (status, code))

    def passed_on(self, provider: str, status: int | None) -> None:
        """Count a request that is no call; `status` is that of the answer, None without one."""
        _add(self.passed, (provider, status))

    def _call_ended(self, event: CallEnded) -> None:
        counts = self.calls.get((event.chain, event.operation))
        if counts is None:
            counts = self.calls[event.chain, event.operation] = CallCounts()
        outcome, failure = event.outcome, event.failure_class
        if outcome is Outcome.ANSWERED:
            (counts.streamed if event.stream else counts.whole).observe(event.seconds)
        elif outcome is Outcome.BROKEN:
            failure = _BROKEN
        ended = counts.ended
        ended[outcome, failure] = ended.get((outcome, failure), 0) + 1
        if event.stream and event.first_content is not None:
            counts.first_content.observe(event.first_content)
        spent = None
        for attempt in event.attempts:
            paid = self._attempted(event.chain, attempt)
            if paid is not None:
                spent = paid if spent is None else spent + paid
        if len(event.attempts) > 1 or event.passed_over:
            self._moved(event)
        if event.caller:
            self._asked(event, spent)

    def _attempted(self, chain: str, attempt: Attempt) -> float | None:
        """Count an attempt; return what it cost, None if nobody knows."""
        provider, model, failure = attempt.provider, attempt.model, attempt.failure_class
        counts = self.targets.get((provider, model)) or self._target(provider, model, failure)
        ended, how = counts.ended, (attempt.role, failure)
        ended[how] = ended.get(how, 0) + 1
        if failure is None:
            counts.answered.observe(attempt.duration)
        elif failure is not FailureClass.CANCELLED:
            counts.failed.observe(attempt.duration)
        usage = attempt.usage
        if usage is None:
            return None
        (counts.estimated if usage.estimated else counts.told).add(usage)
        price = self._price_of(chain, provider, model)
        if price is None:
            return None
        paid = cost(price, usage)
        counts.cost = paid if counts.cost is None else counts.cost + paid
        return paid

    def _target(self, provider: str, model: str, failure: FailureClass | None) -> TargetCounts:
        place = (provider, self.labels.of(provider, model, failure))
        counts = self.targets.get(place)
        if counts is None:
            counts = self.targets[place] = TargetCounts()
        return counts

    def _moved(self, event: CallEnded) -> None:
        """Count who was not asked, and whether another than the first choice answered."""
        label = self.labels.of
        for skipped in event.passed_over:
            model = label(skipped.provider, skipped.model, skipped.failure_class)
            _add(self.passed_over, (skipped.provider, model, skipped.reason))
        fallback = fallback_of(event)
        if fallback is not None:
            wanted, by = fallback.wanted, fallback.by
            origin = f"{wanted.provider}/{label(wanted.provider, wanted.model)}"
            target = f"{by.provider}/{label(by.provider, by.model)}"
            _add(self.fallbacks, (event.chain, fallback.failure_class, origin, target))

    def _asked(self, event: CallEnded, spent: float | None) -> None:
        counts = self.callers.get(event.caller)
        if counts is None:
            counts = self.callers[event.caller] = CallerCounts()
        ended = counts.ended
        ended[event.outcome] = ended.get(event.outcome, 0) + 1
        if event.usage is not None:
            counts.tokens.add(event.usage)
        if spent is not None:
            counts.cost = spent if counts.cost is None else counts.cost + spent

    def _health_changed(self, event: HealthChanged) -> None:
        provider = event.subject.partition("/")[0].partition(_KEY_OF)[0]
        _add(self.health_changes, (provider, event.what, event.state.partition(" for ")[0]))

    def _hook_failed(self, event: HookFailed) -> None:
        _add(self.hook_failures, event.hook)

    def _embedding_degraded(self, event: EmbeddingDegraded) -> None:
        if not event.probe:
            _add(self.embeddings_degraded, str(event.marker))


def _add(counts: dict[_Key, int], key: _Key) -> None:
    counts[key] = counts.get(key, 0) + 1
