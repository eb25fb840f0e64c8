"""The loop: who is asked, in which order, for how long, and what the caller gets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Self

import pytest

from elizanet.call import Attempt, Bound, Call, Event, EventKind, Head, Role
from elizanet.engine import Chain
from elizanet.errors import AllTargetsFailed, CallFailed, FailureClass, ProviderError
from elizanet.operation import Operation
from elizanet.policy.retry import RetryPolicy
from elizanet.stream import CommittedAnswer
from elizanet.target import Target, TargetLimits
from elizanet.telemetry import (
    AttemptFailed,
    CallAnswered,
    CallEnded,
    CallGaveUp,
    Emitter,
    HealthChanged,
    HedgeStarted,
    Outcome,
    StreamBroke,
)
from elizanet.testing import Failing, Reply, ScriptedProvider
from elizanet.testing.scripted import Step
from elizanet.testing.virtual_time import run_virtually

LIMITS = TargetLimits(attempt=10, first_event=5, stall=3)


class Scene:
    """A chain of scripted providers, and everything that was told about its calls."""

    def __init__(
        self, *scripts: list[Step], windows: tuple[int | None, ...] = (), **options: Any
    ) -> None:
        windows = windows or (None,) * len(scripts)
        self.providers = [ScriptedProvider(f"p{i}", script) for i, script in enumerate(scripts, 1)]
        self.events: list[object] = []
        targets = [
            Target(provider, f"m{i}", window, LIMITS)
            for i, (provider, window) in enumerate(zip(self.providers, windows, strict=True), 1)
        ]
        options.setdefault("retry", RetryPolicy(same_provider=0))
        self.chain = Chain("scene", targets, emit=Emitter(self.events.append), **options)

    def call(self, *, stream: bool = False, total: float = 100, **options: Any) -> Call:
        deadline = asyncio.get_running_loop().time() + total
        body = b'{"model":"m"}'
        return Call("req_1", Operation.CHAT, "m", body, deadline, stream=stream, **options)

    async def send(self, **options: Any) -> CommittedAnswer:
        return await self.chain.send(self.call(**options))

    async def answer(self, **options: Any) -> str:
        async with await self.send(**options) as answer:
            return (await answer.read()).decode()

    def check_rest(self) -> None:
        """Nothing is open once a call is over."""
        assert [provider.open_answers for provider in self.providers] == [0] * len(self.providers)
        for _, lane in self.chain.registry.lanes:
            assert lane.is_idle, lane
            assert not lane.host.waiting, lane
            assert not lane.model.waiting, lane


def run(scene: Scene, main: Coroutine[Any, Any, Any]) -> Any:
    result = run_virtually(main)
    scene.check_rest()
    return result


def path(attempts: tuple[Attempt, ...]) -> list[tuple[str, str | None]]:
    return [(attempt.provider, attempt.failure_class) for attempt in attempts]


def test_the_first_target_answers() -> None:
    """No failure, no fallback, one attempt."""
    scene = Scene([Reply(("a",))], [Reply(("b",))])

    async def main() -> None:
        async with await scene.send() as answer:
            assert await answer.read() == b"a"
            assert path(answer.attempts) == [("p1", None)]
            assert (answer.head.provider, answer.head.model) == ("p1", "m1")

    run(scene, main())
    assert scene.providers[1].calls == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "failure",
    ["rate_limit", "quota_exhausted", "overloaded", "timeout", "connection", "auth",
     "model_not_found", "payload_too_large", "malformed_response", "stream_interrupted", "unknown"],
)  # fmt: skip
def test_a_failure_moves_to_the_next_target(failure: str, stream: bool) -> None:
    """Unary calls and streams take the same path."""
    scene = Scene([Failing(failure, status=400)], [Reply(("b",))])

    async def main() -> None:
        async with await scene.send(stream=stream) as answer:
            assert await answer.read() == b"b"
            assert path(answer.attempts) == [("p1", FailureClass(failure)), ("p2", None)]

    run(scene, main())


@pytest.mark.parametrize("failure", ["bad_request", "content_policy"])
def test_what_would_fail_everywhere_reaches_the_caller(failure: str) -> None:
    """The provider's own error is raised, and nobody else is asked."""
    scene = Scene([Failing(failure, status=400)], [Reply()])

    async def main() -> None:
        with pytest.raises(ProviderError) as caught:
            await scene.send()
        assert caught.value.failure_class == failure
        assert (caught.value.provider, caught.value.model, caught.value.status) == ("p1", "m1", 400)
        assert path(caught.value.attempts) == [("p1", failure)]

    run(scene, main())
    assert scene.providers[1].calls == []


