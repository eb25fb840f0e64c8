"""The health of a lane as an operator reads it."""

from __future__ import annotations

import msgspec

from elizanet.health.lane import Lane
from elizanet.health.registry import LaneName
from elizanet.telemetry import shown


class LaneState(msgspec.Struct, frozen=True):
    """What is known of one model at one provider through one key. Times are in seconds.

    `state` is the breaker's ("closed", "half_open", "open"), or "rate_limited" or
    "quarantined" where a fact stands in the way; `reason` says why, and `again_in` when that
    ends. `forced` is set where an operator decided.
    """

    provider: str
    key: str
    operation: str
    model: str
    state: str
    reason: str
    again_in: float | None
    forced: str | None
    score: float
    in_flight: int
    limit: int
    budget: float
    first_content: float | None
    answer_time: float | None
    success_rate: float | None


def state_of(name: LaneName, lane: Lane, now: float) -> LaneState:
    """Return the state of a lane now."""
    host, key, operation, model = name
    state, reason, again_in = _summary(lane, now)
    forced = lane.host.breaker.forced or lane.model.breaker.forced
    return LaneState(
        provider=host,
        key=key,
        operation=operation,
        model=shown(model),
        state=state,
        reason=reason,
        again_in=again_in,
        forced=forced,
        score=round(max(b.score(now) for b in (lane.host.breaker, lane.model.breaker)), 2),
        in_flight=lane.limiter.in_flight,
        limit=int(lane.limiter.limit),
        budget=round(lane.host.budget.tokens(now), 1),
        first_content=lane.model.latency(0).mean.value,
        answer_time=lane.model.answer_time.value,
        success_rate=lane.model.success_rate.value,
    )


def _summary(lane: Lane, now: float) -> tuple[str, str, float | None]:
    for quarantine in (lane.key.quarantine, lane.quarantine):
        if not quarantine.admits(now):
            return "quarantined", quarantine.reason, quarantine.until - now
    if not lane.gate.admits(now):
        return "rate_limited", lane.gate.reason, lane.gate.until - now
    for breaker in (lane.host.breaker, lane.model.breaker):
        state = breaker.forced or breaker.state
        if state != "closed":
            again_in = None if breaker.forced else max(0.0, breaker.admits_at() - now)
            return state, breaker.reason, again_in
    return "closed", "", None
