"""What the metrics are at one moment: plain values, taken on the loop and written elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from elizanet.health import LaneState
from elizanet.metrics import families as f
from elizanet.metrics.counts import CallCounts, CallerCounts, TargetCounts
from elizanet.metrics.histogram import Distribution
from elizanet.metrics.labels import ModelLabels
from elizanet.metrics.sink import Metrics

STATES = ("closed", "half_open", "open", "rate_limited", "quarantined")
"""Every state of a target, as `LaneState` has it."""


class Reading(NamedTuple):
    """One value of a family, for these values of its labels."""

    family: f.Family
    labels: tuple[str, ...]
    value: float | Distribution


class Recorded(Protocol):
    """How the writer of records is doing; `failing` says why it cannot write now."""

    @property
    def queued(self) -> int: ...
    @property
    def offered(self) -> int: ...
    @property
    def written(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    @property
    def failing(self) -> str | None: ...


def counted(metrics: Metrics) -> Iterator[Reading]:
    """Yield what the sink has counted."""
    for place, calls in metrics.calls.items():
        yield from _calls(place, calls)
    for fallback, count in metrics.fallbacks.items():
        yield Reading(f.FALLBACKS, fallback, count)
    for target, attempts in metrics.targets.items():
        yield from _attempts(target, attempts)
    for alias, caller in metrics.callers.items():
        yield from _caller(alias, caller)
    for over, count in metrics.passed_over.items():
        yield Reading(f.PASSED_OVER, over, count)
    for change, count in metrics.health_changes.items():
        yield Reading(f.HEALTH_CHANGES, change, count)
    for hook, count in metrics.hook_failures.items():
        yield Reading(f.HOOK_FAILURES, (hook,), count)
    for marker, count in metrics.embeddings_degraded.items():
        yield Reading(f.EMBEDDINGS_DEGRADED, (marker,), count)
    yield from _gateway(metrics)


def _gateway(metrics: Metrics) -> Iterator[Reading]:
    for (status, code), count in metrics.refusals.items():
        yield Reading(f.REFUSALS, (str(status), code), count)
    for (provider, answered), count in metrics.passed.items():
        yield Reading(f.PASSED_ON, (provider, str(answered or "")), count)
    yield Reading(f.FAULTS, (), metrics.faults)


def known_of(states: Iterable[LaneState], labels: ModelLabels) -> Iterator[Reading]:
    """Yield what is known of the targets whose model has a name of its own."""
    budgets: dict[str, float] = {}
    for lane in states:
        budgets[lane.provider] = lane.budget
        if lane.model in labels:
            yield from _lane(lane)
    for provider, budget in budgets.items():
        yield Reading(f.RETRY_BUDGET, (provider,), budget)


def recorded(records: Recorded) -> Iterator[Reading]:
    """Yield how the records are doing."""
    yield Reading(f.RECORDS_QUEUED, (), records.queued)
    yield Reading(f.RECORDS_OFFERED, (), records.offered)
    yield Reading(f.RECORDS_WRITTEN, (), records.written)
    yield Reading(f.RECORDS_DROPPED, (), records.dropped)
    yield Reading(f.RECORDS_FAILING, (), records.failing is not None)


def _calls(place: tuple[str, str], counts: CallCounts) -> Iterator[Reading]:
    for (outcome, failure), count in counts.ended.items():
        yield Reading(f.CALLS, (*place, outcome, failure or ""), count)
    for stream, histogram in (("false", counts.whole), ("true", counts.streamed)):
        if (distribution := histogram.distribution()) is not None:
            yield Reading(f.CALL_SECONDS, (*place, stream), distribution)
    if (distribution := counts.first_content.distribution()) is not None:
        yield Reading(f.FIRST_CONTENT, place, distribution)


def _attempts(target: tuple[str, str], counts: TargetCounts) -> Iterator[Reading]:
    for (role, failure), count in counts.ended.items():
        yield Reading(f.ATTEMPTS, (*target, failure or "answered", role), count)
    for outcome, histogram in (("answered", counts.answered), ("failed", counts.failed)):
        if (distribution := histogram.distribution()) is not None:
            yield Reading(f.ATTEMPT_SECONDS, (*target, outcome), distribution)
    for estimated, tokens in (("false", counts.told), ("true", counts.estimated)):
        if tokens.asked or tokens.answered:
            yield Reading(f.TOKENS, (*target, "input", estimated), tokens.asked)
            yield Reading(f.TOKENS, (*target, "output", estimated), tokens.answered)
    if counts.cost is not None:
        yield Reading(f.COST, target, counts.cost)


def _caller(alias: str, counts: CallerCounts) -> Iterator[Reading]:
    for outcome, count in counts.ended.items():
        yield Reading(f.CALLER_CALLS, (alias, outcome), count)
    yield Reading(f.CALLER_TOKENS, (alias, "input"), counts.tokens.asked)
    yield Reading(f.CALLER_TOKENS, (alias, "output"), counts.tokens.answered)
    if counts.cost is not None:
        yield Reading(f.CALLER_COST, (alias,), counts.cost)


def _lane(lane: LaneState) -> Iterator[Reading]:
    name = (lane.provider, lane.key, lane.operation, lane.model)
    for state in STATES:
        yield Reading(f.TARGET_STATE, (*name, state), state == lane.state)
    yield Reading(f.TARGET_BACK, name, lane.again_in or 0.0)
    yield Reading(f.TARGET_FORCED, name, lane.forced is not None)
    yield Reading(f.TARGET_SCORE, name, lane.score)
    yield Reading(f.TARGET_IN_FLIGHT, name, lane.in_flight)
    yield Reading(f.TARGET_LIMIT, name, lane.limit)
    if lane.success_rate is not None:
        yield Reading(f.TARGET_SUCCESS, name, lane.success_rate)
