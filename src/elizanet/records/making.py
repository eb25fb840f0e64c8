"""Records of what the engine tells: what a call cost, why it was moved, what was said.

Pure functions: the moment, the run and the prices are passed in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from elizanet.call import Attempt, Role, Usage
from elizanet.errors import Skipped
from elizanet.prices import PriceOf, cost
from elizanet.records.known import Known
from elizanet.records.model import AttemptRecord, CallRecord, ChangeRecord
from elizanet.records.wording import captured_text, identifier, name, names, sentence
from elizanet.telemetry import CallEnded, HealthChanged, Outcome, fallback_of

MOST_TOKENS: Final = 10**9
"""What a provider says beyond that is no count of tokens."""
KEEP: Final = "*"
"""As the model of a target: the name that the caller sent."""
_GOOD: Final = 200
"""The status of an answer that began well."""
_OWN_ID: Final = re.compile(r"req_([0-9a-f]{12})[0-9a-f]{16}")


def make_call(event: CallEnded, ended: float, run: str, known: Known) -> CallRecord:
    """Return the record of a call that was over at `ended`, in seconds since 1970."""
    attempt = answered_by(event)
    fallback = fallback_of(event) if len(event.attempts) > 1 or event.first_choice else None
    made = tuple([_make_attempt(event.chain, tried, known.price_of) for tried in event.attempts])
    usage, captured = event.usage, event.captured
    call_id, at = _place(event, ended)
    spent = made[0].cost if len(made) == 1 else _sum([one.cost for one in made])
    return CallRecord(
        id=call_id,
        at=at,
        run=run,
        operation=event.operation.value,
        model=name(event.model),
        chain=name(event.chain),
        targets=names(event.targets),
        caller=name(event.caller),
        stream=event.stream,
        outcome=event.outcome.value,
        failure_class=event.failure_class.value if event.failure_class else None,
        provider=name(attempt.provider) if attempt else None,
        provider_model=name(attempt.model) if attempt else None,
        fallback_reason=fallback.failure_class.value if fallback else None,
        hedged=len(made) > 1 and any(tried.role is Role.HEDGE for tried in event.attempts),
        attempts=made,
        passed_over=tuple(map(_make_skipped, event.passed_over)),
        seconds=event.seconds,
        first_content=event.first_content,
        prompt_tokens=tokens(usage.prompt_tokens) if usage else None,
        completion_tokens=tokens(usage.completion_tokens) if usage else None,
        estimated=usage is not None and usage.estimated,
        cost=spent,
        extra_cost=_extra_cost(event, attempt, spent, known.price_of),
        bound=event.bound.value if event.bound else None,
        request=captured_text(captured.request, known.secrets) if captured else None,
        answer=captured_text(captured.answer, known.secrets) if captured else None,
    )


def make_change(event: HealthChanged, at: float, run: str) -> ChangeRecord:
    """Return the record of a change that happened `at`, in seconds since 1970."""
    return ChangeRecord(
        at=at,
        run=run,
        subject=name(event.subject),
        what=name(event.what),
        state=name(event.state),
        reason=sentence(event.reason),
    )


def answered_by(event: CallEnded) -> Attempt | None:
    """Return the attempt that answered; of an answer that broke, the one that gave it."""
    for attempt in event.attempts:
        if attempt.failure_class is None:
            return attempt
    if event.outcome is not Outcome.BROKEN:
        return None
    began = [attempt for attempt in event.attempts if attempt.status == _GOOD]
    return (began or event.attempts or (None,))[-1]


def tokens(count: int) -> int:
    """Return a count of tokens that can be one."""
    return count if 0 <= count <= MOST_TOKENS else min(max(count, 0), MOST_TOKENS)


def _make_attempt(chain: str, attempt: Attempt, prices: PriceOf) -> AttemptRecord:
    usage = attempt.usage
    return AttemptRecord(
        number=attempt.number,
        provider=name(attempt.provider),
        model=name(attempt.model),
        role=attempt.role.value,
        key=name(attempt.key),
        started=attempt.started,
        duration=attempt.duration,
        failure_class=attempt.failure_class.value if attempt.failure_class else None,
        status=attempt.status,
        message=sentence(attempt.message) if attempt.message else "",
        request_id=identifier(attempt.request_id) if attempt.request_id else None,
        retryable=attempt.retryable,
        prompt_tokens=tokens(usage.prompt_tokens) if usage else None,
        completion_tokens=tokens(usage.completion_tokens) if usage else None,
        estimated=usage is not None and usage.estimated,
        cost=_cost(prices, chain, attempt.provider, attempt.model, usage),
    )


def _make_skipped(skipped: Skipped) -> Skipped:
    delay = skipped.retry_after_s
    return Skipped(
        name(skipped.provider),
        name(skipped.model),
        skipped.reason,
        delay if delay is None or math.isfinite(delay) else None,
        sentence(skipped.detail),
        skipped.failed_with,
    )


def _cost(
    prices: PriceOf, chain: str, provider: str, model: str, usage: Usage | None
) -> float | None:
    """Return what these tokens cost there, None where one or the other is not known."""
    if usage is None or (price := prices(chain, provider, model)) is None:
        return None
    return cost(price, usage)


def _extra_cost(
    event: CallEnded, answered: Attempt | None, spent: float | None, prices: PriceOf
) -> float | None:
    """Return what the attempts cost beyond the same answer from the first target of the chain."""
    if spent is None or answered is None or not event.targets:
        return spent
    provider, _, model = event.targets[0].partition("/")
    model = event.model if model == KEEP else model
    first = _cost(prices, event.chain, provider, model, answered.usage)
    return None if first is None else spent - first


def _place(event: CallEnded, ended: float) -> tuple[str, float]:
    """Return the id and the moment of a call: the id has it, and records are in its order."""
    if found := _OWN_ID.fullmatch(event.call_id):
        return event.call_id, int(found[1], 16) / 1000
    at = max(ended - event.seconds, 0.0)
    return f"req_{int(at * 1000):012x}_{name(event.call_id)}", at


def _sum(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None
