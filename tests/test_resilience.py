"""What the engine knows of its targets, and does about it: one story a test, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from elizanet.call import Bound, Call
from elizanet.engine import Chain
from elizanet.errors import AllTargetsFailed, FailureClass, ProviderError
from elizanet.health import Registry
from elizanet.limit import Cut
from elizanet.operation import Operation
from elizanet.policy.breaker import BreakerState
from elizanet.policy.protections import Protections
from elizanet.policy.rate import RateLimit
from elizanet.policy.retry import RetryPolicy
from elizanet.stream import CommittedAnswer
from elizanet.target import Target, TargetLimits
from elizanet.telemetry import (
    LEFT,
    OUTRUN,
    CallEnded,
    Emitter,
    HealthChanged,
    HedgeStarted,
    Outcome,
)
from elizanet.testing import Failing, Reply, ScriptedProvider
from elizanet.testing.scripted import Step
from elizanet.testing.virtual_time import run_virtually

LIMITS = TargetLimits(attempt=60, first_event=6, stall=5)
HANGS = Reply((), hang=True)


class World:
    """One chain over scripted providers p1, p2, ..., and what was told about it."""

    def __init__(
        self,
        *scripts: Sequence[Step] | Step,
        targets: dict[str, Any] | None = None,
        protections: Protections = Protections(),
        **options: Any,
    ) -> None:
        self.events: list[Any] = []
        steps = [script if isinstance(script, Sequence) else [script] for script in scripts]
        self.providers = [ScriptedProvider(f"p{n}", script) for n, script in enumerate(steps, 1)]
        emit, chance = Emitter(self.events.append), random.Random(7)
        self.registry = Registry(chance=chance, emit=emit, protections=protections)
        options.setdefault("retry", RetryPolicy(same_provider=0))
        self.chain = Chain(
            "world",
            [Target(p, "m", limits=LIMITS, **(targets or {})) for p in self.providers],
            registry=self.registry,
            chance=chance,
            emit=emit,
            **options,
        )

    async def send(
        self, *, stream: bool = True, total: float = 100, **options: Any
    ) -> CommittedAnswer:
        now = asyncio.get_running_loop().time()
        options.setdefault("body", b'{"model":"m"}')
        call = Call(
            "req", Operation.CHAT, "m", options.pop("body"), now + total, stream=stream, **options
        )
        return await self.chain.send(call)

    async def ask(self, **options: Any) -> str:
        async with await self.send(**options) as answer:
            return (await answer.read()).decode()

    async def asks(self, times: int, **options: Any) -> list[str]:
        return [await self.ask(**options) for _ in range(times)]

    def asked(self) -> list[int]:
        """How often each provider was asked."""
        return [len(provider.calls) for provider in self.providers]

    def told(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def lane(self, number: int) -> Any:
        return self.registry.lane(f"p{number}", "", Operation.CHAT, "m")


def play(world: World, story: Coroutine[Any, Any, Any]) -> Any:
    """Run a story, and check that it leaves nothing behind."""

    async def whole() -> Any:
        result = await story
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        return result

    result = run_virtually(whole())
    assert [p.open_answers for p in world.providers] == [0] * len(world.providers)
    for _, lane in world.registry.lanes:
        assert lane.is_idle, lane
        assert not lane.host.waiting
        assert not lane.model.waiting
    return result


def failed(error: AllTargetsFailed) -> list[tuple[str, str]]:
    return [(skipped.provider, skipped.reason) for skipped in error.skipped]


def test_a_target_that_fails_is_left_alone_after_eight_times() -> None:
    """Nobody notices, and from the ninth call on nobody waits for it."""
    world = World(Failing("overloaded", 500), Reply(("b",)))
    assert play(world, world.asks(20)) == ["b"] * 20
    assert world.asked() == [8, 20]
    assert [e.state for e in world.told(HealthChanged)] == ["open"]


def test_a_target_that_recovers_is_asked_again() -> None:
    """A probe finds out, hidden from its caller; three answers close the breaker."""
    world = World([Failing("overloaded", 500)] * 8 + [Reply(("a",))], Reply(("b",)))

    async def story() -> None:
        await world.asks(8)
        assert await world.ask() == "b"
        await asyncio.sleep(6.1)
        assert await world.asks(3) == ["a"] * 3

    play(world, story())
    assert [e.state for e in world.told(HealthChanged)] == ["open", "half_open", "closed"]


def test_a_silent_stream_is_answered_by_the_next_target_in_seconds() -> None:
    """The second attempt starts while the first one still waits, and its content wins."""
    world = World(HANGS, Reply(("b",), delay=0.5))

    async def story() -> float:
        began = asyncio.get_running_loop().time()
        async with await world.send() as answer:
            assert [(a.provider, a.failure_class) for a in answer.attempts] == [
                ("p1", FailureClass.TIMEOUT),
                ("p2", None),
            ]
            assert await answer.read() == b"b"
        return asyncio.get_running_loop().time() - began

    assert play(world, story()) == pytest.approx(2.5)
    assert [e.target for e in world.told(HedgeStarted)] == ["p2/m"]


def test_a_slow_first_target_may_still_win() -> None:
    """The loser is closed, counted as an attempt, and nothing of it is heard."""
    world = World(Reply(("a",), delay=3), Reply(("b",), delay=50))

    async def story() -> None:
        async with await world.send() as answer:
            assert await answer.read() == b"a"
            assert [(a.provider, a.failure_class) for a in answer.attempts] == [
                ("p1", None),
                ("p2", FailureClass.CANCELLED),
            ]

    play(world, story())
    assert world.lane(1).model.breaker.score(0) == 0


def test_a_call_that_lets_its_provider_act_is_not_sent_twice_at_once() -> None:
    """Tools of the provider and stored answers have effects; the limit moves such a call."""
    for body in (b'{"model":"m","tools":[{"type":"web_search"}]}', b'{"model":"m","store":true}'):
        world = World(HANGS, Reply(("b",)))
        assert play(world, world.ask(body=body)) == "b"
        assert world.told(HedgeStarted) == []


def test_waiting_calls_are_rescued_when_their_target_is_found_down() -> None:
    """Ten calls wait for a dead target; eight overdue ones open its breaker, all are moved."""
    world = World(HANGS, Reply(("b",)), hedge="off")

    async def story() -> list[float]:
        clock = asyncio.get_running_loop().time

        async def timed(start: float) -> float:
            await asyncio.sleep(start)
            began = clock()
            assert await world.ask() == "b"
            return clock() - began

        return await asyncio.gather(*(timed(number / 10) for number in range(20)))

    seconds = play(world, story())
    assert max(seconds) < 3
    assert world.asked()[1] == 20


def test_nobody_is_rescued_with_nowhere_to_go() -> None:
    """A rescue that cancels a call with no later target would lose it."""
    world = World(Reply(("a",), delay=5))

    async def story() -> None:
        calls = [asyncio.create_task(world.ask()) for _ in range(3)]
        await asyncio.sleep(1)
        world.lane(1).model.breaker.force(BreakerState.OPEN)
        assert await asyncio.gather(*calls) == ["a"] * 3

    play(world, story())


def test_a_rate_limited_target_is_asked_when_it_said() -> None:
    """Calls go elsewhere until then, and back afterwards."""
    world = World([Failing("rate_limit", 429, retry_after_s=30), Reply(("a",))], Reply(("b",)))

    async def story() -> None:
        assert await world.asks(3) == ["b"] * 3
        await asyncio.sleep(29)
        assert await world.ask() == "b"
        await asyncio.sleep(1.1)
        assert await world.ask() == "a"

    play(world, story())


def test_when_all_are_rate_limited_the_caller_is_told_at_once_how_long() -> None:
    """The smallest delay, and no request upstream."""
    world = World(
        Failing("rate_limit", 429, retry_after_s=60), Failing("rate_limit", 429, retry_after_s=20)
    )

    async def story() -> None:
        with pytest.raises(AllTargetsFailed):
            await world.ask()
        await asyncio.sleep(5)
        with pytest.raises(AllTargetsFailed) as caught:
            await world.ask()
        assert caught.value.failure_class is FailureClass.RATE_LIMIT
        assert caught.value.retry_after_s == pytest.approx(15)
        assert failed(caught.value) == [("p1", "rate_limited"), ("p2", "rate_limited")]

    play(world, story())
    assert world.asked() == [1, 1]


def test_a_refused_key_is_quarantined() -> None:
    """Ten minutes for every model of it; the operator is told once."""
    world = World([Failing("auth", 401), Reply(("a",))], Reply(("b",)))

    async def story() -> None:
        assert await world.asks(5) == ["b"] * 5
        await asyncio.sleep(601)
        assert await world.ask() == "a"

    play(world, story())
    assert [(e.subject, e.what) for e in world.told(HealthChanged)] == [("p1", "key")] * 2


def test_a_quarantined_key_with_nothing_else_is_asked_now_and_then() -> None:
    """A provider's outage that looks like a bad key must not become one of ten minutes."""
    world = World([Failing("auth", 401)] * 2 + [Reply(("a",))])

    async def story() -> None:
        for _ in range(3):
            with pytest.raises((ProviderError, AllTargetsFailed)):
                await world.ask()
        await asyncio.sleep(5.1)
        with pytest.raises(ProviderError):
            await world.ask()
        await asyncio.sleep(5.1)
        assert await world.asks(2) == ["a", "a"]

    play(world, story())
    assert world.asked() == [4]


