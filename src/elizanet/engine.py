"""The loop: a call goes to the best target of a chain and, when that fails, to the next.

There is one path for unary calls and streams. Who is asked is decided by `plan`, what may
follow a failure by `policy.retry`, how long an attempt may take by `policy.deadline`, what is
known of a target by `health`. An attempt is a `Trial`; a `Race` adds a second one when the
first is overdue. When no target admits the call, `scarcity` has the last word.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace

from elizanet.call import Bound, Call
from elizanet.classify import Classifier
from elizanet.errors import STOPPING, FailureClass, ProviderError, forget_frames
from elizanet.health import Registry
from elizanet.history import Names
from elizanet.limit import cut_short
from elizanet.plan import Choice
from elizanet.policy.breaker import Entry
from elizanet.policy.deadline import attempt_limit, may_start
from elizanet.policy.hedge import After, hedge_after
from elizanet.policy.retry import RetryPolicy
from elizanet.policy.throttle import Throttle
from elizanet.race import Race
from elizanet.resume import Resumption
from elizanet.run import Run
from elizanet.scarcity import choose_scarce
from elizanet.stream import CommittedAnswer
from elizanet.target import Target
from elizanet.telemetry import Emitter
from elizanet.trial import Opened, Trial

FALL_BACK_ON: frozenset[FailureClass] = frozenset(FailureClass) - STOPPING
"""The failures after which another target is asked, unless the operator chose others."""


class Chain:
    """A provider made of targets.

    `fall_back_on`: the failure classes after which another target is asked. `hedge`: when a
    second attempt starts beside a silent stream (`policy.hedge`). `continues`: whether a stream
    that breaks goes on from another target. `classifier` judges what is raised by a provider
    that is not ours. `registry` holds the health of the targets (default: one of this chain's
    own), `chance` feeds the jitter, `emit` receives the telemetry.
    """

    def __init__(
        self,
        name: str,
        targets: Sequence[Target],
        *,
        retry: RetryPolicy | None = None,
        fall_back_on: frozenset[FailureClass] = FALL_BACK_ON,
        hedge: After = "auto",
        continues: bool = False,
        classifier: Classifier | None = None,
        registry: Registry | None = None,
        chance: random.Random | None = None,
        emit: Emitter | None = None,
    ) -> None:
        if not targets:
            raise ValueError(f"the chain {name!r} has no target")
        self.name = name
        self.targets = tuple(sorted(map(_placed, enumerate(targets, 1)), key=lambda t: t.tier or 0))
        self._names = Names(name, tuple(dict.fromkeys(map(str, self.targets))))
        self._retry = retry or RetryPolicy()
        self._most_attempts = self._retry.attempts_allowed(len(self.targets))
        self._fall_back_on = fall_back_on
        self._hedge = hedge
        self._continues = continues
        self._classifier = classifier or Classifier()
        self._chance = chance or random.Random()  # noqa: S311 -- jitter, not a secret
        self._emit = emit or Emitter()
        self.registry = registry or Registry(chance=self._chance, emit=self._emit)
        self._throttle = Throttle()

    def __repr__(self) -> str:
        return f"<Chain {self.name!r}: {' -> '.join(map(str, self.targets))} {self._throttle!r}>"

    async def send(self, call: Call) -> CommittedAnswer:
        """Answer the call from the first target that can.

        Returns when the answer may be committed: a unary one complete and of the promised
        shape, a stream at its first content. Raises `ProviderError` if there was only one
        target or its failure must reach the caller, else `AllTargetsFailed`.
        """
        run = Run(
            call, self.targets, self._most_attempts, self.registry, self._chance, self._emit,
            self._names,
        )  # fmt: skip
        self._throttle.request(run.began)
        try:
            choice = await self._next(run)
            run.history.first_choice = next(iter(run.candidates.passed_over), None)
            while True:
                try:
                    opened = await self._attempt(run, choice)
                    break
                except ProviderError as error:
                    choice = await self._after(run, choice, error)
                    forget_frames(error)
        except asyncio.CancelledError as raised:
            run.history.given_up(run.now(), cut_short(raised))
            raise
        finally:
            run.release()
        self._throttle.accept(run.now())
        return self._committed(run, opened)

    async def _next(self, run: Run) -> Choice:
        """Return the target to ask next. Raises `CallFailed` if none admits the call."""
        return run.best() or await choose_scarce(run, self._throttle, self._chance)

    async def _attempt(self, run: Run, choice: Choice) -> Opened:
        """Try a target, and late another one beside it. Raises `ProviderError`."""
        trial = self._trial(run, choice)
        if not choice.target.streams(run.call):
            return await trial.opened()
        race = Race(run, trial, self._trial)
        self._watch(run, trial, race)
        return await race.winner()

    def _trial(self, run: Run, choice: Choice) -> Trial:
        target, lane, permit, _ = choice
        limit, remaining = target.limit_for(run.call), run.remaining()
        is_probe = permit.entry is Entry.PROBE
        if is_probe or limit > remaining / 2:  # only then does it matter who else there is
            another = run.is_kept and run.has_another()
            if another and is_probe:
                limit = run.overdue_after(target, lane)
            limit = attempt_limit(remaining, limit, another_target=another)
        return Trial(run, choice, limit, self._classifier)

    def _watch(self, run: Run, trial: Trial, race: Race) -> None:
        """Arrange what happens if the stream stays silent."""
        on, (target, lane, permit, _) = self.registry.protections, trial.choice
        overdue_after = run.overdue_after(target, lane)
        if self._hedge == "auto" and on.hedge and on.overdue:
            trial.at(overdue_after, race.suspect_and_hedge)
        else:
            latency = lane.model.latency(run.prompt_bytes)
            late = hedge_after(self._hedge, latency, overdue_after, run.now())
            if on.overdue:
                trial.at(overdue_after, race.suspect)
            if late is not None and on.hedge:
                trial.at(late, race.hedge)
        if on.rescue:
            permit.on_rescue(race.rescue)

    async def _after(self, run: Run, choice: Choice, error: ProviderError) -> Choice:
        """Decide who is asked after a failure. Raises the failure of the call if nobody is."""
        run.candidates.rule_out(choice.target, error)
        if not run.can_repeat:
            raise run.failure(Bound.UPLOAD)
        if not self._judged(error).verdict.fallback:
            raise run.failure(Bound.FAILURE)
        if (reserved := run.take_reserved()) is not None:
            return reserved
        another = run.has_another()
        pause = self._retry.pause(
            error,
            spent=run.repeats,
            remaining=run.remaining(),
            another_target=another,
            chance=self._chance,
        )
        if pause is not None and not another:  # the one target there is may have shut its gate
            pause = max(pause, min(choice.lane.gate.until - run.now(), run.remaining() / 2))
        left = run.remaining() - (pause or 0.0)
        if run.is_exhausted or not may_start(left):
            raise run.failure(run.spent)
        if pause is not None and run.pays(choice.lane):
            run.history.moved(choice.target)
            await asyncio.sleep(pause)
            if (again := run.again(choice)) is not None:
                return again
        following = await self._next(run)
        run.history.moved(following.target)
        return following

    def _judged(self, error: ProviderError) -> ProviderError:
        """Apply the operator's `fall_back_on`, unless a rule of theirs has decided already."""
        failure, usual = error.failure_class, error.failure_class not in STOPPING
        if error.verdict.fallback is usual:
            error.limited(fallback=failure in self._fall_back_on)
        return error

    def _committed(self, run: Run, opened: Opened) -> CommittedAnswer:
        opened.trial.committed(opened)
        run.history.passed_over = run.candidates.passed_over
        run.history.answered(run.now())
        resumption = None
        if self._continues and run.call.stream:
            resumption = Resumption(run, self._continue)
        return CommittedAnswer(opened, run, resumption)

    async def _continue(self, run: Run, choice: Choice, call: Call) -> Opened:
        """Make the one attempt of a continuation at a target. Raises `ProviderError`."""
        limit = choice.target.limit_for(call)
        return await Trial(run, choice, limit, self._classifier, call).opened()


def _placed(numbered: tuple[int, Target]) -> Target:
    position, target = numbered
    return target if target.tier is not None else replace(target, tier=position)
