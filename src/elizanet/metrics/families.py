"""The families of metrics: name, kind, labels, and what they mean. The guide lists the same."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec


class Kind(StrEnum):
    """What a family is made of."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


class Family(msgspec.Struct, frozen=True):
    """Series of one name. `name` is as it is queried: counters end in `_total`."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str


FAMILIES: Final[list[Family]] = []
"""All of them, in the order in which they are shown."""


def _family(kind: Kind, name: str, labels: str, text: str) -> Family:
    family = Family(f"elizanet_{name}", kind, tuple(labels.split()), text)
    FAMILIES.append(family)
    return family


def _counter(name: str, labels: str, text: str) -> Family:
    return _family(Kind.COUNTER, f"{name}_total", labels, text)


def _gauge(name: str, labels: str, text: str) -> Family:
    return _family(Kind.GAUGE, name, labels, text)


def _histogram(name: str, labels: str, text: str) -> Family:
    return _family(Kind.HISTOGRAM, name, labels, text)


# Calls: what callers got

CALLS: Final = _counter(
    "calls",
    "chain operation outcome failure_class",
    "Calls that have ended: answered, failed, broken (a stream, after content) or left (by the "
    "caller). failure_class is empty for those without one.",
)
FALLBACKS: Final = _counter(
    "fallbacks",
    "chain failure_class from_target to_target",
    "Calls that another target than the first choice answered, by what was wrong with that.",
)
CALL_SECONDS: Final = _histogram(
    "call_duration_seconds",
    "chain operation stream",
    "Time from the beginning of a call to the end of its answer, of those answered.",
)
FIRST_CONTENT: Final = _histogram(
    "call_first_content_seconds",
    "chain operation",
    "Time until a stream had something to show, all attempts before it included.",
)

# Attempts: what providers did

ATTEMPTS: Final = _counter(
    "attempts",
    "provider model outcome role",
    "Attempts at a target that have ended: answered, or the failure class. role says why it was "
    "made: first, again, next, hedge, rescue, continuation, panic.",
)
ATTEMPT_SECONDS: Final = _histogram(
    "attempt_duration_seconds",
    "provider model outcome",
    "Time of an attempt until the whole answer, a stream's first content (answered) or its "
    "failure (failed); without those that were given up from here.",
)
PASSED_OVER: Final = _counter(
    "passed_over",
    "provider model reason",
    "Targets that were not asked when it was their turn, by why they would not be.",
)
TOKENS: Final = _counter(
    "tokens",
    "provider model direction estimated",
    "Tokens of all attempts, asked (input) and answered (output); estimated where the provider "
    "did not count them.",
)
COST: Final = _counter(
    "cost_usd",
    "provider model",
    "Cost of these tokens in US dollars, where a price is configured.",
)

# Targets: what is known of them

TARGET_STATE: Final = _gauge(
    "target_state",
    "provider key operation model state",
    "1 for the state a target is in, 0 for the others: closed (in use), half_open (being tried "
    "again), open, rate_limited, quarantined.",
)
TARGET_BACK: Final = _gauge(
    "target_available_in_seconds",
    "provider key operation model",
    "Time until a target may be asked again; 0 if it may be asked now.",
)
TARGET_FORCED: Final = _gauge(
    "target_forced",
    "provider key operation model",
    "1 while an operator holds the breaker of a target open or closed.",
)
TARGET_SCORE: Final = _gauge(
    "target_breaker_score",
    "provider key operation model",
    "Weight of recent failures at a target; its breaker opens at 7.9.",
)
TARGET_IN_FLIGHT: Final = _gauge(
    "target_in_flight",
    "provider key operation model",
    "Attempts under way at a target.",
)
TARGET_LIMIT: Final = _gauge(
    "target_in_flight_limit",
    "provider key operation model",
    "Attempts that the limiter would allow at once at a target.",
)
TARGET_SUCCESS: Final = _gauge(
    "target_success_ratio",
    "provider key operation model",
    "Share of recent attempts at a target that were answered.",
)
RETRY_BUDGET: Final = _gauge(
    "provider_retry_budget",
    "provider",
    "Attempts beyond the first that answers of a provider have paid for.",
)
HEALTH_CHANGES: Final = _counter(
    "health_changes",
    "provider what state",
    "Changes of what is known of a provider: its breakers, gates, keys, targets and checks.",
)
CHECK: Final = _gauge(
    "provider_up", "provider", "1 if the latest check of a provider reached it, 0 if it did not."
)
CHECK_SECONDS: Final = _gauge(
    "provider_check_duration_seconds", "provider", "Time that the latest check took."
)

# Callers

CALLER_CALLS: Final = _counter(
    "caller_calls", "caller outcome", "Calls that have ended, by the alias of who asked."
)
CALLER_TOKENS: Final = _counter(
    "caller_tokens", "caller direction", "Tokens of these calls, all attempts included."
)
CALLER_COST: Final = _counter(
    "caller_cost_usd", "caller", "Cost of these calls in US dollars, where prices are configured."
)
CALLER_IN_FLIGHT: Final = _gauge(
    "caller_in_flight", "caller", "Calls of a caller that are under way."
)

# The gateway

IN_FLIGHT: Final = _gauge("gateway_in_flight", "", "Requests that are under way.")
IN_FLIGHT_LIMIT: Final = _gauge(
    "gateway_in_flight_limit", "", "Requests that may be under way at once."
)
BATCH_IN_FLIGHT: Final = _gauge(
    "gateway_batch_in_flight", "", "Requests under way that may wait (batch, flex)."
)
LAG: Final = _gauge(
    "gateway_event_loop_lag_seconds",
    "",
    "How late the event loop is, averaged over a second; from 0.05 on requests are shed.",
)
DRAINING: Final = _gauge("gateway_draining", "", "1 once the process wants no more requests.")
RELOADED: Final = _gauge(
    "gateway_last_reload_successful",
    "",
    "0 while older settings are in force because those read last were wrong, else 1.",
)
REFUSALS: Final = _counter(
    "gateway_refusals",
    "status code",
    "Requests that the gateway refused itself; overloaded are those shed.",
)
PASSED_ON: Final = _counter(
    "gateway_passthrough",
    "provider status",
    "Requests passed on that are no calls, by the status of the answer; empty without one.",
)
FAULTS: Final = _counter(
    "gateway_faults", "", "Requests that met an error of the gateway itself (500)."
)

# What watches

RECORDS_QUEUED: Final = _gauge("records_queued", "", "Records that wait to be written.")
RECORDS_OFFERED: Final = _counter("records_offered", "", "Records that were made.")
RECORDS_WRITTEN: Final = _counter("records_written", "", "Records that are in the database.")
RECORDS_DROPPED: Final = _counter("records_dropped", "", "Records that were lost.")
RECORDS_FAILING: Final = _gauge("records_failing", "", "1 while the database cannot be written to.")
HOOK_FAILURES: Final = _counter(
    "hook_failures", "hook", "Functions of the operator's that raised an exception."
)
EMBEDDINGS_DEGRADED: Final = _counter(
    "embeddings_degraded", "marker", "Marker vectors given in place of an embedding."
)
TELEMETRY_FAILURES: Final = _counter(
    "telemetry_failures", "", "Events that a log, record or metric could not take."
)
BUILD: Final = _family(
    Kind.INFO, "build_info", "version python", "The version that runs, and that of Python."
)