def test_all_targets_failed_lists_every_attempt() -> None:
    """The caller learns who was asked and what each said."""
    scene = Scene([Failing("rate_limit", 429, 7)], [Failing("rate_limit", 429, 3)])

    async def main() -> None:
        with pytest.raises(AllTargetsFailed) as caught:
            await scene.send()
        error = caught.value
        assert path(error.attempts) == [("p1", "rate_limit"), ("p2", "rate_limit")]
        assert error.failure_class is FailureClass.RATE_LIMIT
        assert error.retry_after_s == 3

    run(scene, main())


def test_a_failure_that_stops_reaches_the_caller_also_after_a_fallback() -> None:
    """The second target says what is wrong with the request; that is the answer."""
    scene = Scene([Failing("overloaded", 503)], [Failing("bad_request", 400)], [Reply()])

    async def main() -> None:
        with pytest.raises(ProviderError) as caught:
            await scene.send()
        assert (caught.value.provider, caught.value.status) == ("p2", 400)
        assert path(caught.value.attempts) == [("p1", "overloaded"), ("p2", "bad_request")]

    run(scene, main())


def test_a_single_target_fails_with_its_own_error() -> None:
    """There is nothing to sum up."""
    scene = Scene([Failing("overloaded", 503)])

    async def main() -> None:
        with pytest.raises(ProviderError, match="scripted overloaded"):
            await scene.send()

    run(scene, main())


def test_a_call_that_is_bound_asks_nobody_else() -> None:
    """The caller, or the operator, has forbidden fallback."""
    scene = Scene([Failing("overloaded", 503)], [Reply()])

    async def main() -> None:
        with pytest.raises(ProviderError):
            await scene.send(bound=Bound.CALLER)

    run(scene, main())
    assert scene.providers[1].calls == []


@pytest.mark.parametrize(
    ("scripts", "options", "bound"),
    [
        ([[Failing("overloaded")], [Reply()]], {"bound": Bound.OPERATOR}, Bound.OPERATOR),
        ([[Failing("overloaded")], [Reply()]], {"only_provider": "p1"}, Bound.REFERENCE),
        ([[Failing("bad_request")], [Reply()]], {}, Bound.FAILURE),
        ([[Reply(delay=1)], [Reply()]], {"total": 0.4}, Bound.TIME),
        ([[Failing("overloaded")] for _ in range(7)], {}, Bound.ATTEMPTS),
        ([[Failing("overloaded")], [Failing("overloaded")]], {}, Bound.NOBODY),
        ([[Reply()], [Reply()]], {}, None),
        ([[Reply()], [Reply()]], {"bound": Bound.CALLER}, Bound.CALLER),
    ],
)
def test_it_is_told_why_a_call_went_no_further(
    scripts: list[list[Step]], options: dict[str, Any], bound: Bound | None
) -> None:
    """Whatever it was that kept it from the targets that it did not ask."""
    scene = Scene(*scripts)

    async def main() -> None:
        with contextlib.suppress(CallFailed):
            await scene.answer(**options)

    run(scene, main())
    (told,) = [event for event in scene.events if isinstance(event, CallEnded)]
    assert told.bound is bound


def test_the_operator_chooses_what_falls_back() -> None:
    """`fall_back_on` adds and removes classes."""
    chosen = frozenset({FailureClass.CONTENT_POLICY})
    adds = Scene([Failing("content_policy")], [Reply(("b",))], fall_back_on=chosen)
    removes = Scene([Failing("rate_limit")], [Reply(("b",))], fall_back_on=chosen)
    assert run(adds, adds.answer()) == "b"

    async def main() -> None:
        with pytest.raises(ProviderError):
            await removes.send()

    run(removes, main())


def test_a_prompt_that_is_too_long_goes_to_larger_windows_only() -> None:
    """A smaller window is not asked, an unknown one is."""
    scene = Scene(
        [Failing("context_window_exceeded")], [Reply(("small",))], [Reply(("unknown",))],
        windows=(8000, 4000, None),
    )  # fmt: skip
    assert run(scene, scene.answer()) == "unknown"
    assert scene.providers[1].calls == []