def test_no_breaker_of_ours_is_the_outage() -> None:
    """With everything open, some calls go through all the same, and recovery is found."""
    world = World([Failing("overloaded", 503)] * 8 + [Reply(("a",))])

    async def story() -> float:
        clock = asyncio.get_running_loop().time
        for _ in range(8):
            with pytest.raises((ProviderError, AllTargetsFailed)):
                await world.ask()
            await asyncio.sleep(1.1)
        healed = clock()
        while True:
            try:
                await world.ask()
            except (ProviderError, AllTargetsFailed):
                await asyncio.sleep(0.1)
            else:
                return clock() - healed

    assert play(world, story()) < 5


def test_a_forced_breaker_is_obeyed_even_in_panic() -> None:
    """An operator's decision is no opinion."""
    world = World(Reply(("a",)))

    async def story() -> None:
        assert await world.ask() == "a"
        world.registry.force("p1", "m", BreakerState.OPEN)
        with pytest.raises(AllTargetsFailed) as caught:
            await world.ask()
        assert failed(caught.value) == [("p1", "breaker_open")]
        world.registry.force("p1", "m", None)
        assert await world.ask() == "a"

    play(world, story())


def test_our_own_limit_moves_calls_on_and_then_refuses_them() -> None:
    """Two requests a minute here, two there, and the fifth is told when to come back."""
    world = World(Reply(("a",)), Reply(("b",)))
    limits = [RateLimit(rpm=2), RateLimit(rpm=2)]
    for target, rate in zip(world.chain.targets, limits, strict=True):
        object.__setattr__(target, "rate", rate)

    async def story() -> None:
        assert await world.asks(4) == ["a", "a", "b", "b"]
        with pytest.raises(AllTargetsFailed) as caught:
            await world.ask()
        assert caught.value.failure_class is FailureClass.RATE_LIMIT
        assert caught.value.retry_after_s == pytest.approx(30, abs=1)

    play(world, story())


