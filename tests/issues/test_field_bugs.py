"""Bugs that other gateways and breakers had in the field; each must be impossible here.

The numbers are those of the public trackers. What is tested is not their code but ours, in the
situation that was reported.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

import pytest

from elizanet import Elizanet
from elizanet.call import Answer, Bound, Call, Event, EventKind, Head
from elizanet.engine import Chain
from elizanet.errors import CallFailed, FailureClass, ProviderError
from elizanet.health import Registry
from elizanet.operation import Operation
from elizanet.policy.breaker import Breaker, BreakerState, Entry
from elizanet.policy.gate import Gate
from elizanet.policy.retry import MOST_ATTEMPTS, RetryPolicy
from elizanet.stream import CommittedAnswer
from elizanet.target import Target, TargetLimits
from elizanet.telemetry import Emitter
from elizanet.testing import Failing, Reply, ScriptedProvider, Upstream
from elizanet.testing.scripted import Step
from elizanet.testing.virtual_time import run_virtually

LIMITS = TargetLimits(attempt=10, first_event=5, stall=3)
LONG_LIMITS = TargetLimits(attempt=300, first_event=30, stall=20)
MakeNet = Callable[..., Elizanet]
QUESTION = {"messages": [{"role": "user", "content": "Hello"}]}


class Scene:
    """A chain over scripted providers, in virtual time."""

    def __init__(
        self,
        *scripts: Sequence[Step],
        limits: TargetLimits = LIMITS,
        registry: Registry | None = None,
        **options: Any,
    ) -> None:
        self.providers = [ScriptedProvider(f"p{i}", script) for i, script in enumerate(scripts, 1)]
        targets = [Target(provider, "m", None, limits) for provider in self.providers]
        options.setdefault("retry", RetryPolicy(same_provider=0))
        options.setdefault("chance", random.Random(1))
        self.chain = Chain("scene", targets, registry=registry, **options)

    @property
    def asked(self) -> list[int]:
        """How often each provider was asked."""
        return [len(provider.calls) for provider in self.providers]

    async def send(
        self, *, stream: bool = True, total: float = 100.0, **fields: Any
    ) -> CommittedAnswer:
        deadline = asyncio.get_running_loop().time() + total
        body = b'{"model":"m","messages":[]}'
        call = Call("req", Operation.CHAT, "m", body, deadline, stream=stream, **fields)
        return await self.chain.send(call)

    async def answer(self, **fields: Any) -> str:
        async with await self.send(**fields) as answer:
            return (await answer.read()).decode()

    async def fails(self, **fields: Any) -> CallFailed:
        """Make a call that is not answered."""
        with pytest.raises(CallFailed) as failed:
            await self.answer(**fields)
        return failed.value

    def breaker(self, provider: int) -> Breaker:
        """The breaker of a provider's model."""
        return next(
            lane.model.breaker
            for (host, _, _, _), lane in self.chain.registry.lanes
            if host == f"p{provider}"
        )


def run(main: Coroutine[Any, Any, None]) -> None:
    run_virtually(main)


# Retries


async def test_retries_of_two_layers_do_not_multiply(make_net: MakeNet, primary: Upstream) -> None:
    """LiteLLM #34129, #7130: the router's N retries and the client's made (1 + N)^2 requests."""
    primary.fail("status=500")
    net = make_net(primary, extra="[retry]\nsame_provider = 2")
    with pytest.raises(CallFailed):
        await net.use_model("TEXT_SMALL", QUESTION)
    assert len(primary.requests) == 3


def test_retries_do_not_multiply_with_a_chain_inside_a_chain() -> None:
    """LiteLLM #34129: what has tried everything it has is not asked to do it again."""
    inner = Scene([Failing("overloaded", 503)], retry=RetryPolicy(same_provider=5))
    outer = Chain("outer", [Target(inner.chain)], retry=RetryPolicy(same_provider=5))

    async def main() -> None:
        deadline = asyncio.get_running_loop().time() + 100
        with pytest.raises(CallFailed):
            await outer.send(Call("req", Operation.CHAT, "m", b"{}", deadline))
        assert inner.asked[0] <= MOST_ATTEMPTS

    run(main())


def test_a_client_that_tries_again_itself_is_not_multiplied() -> None:
    """LiteLLM #7130: the SDK's two retries come on top of everything we do."""
    scene = Scene([Failing("connection")], retry=RetryPolicy(same_provider=1))

    async def main() -> None:
        await scene.fails()
        first = scene.asked[0]
        await scene.fails(repeated=True)
        assert scene.asked[0] == first + 1

    run(main())