def test_a_prompt_that_fits_nowhere_ends_with_the_original_error() -> None:
    """No other window is larger."""
    scene = Scene([Failing("context_window_exceeded")], [Reply()], windows=(8000, 8000))

    async def main() -> None:
        with pytest.raises(ProviderError) as caught:
            await scene.send()
        assert caught.value.failure_class is FailureClass.CONTEXT_WINDOW_EXCEEDED

    run(scene, main())


@pytest.mark.parametrize(("stream", "limit"), [(False, 10), (True, 5)])
def test_a_silent_target_is_left_after_its_limit(stream: bool, limit: float) -> None:
    """A unary answer has `attempt` seconds, a stream's first content `first_event`."""
    scene = Scene([Reply(hang=True, pieces=(), pause=1000)], [Reply(("b",))], hedge="off")

    async def main() -> None:
        async with await scene.send(stream=stream) as answer:
            assert await answer.read() == b"b"
            assert answer.attempts[0].failure_class is FailureClass.TIMEOUT
            assert answer.attempts[0].duration == pytest.approx(limit)

    run(scene, main())


def test_a_short_deadline_is_shared_between_the_targets() -> None:
    """A hanging first target cannot eat the whole call."""
    scene = Scene([Reply(delay=1000)], [Reply(("b",), delay=0.5)])

    async def main() -> float:
        assert await scene.answer(total=2) == "b"
        return asyncio.get_running_loop().time()

    assert run(scene, main()) == pytest.approx(1.5)


def test_a_call_ends_by_its_deadline() -> None:
    """However many targets hang."""
    scripts: list[list[Step]] = [[Reply(delay=1000)] for _ in range(5)]
    scene = Scene(*scripts)

    async def main() -> float:
        with pytest.raises(AllTargetsFailed):
            await scene.send(total=4)
        return asyncio.get_running_loop().time()

    assert run(scene, main()) <= 4


def test_no_attempt_starts_after_the_deadline() -> None:
    """What is left is too short for another attempt."""
    scene = Scene([Reply(delay=1000)], [Reply()])

    async def main() -> None:
        with pytest.raises(ProviderError) as caught:
            await scene.send(total=0.4)
        assert caught.value.failure_class is FailureClass.TIMEOUT

    run(scene, main())
    assert scene.providers[1].calls == []


def test_the_first_choice_is_worth_one_more_try() -> None:
    """A refused connection and a plain 500 are tried again once, whatever follows."""
    for failing in (Failing("connection"), Failing("overloaded", 500)):
        scene = Scene([failing, Reply(("again",))], [Reply(("b",))], retry=RetryPolicy())
        assert run(scene, scene.answer()) == "again"
        assert scene.providers[1].calls == []


def test_repetitions_do_not_multiply_with_the_chain() -> None:
    """One more try in a call, not one more at every target."""
    scripts: list[list[Step]] = [[Failing("connection")] for _ in range(4)]
    scene = Scene(*scripts, retry=RetryPolicy(same_provider=1))

    async def main() -> None:
        with pytest.raises(AllTargetsFailed) as caught:
            await scene.send()
        assert [a.provider for a in caught.value.attempts] == ["p1", "p1", "p2", "p3", "p4"]

    run(scene, main())


def test_a_stream_that_breaks_before_its_first_content_moves_on_unseen() -> None:
    """The preamble of the first target never reaches the caller."""
    broken = Reply(pieces=(), preamble=3, then=Failing("stream_interrupted"))
    scene = Scene([broken], [Reply(("b", "c"), preamble=1)])

    async def main() -> None:
        async with await scene.send(stream=True) as answer:
            assert await answer.read() == b"bc"

    run(scene, main())


def test_a_stream_that_breaks_after_content_is_an_error_and_not_an_end() -> None:
    """A truncated answer is never passed off as whole, and nobody else is asked."""
    scene = Scene([Reply(("a",), then=Failing("stream_interrupted"))], [Reply()])

    async def main() -> None:
        async with await scene.send(stream=True) as answer:
            event = await answer.next()
            assert isinstance(event, Event)
            assert event.raw == b"a"
            with pytest.raises(ProviderError) as caught:
                await answer.next()
            assert caught.value.provider == "p1"

    run(scene, main())
    assert scene.providers[1].calls == []
    broke, ended = scene.events[-2:]
    assert isinstance(broke, StreamBroke)
    assert isinstance(ended, CallEnded)
    assert ended.outcome is Outcome.BROKEN