def test_a_full_target_is_waited_for_but_not_for_long() -> None:
    """Where there is no other: those who come first get the room, the rest is told in a second."""
    world = World([Reply(("a",)), Reply(("a",), delay=0.8)])
    served: list[int] = []
    waited: list[float] = []
    shed: list[bool] = []

    async def one(number: int) -> None:
        began = asyncio.get_running_loop().time()
        try:
            assert await world.ask() == "a"
            served.append(number)
        except AllTargetsFailed as error:
            shed.append(error.shed)
            waited.append(asyncio.get_running_loop().time() - began)

    async def story() -> None:
        await world.ask()
        limiter = world.lane(1).limiter
        limiter.in_flight = 10
        limiter.overload(asyncio.get_running_loop().time(), 0.0)
        limiter.in_flight = 0
        await asyncio.gather(*map(one, range(40)))

    play(world, story())
    assert {0, 1, 2, 3, 4, 5, 6, 7} <= set(served)
    assert shed
    assert all(shed)
    assert max(waited) == pytest.approx(1, abs=0.01)


def test_equal_targets_share_the_load_and_a_bad_one_gets_less() -> None:
    """No breaker has to decide about a target that fails three calls in ten."""
    chance = random.Random(3)
    flaky: list[Step] = [
        Failing("overloaded", 503) if chance.random() < 0.3 else Reply(("a",), delay=0.5)
        for _ in range(3000)
    ]
    world = World(flaky, Reply(("b",), delay=0.5), targets={"tier": 1})

    async def one(start: float) -> str:
        await asyncio.sleep(start)
        return await world.ask()

    async def story() -> None:
        await asyncio.gather(*(one(number / 20) for number in range(2000)))

    play(world, story())
    first_choices = world.asked()[0]
    assert 300 < first_choices < 760  # of 2,000


def test_repetitions_are_paid_for() -> None:
    """A budget of ten and a tenth of the successes bounds them, whatever fails."""
    world = World(
        Failing("overloaded", 500),
        Reply(("b",)),
        retry=RetryPolicy(),
        protections=Protections(breaker=False),
    )
    play(world, world.asks(100))
    repeated = world.asked()[0] - 100
    assert 10 <= repeated <= 13