# Streams


class LazyProvider:
    """Answers at once, and does the work, and fails, when the first event is asked for."""

    name = "lazy"

    def __init__(self, error: ProviderError) -> None:
        self.head = Head(200, (), "lazy", "m")
        self._error = error

    async def send(self, call: Call) -> Answer:
        return self

    async def next(self) -> Event | None:
        raise self._error

    async def aclose(self) -> None:
        """Nothing was opened."""


@pytest.mark.parametrize("failure", ["rate_limit", "auth", "overloaded", "connection"])
def test_a_provider_that_opens_its_stream_lazily_fails_over_all_the_same(failure: str) -> None:
    """LiteLLM #26067: errors inside the iterator never reached the retry code."""

    async def main() -> None:
        lazy = Target(LazyProvider(Failing(failure).error()), "m")
        backup = Target(ScriptedProvider("backup", [Reply(("whole",))]), "m")
        chain = Chain("lazy", [lazy, backup], retry=RetryPolicy(same_provider=0))
        deadline = asyncio.get_running_loop().time() + 10
        call = Call("req", Operation.CHAT, "m", b"{}", deadline, stream=True)
        async with await chain.send(call) as answer:
            assert await answer.read() == b"whole"

    run(main())


async def test_an_overload_told_inside_a_stream_falls_back(
    make_net: MakeNet, primary: Upstream, backup: Upstream
) -> None:
    """LiteLLM #6957: a 200, then `overloaded` as its first event, ended the call."""
    primary.fail("error_event=0,error=overloaded")
    net = make_net(primary, backup)
    assert await text(net) == "backup answers: Hello"


def test_a_break_in_the_middle_repeats_nothing() -> None:
    """LiteLLM #32835: the whole answer came again behind what had been sent already."""
    scene = Scene([Reply(("a", "b"), then=Failing("overloaded"))], [Reply(("a", "b", "c"))])

    async def main() -> None:
        heard = []
        async with await scene.send() as answer:
            with pytest.raises(ProviderError):
                while event := await answer.next():
                    heard.append(event.data)
        assert heard == [b"a", b"b"]
        assert scene.asked == [1, 0]

    run(main())


def test_the_beginning_of_a_failed_stream_is_never_heard() -> None:
    """LiteLLM #38153: its opening event was sent, and then the next target's as well."""
    failing = Reply((), preamble=2, then=Failing("overloaded"))
    scene = Scene([failing], [Reply(("whole",), preamble=1)])

    async def main() -> None:
        async with await scene.send() as answer:
            kinds = []
            while event := await answer.next():
                kinds.append(event.kind)
        assert kinds == [EventKind.PREAMBLE, EventKind.CONTENT]

    run(main())


@pytest.mark.parametrize("continues", [False, True])
def test_a_call_without_fallback_has_none_in_the_middle_either(continues: bool) -> None:
    """LiteLLM #19077: `disable_fallbacks` was forgotten once the stream had begun."""
    broken = Reply(("a",), then=Failing("overloaded", 503))
    scene = Scene([broken], [Reply(("b",))], continues=continues)

    async def main() -> None:
        await scene.fails(bound=Bound.CALLER)
        assert scene.asked == [1, 0]

    run(main())


class Called(NamedTuple):
    """A provider under another name in the settings."""

    name: str
    base_url: str


@pytest.mark.parametrize(("second", "heard"), [("twin", "twin answers: Hello"), ("other", None)])
async def test_a_target_that_refuses_a_prefill_is_not_the_caller_s_error(
    make_net: MakeNet, second: str, heard: str | None
) -> None:
    """LiteLLM #36267, #27967: the caller got a 400 about an assistant message it never sent.

    The target is asked again from the beginning: if it says the same, the answer is whole, and
    if not, the error is that of the stream that broke.
    """
    refusal = "status=400,times=1,message='This model does not support assistant message prefill.'"
    async with Upstream("twin", ["cut_stream=2"]) as one, Upstream(second, [refusal]) as two:
        providers = [Called("one", one.base_url), Called("two", two.base_url)]
        net = make_net(*providers, extra='[stream]\non_break = "continue"')
        if heard is None:
            with pytest.raises(ProviderError) as broke:
                await text(net)
            assert broke.value.failure_class is FailureClass.STREAM_INTERRUPTED
            assert "prefill" not in str(broke.value)
        else:
            assert await text(net) == heard
        assert len(two.requests) == 2


