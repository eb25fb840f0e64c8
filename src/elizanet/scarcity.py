"""What becomes of a call that no target admits.

Facts are obeyed, opinions are not. Room that will be there shortly is waited for, at most 1 s
and a tenth of what is left. A breaker is an opinion: a throttled share of the calls goes
through it all the same (panic), so that no breaker of ours can be the outage, nor prolong it;
and while a target answers in this way, all of them go to it.
A quarantined key is asked now and then. Everything else is told to the caller at once.
"""

from __future__ import annotations

import asyncio
import random
from typing import Final

from elizanet.call import Role
from elizanet.health import Reason
from elizanet.health.lane import ends_in
from elizanet.health.refusal import QUARANTINES, RATES
from elizanet.plan import Choice, Refused, is_opinion
from elizanet.policy.deadline import patience
from elizanet.policy.throttle import Throttle
from elizanet.run import Run

_CLOCK_STEP_S: Final = 0.001
"""Timers may fire a little early; a shorter wait than this could end before its time."""


async def choose_scarce(run: Run, throttle: Throttle, chance: random.Random) -> Choice:
    """Return a target for a call that each one refuses now. Raises `CallFailed`."""
    if (choice := await _after_waiting(run)) is not None:
        return choice
    refused = run.candidates.refused(run.now())
    choice = _in_panic(run, refused, throttle, chance) or _probing(run, refused)
    if choice is None:
        raise run.failure()
    return choice


async def _after_waiting(run: Run) -> Choice | None:
    """Wait for room, where there will be some soon."""
    until = run.now() + patience(run.remaining())
    while (left := until - run.now()) > 0:
        refused = run.candidates.refused(run.now())
        waited = await _room(refused, run.now(), left)
        if (choice := run.best()) is not None:
            return choice
        if not waited:
            return None
    return None


async def _room(refused: list[Refused], now: float, longest: float) -> bool:
    """Wait until one of them may have room; false if none will have in time."""
    waits = [ends_in(r.refusal, now) for r in refused if r.refusal.reason in RATES]
    soonest = min(waits, default=longest)
    full = next((r.lane for r in refused if r.refusal.reason is Reason.FULL), None)
    if full is not None:
        return await full.room(now + min(soonest, longest)) or soonest < longest
    if soonest >= longest:
        return False
    await asyncio.sleep(max(soonest, _CLOCK_STEP_S))
    return True


def _in_panic(
    run: Run, refused: list[Refused], throttle: Throttle, chance: random.Random
) -> Choice | None:
    opinions = [r for r in refused if is_opinion(r)]
    if not opinions or not run.allows_panic:
        return None
    hopeful = [r for r in opinions if r.lane.is_recovering]
    if not hopeful and not throttle.admits(run.now(), chance):
        return None
    target, lane, _ = run.candidates.by_weight(hopeful or opinions)
    run.panics()
    return run.admit(target, lane, Role.PANIC)


def _probing(run: Run, refused: list[Refused]) -> Choice | None:
    now = run.now()
    for target, lane, refusal in refused:
        if refusal.reason in QUARANTINES and lane.admits_probe(now):
            return run.admit(target, lane, Role.PANIC)
    return None
