"""Which target a call goes to next.

Tier by tier, and inside a tier by `policy.choice`. A target is asked once in a call, and not
at all while its health refuses it. A failure may rule others out: what is wrong with a model
at a host is wrong for every key, what is too long for a window is too long for a smaller one.
Where the answers of different models cannot be compared, the first target's model is the only one.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from elizanet.call import Call, Role
from elizanet.errors import FailureClass, ProviderError, Skipped
from elizanet.health import Lane, Permit, Reason, Refusal, Registry
from elizanet.policy.choice import Candidate, choose, started
from elizanet.settings.embeddings import space_of
from elizanet.target import Target


class Choice(NamedTuple):
    """A target that has admitted an attempt."""

    target: Target
    lane: Lane
    permit: Permit
    role: Role


class Refused(NamedTuple):
    """A target that may not be asked now."""

    target: Target
    lane: Lane
    refusal: Refusal


_ABOUT_THE_KEY = frozenset(
    {FailureClass.RATE_LIMIT, FailureClass.AUTH, FailureClass.QUOTA_EXHAUSTED}
)


class Candidates:
    """The targets that a call may still be sent to, in the order of their tiers."""

    __slots__ = ("_call", "_chance", "_left", "_other_models", "_registry", "_size", "passed_over")

    def __init__(
        self, targets: Sequence[Target], call: Call, registry: Registry, chance: random.Random
    ) -> None:
        self._call = call
        self._registry = registry
        self._chance = chance
        self._size = prompt_bytes(call)
        self.passed_over: tuple[Skipped, ...] = ()
        """The targets that were not asked when it was their turn, and why then."""
        self._left = list(targets)
        if call.only_provider is not None:
            self._left = [t for t in targets if t.provider.name == call.only_provider]
        if call.bound is not None:
            self._left = [t for t in self._left if t.tier == self._left[0].tier]
        self._other_models: list[Target] = []
        if call.one_model and self._left:
            self._keep_to(space_of(self._left[0].model_for(call)))

    def __repr__(self) -> str:
        return f"<Candidates {', '.join(map(str, self._left))}>"

    @property
    def is_empty(self) -> bool:
        """Whether each one has been asked, or could not answer either."""
        return not self._left

    def best(self, now: float, *, is_its_turn: bool = True) -> tuple[Target, Lane] | None:
        """Return the target to ask now, None if each one refuses.

        `is_its_turn`: it is going to be asked, so those before it are passed over.
        """
        equal: list[tuple[Target, Lane]] = []
        for target in self._left:
            if equal and target.tier != equal[0][0].tier:
                break
            lane = target.lane(self._call, self._registry)
            refusal = lane.refusal(now, self._size)
            if refusal is None:
                equal.append((target, lane))
            elif is_its_turn:
                self._pass_over(Refused(target, lane, refusal), now)
        if not equal and is_its_turn:
            self._pass_over_other_models()
        if len(equal) > 1:
            return equal[choose([self._weighed(*pair, now) for pair in equal], self._chance)]
        return equal[0] if equal else None

    def refused(self, now: float) -> list[Refused]:
        """Return the targets that refuse, and why."""
        found = []
        for target in self._left:
            lane = target.lane(self._call, self._registry)
            if (refusal := lane.refusal(now, self._size)) is not None:
                found.append(Refused(target, lane, refusal))
        return found

    def take(self, target: Target) -> None:
        """Take a target out: it is being asked."""
        if self._call.bound is not None:
            self._left.clear()
        else:
            self._left.remove(target)

    def rule_out(self, failed: Target, error: ProviderError) -> None:
        """Take those out that cannot succeed where `failed` did not."""
        if not can_be_sent(self._call):
            self._left.clear()
        failure = error.failure_class
        if failure is FailureClass.CONTEXT_WINDOW_EXCEEDED and failed.window is not None:
            window = failed.window
            self._left = [t for t in self._left if t.window is None or t.window > window]
        if failed.key and failure not in _ABOUT_THE_KEY:
            self._left = [t for t in self._left if not self._same_model(t, failed)]
        if failure is FailureClass.CONNECTION:  # the same host comes last
            self._left.sort(key=lambda t: _host(t) == _host(failed))
        if not self._left:
            self._pass_over_other_models()

    def skipped(self, now: float) -> tuple[Skipped, ...]:
        """Return the targets that refuse as a caller is told of them."""
        return tuple(self._skipped(refused, now) for refused in self.refused(now))

    def by_weight(self, refused: Sequence[Refused]) -> Refused:
        """Return one of them, each with the probability of its weight."""
        return self._chance.choices(refused, [target.weight for target, _, _ in refused])[0]

    def _keep_to(self, space: str) -> None:
        """Leave out the targets whose model is another one."""
        there, call = self._left, self._call
        self._left = [t for t in there if space_of(t.model_for(call)) == space]
        self._other_models = [t for t in there if space_of(t.model_for(call)) != space]

    def _pass_over_other_models(self) -> None:
        for target in self._other_models:
            model = target.model_for(self._call)
            self._tell(Skipped(target.provider.name, model, Reason.OTHER_MODEL, None))

    def _pass_over(self, refused: Refused, now: float) -> None:
        self._tell(self._skipped(refused, now))

    def _tell(self, skipped: Skipped) -> None:
        told = {(s.provider, s.model, s.reason) for s in self.passed_over}
        if (skipped.provider, skipped.model, skipped.reason) not in told:
            self.passed_over = (*self.passed_over, skipped)

    def _skipped(self, refused: Refused, now: float) -> Skipped:
        target, _, refusal = refused
        return Skipped(
            target.provider.name,
            target.model_for(self._call),
            refusal.reason,
            None if refusal.until is None else max(0.0, refusal.until - now),
            refusal.detail,
            refusal.failure_class,
        )

    def _weighed(self, target: Target, lane: Lane, now: float) -> Candidate:
        model, stream = lane.model, target.streams(self._call)
        rate = model.success_rate.value
        return Candidate(
            weight=started(target.weight, model.breaker.closed_for(now)),
            in_flight=lane.limiter.in_flight,
            latency=model.mean_time(self._size, stream=stream),
            success_rate=1.0 if rate is None else rate,
        )

    def _same_model(self, one: Target, other: Target) -> bool:
        call = self._call
        return _host(one) == _host(other) and one.model_for(call) == other.model_for(call)


def prompt_bytes(call: Call) -> int:
    """Return the size of a call's prompt; a form's is sound or pictures, and counts as none."""
    return len(call.body) if call.form is None else 0


def can_be_sent(call: Call) -> bool:
    """Tell whether the request is still there: of an upload that has begun a part is gone."""
    form = call.form
    return form is None or form.rest is None or not form.rest.begun


def is_opinion(refused: Refused) -> bool:
    """Tell whether a refusal is our opinion, and nobody's fact or decision."""
    lane = refused.lane
    forced = lane.model.breaker.forced or lane.host.breaker.forced
    return refused.refusal.reason is Reason.BREAKER_OPEN and forced is None


def _host(target: Target) -> str:
    return target.host or target.provider.name
