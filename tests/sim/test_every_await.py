"""Cancel, raise or hang at the n-th await of a call, for every n: nothing is left behind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from elizanet.engine import Chain
from elizanet.errors import CallFailed
from elizanet.policy.retry import RetryPolicy
from elizanet.target import Target, TargetLimits
from elizanet.testing.simulation import (
    BEHAVIOURS,
    CallRecord,
    Client,
    Invariants,
    Latency,
    Outcome,
    Window,
    World,
)
from elizanet.testing.virtual_time import run_virtually
from support.awaits import Anomaly, Awaits

LIMITS = TargetLimits(attempt=20, first_event=8, stall=5)
BEGINS = 100.0
"""When the call that is watched begins; before that the engine learns what is usual."""
ENDS = 140.0
"""From here on everything works again."""
MOST_AWAITS = 200


@dataclass
class Story:
    """What is wrong with each of the servers while the call is made.

    `warm_up` calls come before it; `others` are made at the same time as it.
    """

    faults: tuple[str | None, ...]
    stream: bool = True
    since: float = BEGINS
    warm_up: int = 5
    others: int = 0
    hedge: str = "auto"
    continues: bool = False
    may_fail: bool = False


STORIES = {
    "a unary answer": Story((None, None), stream=False),
    "a stream": Story((None, None)),
    "a refused connection, tried again": Story(("refuse", None)),
    "a 500, tried again": Story(("error_500", None), stream=False),
    "a stated delay that is waited for": Story(("limited_ms", None)),
    "an overloaded stream, then the next": Story(("overloaded", None, None)),
    "silence, and a late hedge that wins": Story(("hang_after_head", None)),
    "two late starters, and a hedge": Story(("slow", "slow")),
    "silence everywhere": Story(("hang", "hang"), may_fail=True),
    "a total outage": Story(("error_500", "overloaded"), may_fail=True),
    "a rescue among others": Story(("hang", None), others=12),
    "a half-open probe": Story(("error_500", None), since=60.0, warm_up=40),
    "panic": Story(("error_500", "error_500"), since=60.0, warm_up=60, may_fail=True),
    "a break after content": Story(("truncate", None), may_fail=True),
    "a break that is continued": Story(("truncate", None), continues=True, may_fail=True),
    "keep-alives only": Story(("keep_alives", None)),
}


class Stage:
    """A world with a chain, and the call that is watched."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.world = World(7)
        targets = [
            self._target(name, fault) for name, fault in zip("abc", story.faults, strict=False)
        ]
        self.chain = Chain(
            "stage",
            targets,
            retry=RetryPolicy(),
            continues=story.continues,
            registry=self.world.registry,
            chance=self.world.chance,
            emit=self.world.emit,
        )
        self.world.checks = Invariants(
            self.chain.targets, self.world.registry, continues=story.continues
        )
        self.client = Client(self.world, self.chain, stream=story.stream, patience=60.0)

    def _target(self, name: str, fault: str | None) -> Target:
        windows = () if fault is None else (Window(BEHAVIOURS[fault], self.story.since, ENDS),)
        server = self.world.server(name, *windows, latency=Latency(spread=0.0))
        return Target(server.provider(), "m", limits=LIMITS)

    async def play(self, anomaly: Anomaly, at: int) -> bool:
        """Make the call; returns whether there was an n-th await."""
        loop = asyncio.get_running_loop()
        for number in range(self.story.warm_up):
            await self._until(BEGINS * number / self.story.warm_up)
            await self.client.ask(f"before{number}")
        await self._until(BEGINS)
        others = [loop.create_task(self.client.ask(f"beside{n}")) for n in range(self.story.others)]
        with Awaits(anomaly, at) as awaits:
            awaits.caller = caller = loop.create_task(self.client.ask("watched"))
            await asyncio.wait({caller})
        if others:
            await asyncio.wait(others)
        self._look_at(caller, anomaly, done=awaits.done)
        await self._look_at_rest()
        return awaits.done

    def _look_at(self, caller: asyncio.Task[CallRecord], anomaly: Anomaly, *, done: bool) -> None:
        """The call ended as it should: left, answered, or with an error of ours."""
        if caller.cancelled():
            assert anomaly is Anomaly.CANCEL
            return
        assert caller.exception() is None, caller.exception()
        record = caller.result()
        failed = record.outcome in {Outcome.FAILED, Outcome.BROKE}
        if not done:
            assert self.story.may_fail or not failed
        if failed:
            assert isinstance(record.error, CallFailed)

    async def _look_at_rest(self) -> None:
        """Nothing is open, nothing runs, and the next call is answered."""
        checks = self.world.checks
        assert checks is not None
        await asyncio.sleep(1)
        self.world.look_at_rest(tasks=1)
        await self._until(ENDS + 60)
        record = await self.client.ask("after")
        assert record.outcome is Outcome.ANSWERED
        # I8 does not know that a server which should be well had an anomaly.
        assert [told for told in checks.violations if not told.startswith("I8")] == []

    async def _until(self, moment: float) -> None:
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, moment - now))


@pytest.mark.parametrize("anomaly", Anomaly)
@pytest.mark.parametrize("name", STORIES)
def test_nothing_is_left_behind_at_any_await(name: str, anomaly: Anomaly) -> None:
    """Permits closed once, no answer open, no task and no timer left, and life goes on."""
    for at in range(1, MOST_AWAITS):
        if not run_virtually(Stage(STORIES[name]).play(anomaly, at)):
            break
    else:
        pytest.fail(f"more than {MOST_AWAITS} awaits")
    assert at > 1