@pytest.mark.parametrize("failure", ["connection", "overloaded", "stream_interrupted", "unknown"])
@pytest.mark.parametrize("late", [False, True])
def test_a_stream_is_tried_again_where_a_whole_answer_would_be(failure: str, late: bool) -> None:
    """LiteLLM #29808: with retries but no fallbacks configured, a failed stream just failed."""
    error = Failing(failure, 503 if failure == "overloaded" else None, retry=True)
    broken: Step = Reply((), preamble=1, then=error) if late else error
    scene = Scene([broken, Reply(("whole",))], retry=RetryPolicy(same_provider=1))

    async def main() -> None:
        assert await scene.answer(stream=True) == "whole"
        assert scene.asked == [2]

    run(main())


async def text(net: Elizanet) -> str:
    """Return a streamed answer."""
    return "".join([piece async for piece in net.stream("TEXT_SMALL", QUESTION)])


# Cool-downs


@pytest.mark.parametrize(("first", "second"), [(1.0, 60.0), (60.0, 1.0), (60.0, None)])
def test_the_later_of_two_cool_downs_wins(first: float, second: float | None) -> None:
    """LiteLLM #40130: the first, shorter deadline was kept when a longer one came."""
    gate = Gate()
    gate.refused(0.0, first, "429")
    gate.refused(0.5, second, "429")
    longest = max(first, 0.5 + (second or 0.0))
    assert not gate.admits(longest - 0.1)
    assert gate.admits(longest)


def test_two_calls_that_were_refused_at_once_leave_the_longer_wait_behind() -> None:
    """LiteLLM #40130, as it was met: eight concurrent requests, the first says 1 s."""
    told = [Failing("rate_limit", 429, retry_after_s=s, delay=0.1) for s in (1.0, 60.0, 1.0)]
    scene = Scene([*told, Reply(("limited",))], [Reply(("free",))])

    async def main() -> None:
        assert await asyncio.gather(*(scene.answer() for _ in range(3))) == ["free"] * 3
        await asyncio.sleep(30)
        assert await scene.answer() == "free"
        assert scene.asked == [3, 4]
        await asyncio.sleep(31)
        assert await scene.answer() == "limited"

    run(main())


def test_a_target_that_fails_as_a_fallback_is_left_alone_too() -> None:
    """LiteLLM #34416: only first choices were ever cooled down."""
    limited = Failing("rate_limit", 429, retry_after_s=60.0)
    scene = Scene([Failing("auth", 401)], [limited], [Reply(("last",))])

    async def main() -> None:
        for _ in range(3):
            assert await scene.answer() == "last"
        assert scene.asked == [1, 1, 3]

    run(main())


def test_the_breaker_of_a_fallback_opens_as_any_other() -> None:
    """LiteLLM #34416: a fallback that is down is not asked for ever."""
    scene = Scene([Failing("overloaded", 503)], [Failing("overloaded", 503)], [Reply(("last",))])

    async def main() -> None:
        for _ in range(30):
            assert await scene.answer() == "last"
        assert scene.breaker(2).state is BreakerState.OPEN
        assert scene.asked[1] < 15

    run(main())


def test_a_cool_down_outlasts_a_new_chain_by_what_is_left_of_it() -> None:
    """LiteLLM #35104: after a reload the remaining time was lost, and began anew."""

    async def main() -> None:
        registry = Registry(chance=random.Random(1), emit=Emitter())
        before = Scene([Failing("rate_limit", 429, retry_after_s=60.0)], [Reply(("b",))],
                       registry=registry)  # fmt: skip
        assert await before.answer() == "b"
        await asyncio.sleep(50)
        after = Scene([Reply(("a",))], [Reply(("b",))], registry=registry)
        assert await after.answer() == "b"
        await asyncio.sleep(11)
        assert await after.answer() == "a"

    run(main())


# Breakers


async def opened(scene: Scene, provider: int = 1) -> Breaker:
    """Make calls until the provider's breaker opens, and wait until it admits a probe."""
    for _ in range(20):
        await scene.answer()
        if scene.breaker(provider).state is BreakerState.OPEN:
            break
    breaker = scene.breaker(provider)
    assert breaker.state is BreakerState.OPEN
    await asyncio.sleep(6.5)
    return breaker