def test_a_stream_that_breaks_closes_itself() -> None:
    """Also for a caller who forgets to."""
    scene = Scene([Reply(("a",), then=Failing("stream_interrupted"))])

    async def main() -> None:
        answer = await scene.send(stream=True)
        with pytest.raises(ProviderError):
            await answer.read()

    run(scene, main())


def test_silence_inside_a_stream_is_a_break() -> None:
    """The stall limit counts from one event to the next."""
    scene = Scene([Reply(("a", "b"), hang=True)])

    async def main() -> float:
        async with await scene.send(stream=True) as answer:
            with pytest.raises(ProviderError, match="silent for 3 s"):
                await answer.read()
        return asyncio.get_running_loop().time()

    assert run(scene, main()) == pytest.approx(3)


class Chatty:
    """A provider that sends pings and never comes to the point."""

    name = "chatty"
    head = Head(200, (), "chatty", "m")

    async def send(self, call: Call) -> Self:
        return self

    async def next(self) -> Event:
        return Event(b":" * 65_536, b"", EventKind.PREAMBLE)

    async def aclose(self) -> None:
        pass


class Pinging(Chatty):
    """A stream that says one word, and then only keeps its connection alive."""

    def __init__(self) -> None:
        self.events = 0

    async def next(self) -> Event:
        self.events += 1
        if self.events == 1:
            return Event(b"a", b"a", EventKind.CONTENT)
        await asyncio.sleep(1)
        return await super().next()


def test_keep_alives_alone_do_not_keep_a_stream_for_ever() -> None:
    """Three times the stall limit, counted in the seconds the caller waited."""
    chain = Chain("c", [Target(Pinging(), limits=LIMITS)])

    async def main() -> float:
        call = Call("r", Operation.CHAT, "m", b"{}", 100.0, stream=True)
        async with await chain.send(call) as answer:
            await asyncio.sleep(50)  # a slow reader is not the provider's silence
            began = asyncio.get_running_loop().time()
            with pytest.raises(ProviderError, match="silent for 9 s"):
                await answer.read()
            return asyncio.get_running_loop().time() - began

    assert run_virtually(main()) == pytest.approx(9)


def test_a_slow_reader_is_not_a_stall() -> None:
    """Only the time the caller waits for the provider counts."""
    scene = Scene([Reply(("a", "b", "c"))])

    async def main() -> None:
        async with await scene.send(stream=True) as answer:
            while await answer.next() is not None:
                await asyncio.sleep(100)

    run(scene, main())


def test_a_preamble_without_end_is_cut_off() -> None:
    """Memory stays bounded for a provider that never comes to the point."""
    chain = Chain("c", [Target(Chatty()), Target(ScriptedProvider("p"))])

    async def main() -> None:
        call = Call("r", Operation.CHAT, "m", b"{}", 100.0, stream=True)
        async with await chain.send(call) as answer:
            assert path(answer.attempts) == [("chatty", "malformed_response"), ("p", None)]

    run_virtually(main())


def test_a_foreign_exception_becomes_an_error_of_ours() -> None:
    """A provider of the user's own may raise anything; the call goes on."""
    scene = Scene([ConnectionRefusedError(111, "refused")], [Reply(("b",))])

    async def main() -> None:
        async with await scene.send() as answer:
            assert path(answer.attempts) == [("p1", "connection"), ("p2", None)]

    run(scene, main())


def test_a_library_that_cancels_something_of_its_own_is_a_failure() -> None:
    """The caller still waits, so the call goes on."""
    scene = Scene([asyncio.CancelledError()], [Reply(("b",))])
    assert run(scene, scene.answer()) == "b"


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_that_goes_away_closes_the_attempt(stream: bool) -> None:
    """Wherever the call is, cancelling it leaves nothing open and asks nobody else."""
    for moment in (0.0, 0.2, 0.6, 1.0):
        scene = Scene([Reply(("a", "b", "c"), delay=0.4, pause=0.4)], [Reply()])

        async def main(scene: Scene = scene, moment: float = moment) -> None:
            task = asyncio.create_task(scene.answer(stream=stream))
            await asyncio.sleep(moment)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(asyncio.all_tasks()) == 1

        run(scene, main())
        assert scene.providers[1].calls == []


