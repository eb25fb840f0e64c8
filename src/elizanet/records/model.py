"""What is recorded: one row a call, one an attempt, one a change of health.

Times are in seconds, moments in seconds since 1970, costs in US dollars. What is not known is
None. Nothing here holds a key: text is masked before it is put in.
"""

from __future__ import annotations

import msgspec

from elizanet.errors import Skipped


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One try at one target.

    `started` is in seconds since the call began, `duration` until the failure or the first
    content. `key` is the alias of the provider's key, `request_id` what the provider calls the
    request. `failure_class` is None for the one that answered. `cost` is None where no price is
    configured or nothing was counted.
    """

    number: int
    provider: str
    model: str
    role: str
    key: str
    started: float
    duration: float
    failure_class: str | None = None
    status: int | None = None
    message: str = ""
    request_id: str | None = None
    retryable: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    estimated: bool = False
    """The provider did not count its tokens."""
    cost: float | None = None


class CallRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One call of a caller.

    `at` is when it began. `run` names the process that answered it, `chain` the chain that
    serves `model`, `targets` all of that chain in order, `caller` the alias of who asked.
    `outcome` is one of `telemetry.Outcome`. `provider` and `provider_model` name the target that
    answered. `fallback_reason` is the failure class of the first choice, when another target
    answered. `seconds` lasts until the end of the answer, `first_content` until there was
    something to show. Tokens and `cost` are those of all attempts; `extra_cost` is what that was
    more than the first choice would have cost for the answer. `hedged`: a second attempt ran
    beside an overdue one. `passed_over` has who was not asked when it was their turn, why, and
    for how long from then on. `bound` is one of `call.Bound`: why it went no further, where it
    had need to or was not free to. `request` and `answer` are kept on request only.
    """

    id: str
    at: float
    run: str
    operation: str
    model: str
    chain: str
    targets: tuple[str, ...] = ()
    caller: str = ""
    stream: bool = False
    outcome: str
    failure_class: str | None = None
    provider: str | None = None
    provider_model: str | None = None
    fallback_reason: str | None = None
    hedged: bool = False
    attempts: tuple[AttemptRecord, ...] = ()
    passed_over: tuple[Skipped, ...] = ()
    seconds: float
    first_content: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    estimated: bool = False
    cost: float | None = None
    extra_cost: float | None = None
    bound: str | None = None
    request: str | None = None
    answer: str | None = None


class ChangeRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something became known of a provider: as `telemetry.HealthChanged` says it."""

    at: float
    run: str
    subject: str
    what: str
    state: str
    reason: str