@pytest.mark.parametrize("stream", [False, True])
def test_a_cancelled_probe_does_not_close_a_breaker(stream: bool) -> None:
    """Polly v8: what is not handled counts as success, a cancelled probe too."""
    down = [Failing("overloaded", 503)] * 8
    scene = Scene([*down, Reply(("late",), delay=2.0)], [Reply(("b",))])

    async def main() -> None:
        breaker = await opened(scene)
        for _ in range(5):
            probe = asyncio.create_task(scene.answer(stream=stream))
            await asyncio.sleep(0.5)
            assert breaker.state is BreakerState.HALF_OPEN
            probe.cancel()
            with pytest.raises(asyncio.CancelledError):
                await probe
            assert breaker.state is BreakerState.HALF_OPEN
            assert breaker.admits(asyncio.get_running_loop().time())

    run(main())


@pytest.mark.parametrize(
    "ignored",
    [
        Failing("bad_request", 400),
        Failing("content_policy", 400),
        Failing("payload_too_large", 413),
    ],
    ids=lambda failing: str(failing.failure),
)
def test_a_probe_without_an_opinion_gives_its_place_back(ignored: Failing) -> None:
    """resilience4j #544, Polly #1979: the permit was gone, and half-open lasted for ever."""
    down = [Failing("overloaded", 503)] * 8
    scene = Scene([*down, *[ignored] * 10, Reply(("back",))], [Reply(("b",))])

    async def main() -> None:
        breaker = await opened(scene)
        for _ in range(10):
            await asyncio.gather(scene.answer(), return_exceptions=True)
            assert breaker.state is BreakerState.HALF_OPEN
        assert scene.asked[0] == 18
        for _ in range(3):
            assert await scene.answer() == "back"
        assert breaker.state is BreakerState.CLOSED

    run(main())


def test_a_probe_that_never_ends_does_not_keep_its_place() -> None:
    """resilience4j #935: permitted calls that never came back held the breaker half-open."""
    breaker = Breaker(chance=random.Random(1))
    for _ in range(8):
        breaker.failure(breaker.enter(0.0, 1.0), 0.0, "down")
    lost = breaker.enter(10.0, lease=5.0)
    assert lost.entry is Entry.PROBE
    assert not breaker.admits(14.9)
    assert breaker.admits(15.0)
    breaker.release(lost)
    for _ in range(3):
        breaker.success(breaker.enter(16.0, lease=5.0), 16.0)
    assert breaker.state is BreakerState.CLOSED


def test_an_answer_from_before_an_outage_does_not_end_it() -> None:
    """Polly #217: a call that began while the breaker was closed came back and closed it."""
    breaker = Breaker(chance=random.Random(1))
    slow = [breaker.enter(0.0, 1.0) for _ in range(3)]
    for _ in range(8):
        breaker.failure(breaker.enter(0.0, 1.0), 1.0, "down")
    for ticket in slow:
        breaker.success(ticket, 2.0)
    assert breaker.state is BreakerState.OPEN
    probe = breaker.enter(10.0, 1.0)
    for ticket in slow:
        breaker.success(ticket, 10.5)
        breaker.failure(ticket, 10.5, "late")
    assert repr(breaker).startswith("<Breaker half_open ")
    assert probe.entry is Entry.PROBE


def test_calls_longer_than_any_window_still_open_a_breaker() -> None:
    """go-zero #5011: a window shorter than a call had forgotten it by the time it failed."""
    scene = Scene([Reply(delay=10_000)], [Reply(("b",))], limits=LONG_LIMITS)

    async def main() -> None:
        for _ in range(12):  # one caller, who always waits for an answer first
            assert await scene.answer(stream=False, total=1000) == "b"
        assert scene.breaker(1).state is not BreakerState.CLOSED
        assert scene.asked[0] <= 10

    run(main())


def test_calls_that_overlap_and_are_longer_than_any_window_open_a_breaker() -> None:
    """go-zero #5011, with traffic: thirty calls wait for their five minutes at the same time."""
    scene = Scene([Reply(delay=10_000)], [Reply(("b",))], limits=LONG_LIMITS)

    async def main() -> None:
        calls = [asyncio.create_task(scene.answer(stream=False, total=1000)) for _ in range(30)]
        assert await asyncio.gather(*calls) == ["b"] * 30
        assert scene.breaker(1).state is BreakerState.OPEN

    run(main())