def test_every_step_is_told() -> None:
    """Telemetry says what failed, who is next, and who answered."""
    scene = Scene([Failing("auth", 401)], [Reply(delay=2)])
    run(scene, scene.answer())
    quarantined, failed, answered, ended = scene.events
    assert isinstance(quarantined, HealthChanged)
    assert (quarantined.subject, quarantined.what) == ("p1", "key")
    assert isinstance(failed, AttemptFailed)
    assert (failed.attempt.failure_class, failed.next_target) == ("auth", "p2/m2")
    assert isinstance(answered, CallAnswered)
    assert answered.seconds == pytest.approx(2)
    assert isinstance(ended, CallEnded)
    assert ended.outcome is Outcome.ANSWERED
    assert ended.first_content == pytest.approx(2)
    assert [attempt.role for attempt in ended.attempts] == [Role.FIRST, Role.NEXT]


def test_a_target_is_told_by_the_model_that_it_is_asked_for() -> None:
    """Not as the chain has it, where that is the caller's own name."""
    events: list[object] = []
    scripts: list[list[Step]] = [
        [Failing("overloaded")],
        [Reply((), hang=True)],
        [Reply(("a",))],
    ]
    providers = [ScriptedProvider(f"p{number}", script) for number, script in enumerate(scripts, 1)]
    targets = [Target(provider, limits=LIMITS) for provider in providers]
    chain = Chain("scene", targets, emit=Emitter(events.append))

    async def main() -> bytes:
        deadline = asyncio.get_running_loop().time() + 100
        call = Call("req_1", Operation.CHAT, "gpt", b"{}", deadline, stream=True)
        async with await chain.send(call) as answer:
            return await answer.read()

    run_virtually(main())
    (failed,) = [event for event in events if isinstance(event, AttemptFailed)]
    (hedge,) = [event for event in events if isinstance(event, HedgeStarted)]
    assert failed.next_target == "p2/gpt"
    assert (hedge.overdue, hedge.target) == ("p2/gpt", "p3/gpt")


def test_giving_up_is_told() -> None:
    """The last event of a call that failed."""
    scene = Scene([Failing("bad_request", 400)])

    async def main() -> None:
        with pytest.raises(ProviderError):
            await scene.send()

    run(scene, main())
    gave_up = scene.events[-2]
    assert isinstance(gave_up, CallGaveUp)
    assert gave_up.failure_class is FailureClass.BAD_REQUEST


def test_a_sink_that_fails_does_not_lose_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Watching must not break what is watched."""

    def broken(event: object) -> None:
        raise RuntimeError("no")

    emitter = Emitter(broken)
    chain = Chain("c", [Target(ScriptedProvider("p"), "m")], emit=emitter)

    async def main() -> None:
        call = Call("r", Operation.CHAT, "m", b"{}", 100.0)
        async with await chain.send(call) as answer:
            assert await answer.read() == b"ok"

    run_virtually(main())
    assert emitter.failures == 2
    assert "a telemetry sink failed" in caplog.text


def test_a_chain_is_a_provider() -> None:
    """Chains nest; an inner one that gives up is one failed attempt of the outer one."""
    inner = Chain(
        "inner",
        [Target(ScriptedProvider("x", [Failing("rate_limit")])), Target(ScriptedProvider("y", [Failing("auth")]))],
        retry=RetryPolicy(same_provider=0),
    )  # fmt: skip
    last = ScriptedProvider("last", [Reply(("saved",))])
    outer = Chain("outer", [Target(inner), Target(last)])

    async def main() -> None:
        async with await outer.send(Call("r", Operation.CHAT, "m", b"{}", 100.0)) as answer:
            assert await answer.read() == b"saved"
            assert path(answer.attempts) == [("inner", "rate_limit"), ("last", None)]

    run_virtually(main())


def test_the_repr_shows_the_chain() -> None:
    """One line of state."""
    scene = Scene([Reply()], [Reply()])
    assert repr(scene.chain) == ("<Chain 'scene': p1/m1 -> p2/m2 <Throttle requests=0 accepts=0>>")


def test_a_chain_needs_a_target() -> None:
    """An empty chain cannot answer."""
    with pytest.raises(ValueError, match="has no target"):
        Chain("empty", [])