def test_a_client_that_tries_again_itself_is_not_multiplied() -> None:
    """No repetition at the same target for a call that is one already."""
    world = World(Failing("overloaded", 500), Reply(("b",)), retry=RetryPolicy())
    play(world, world.ask(repeated=True))
    assert world.asked() == [1, 1]


def test_a_call_makes_at_most_six_attempts() -> None:
    """However long its chain."""
    world = World(*[Failing("overloaded", 503) for _ in range(9)], Reply(("b",)))

    async def story() -> None:
        with pytest.raises(AllTargetsFailed):
            await world.ask()

    play(world, story())
    assert sum(world.asked()) == 6


def test_a_caller_that_goes_away_in_a_race_leaves_nothing() -> None:
    """Both attempts are closed, and no task stays."""
    for moment in (1.9, 2.0, 2.1, 2.4999, 2.5):
        world = World(HANGS, Reply(("b", "c"), delay=0.5, pause=1))

        async def story(world: World = world, moment: float = moment) -> None:
            task = asyncio.create_task(world.ask())
            await asyncio.sleep(moment)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        play(world, story())


@pytest.mark.parametrize(
    ("first", "moment", "said"),
    [
        (HANGS, 2.2, [LEFT, LEFT]),
        (Reply(("a",), delay=3, hang=True), 5.0, ["", OUTRUN]),
    ],
)
def test_what_a_caller_leaves_was_outrun_only_by_an_answer(
    first: Reply, moment: float, said: list[str]
) -> None:
    """A second attempt that is given up says for whose sake."""
    world = World(first, HANGS)

    async def story() -> None:
        task = asyncio.create_task(world.ask())
        await asyncio.sleep(moment)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    play(world, story())
    (ended,) = world.told(CallEnded)
    assert ended.outcome is Outcome.LEFT
    assert [attempt.message for attempt in ended.attempts] == said


def test_a_race_that_is_cut_short_was_left_by_nobody() -> None:
    """The call has failed, and each attempt says why it was given up."""
    world, reason = World(HANGS, HANGS, HANGS), Cut("the gateway was shutting down")

    async def story() -> None:
        task = asyncio.create_task(world.ask())
        await asyncio.sleep(2.2)
        task.cancel(reason)
        with pytest.raises(asyncio.CancelledError):
            await task

    play(world, story())
    (ended,) = world.told(CallEnded)
    assert (ended.outcome, ended.failure_class) == (Outcome.FAILED, FailureClass.CANCELLED)
    assert ended.bound is Bound.DRAINING
    assert [attempt.message for attempt in ended.attempts] == [reason, reason]


def test_without_protections_there_is_only_the_next_target() -> None:
    """The switches of a rehearsal do what they say."""
    off = Protections(*[False] * 9)
    world = World([Failing("rate_limit", 429, retry_after_s=60)], Reply(("b",)), protections=off)
    assert play(world, world.asks(30)) == ["b"] * 30
    assert world.asked() == [30, 30]


def test_a_first_choice_that_is_passed_over_is_told() -> None:
    """An answer of another target says why it was not the first one's."""
    world = World([Failing("rate_limit", 429, retry_after_s=60)], Reply(("b",)))

    async def story() -> None:
        async with await world.send() as moved:
            assert moved.fallback is FailureClass.RATE_LIMIT
        async with await world.send() as passed_over:
            assert len(passed_over.attempts) == 1
            assert passed_over.fallback is FailureClass.RATE_LIMIT

    play(world, story())


def test_a_chain_of_one_says_again_what_its_target_said() -> None:
    """A refused key, a used-up quota and an unknown model do not become an outage."""
    for failure, status in (("auth", 401), ("quota_exhausted", 429), ("model_not_found", 404)):
        world = World([Failing(failure, status)])

        async def story(world: World = world, failure: str = failure) -> None:
            for _ in range(2):
                with pytest.raises(ProviderError) as caught:
                    await world.ask()
                assert caught.value.failure_class == failure

        play(world, story())
        assert world.asked() == [1]


def test_a_lone_target_is_asked_again_once_its_gate_is_open() -> None:
    """The call that was refused without a stated delay waits for the second the gate is shut."""
    world = World([Failing("rate_limit", 429), Reply(("a",))], retry=RetryPolicy())
    assert play(world, world.ask()) == "a"
    assert world.asked() == [2]
