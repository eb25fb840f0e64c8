"""`on_break = "continue"` in the engine and the library: one answer, or an honest error."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from elizanet import Elizanet, ModelType
from elizanet.call import Bound, Call, Role
from elizanet.engine import Chain
from elizanet.errors import AllTargetsFailed, FailureClass, ProviderError
from elizanet.health import Registry
from elizanet.operation import Operation
from elizanet.policy.retry import RetryPolicy
from elizanet.settings import load_settings
from elizanet.stream import CommittedAnswer
from elizanet.target import Target, TargetLimits
from elizanet.telemetry import CallEnded, Emitter, Outcome, StreamBroke, StreamContinued
from elizanet.testing import Failing, Reply, ScriptedProvider, Upstream
from elizanet.testing.scripted import Step
from elizanet.testing.virtual_time import run_virtually
from support.chunks import DONE, FIRST, SECOND, delta

WORDS = ("The", " quick", " brown", " fox", " jumps", " over", " the", " lazy", " dog.")
WHOLE = "".join(WORDS)
LIMITS = TargetLimits(attempt=60, first_event=6, stall=5)
BREAKS = Failing("stream_interrupted")
REFUSES = Failing("bad_request", 400)
DOWN = Failing("overloaded", 503)
MESSAGES = [{"role": "user", "content": "Say the sentence."}]


def words(source: dict[str, Any], *pieces: str, ends: bool = False) -> tuple[str, ...]:
    """Return the events of a scripted stream that says these pieces."""
    events = [delta(source, content=piece) for piece in pieces]
    if ends:
        events += [delta(source, "stop"), DONE]
    return tuple(event.data.decode() for event in events)


def breaking(count: int) -> Reply:
    """A first stream that breaks after so many words."""
    return Reply(words(FIRST, *WORDS[:count]), then=BREAKS)


def saying(*pieces: str, **options: Any) -> Reply:
    """A second stream that says these pieces to the end."""
    return Reply(words(SECOND, *pieces, ends=True), **options)


class World:
    """A chain that continues, over scripted providers p1, p2, ..., and what was told of it."""

    def __init__(self, *scripts: Sequence[Step] | Step, **options: Any) -> None:
        self.events: list[Any] = []
        steps = [script if isinstance(script, Sequence) else [script] for script in scripts]
        self.providers = [ScriptedProvider(f"p{n}", script) for n, script in enumerate(steps, 1)]
        emit, chance = Emitter(self.events.append), random.Random(7)
        self.registry = Registry(chance=chance, emit=emit)
        targets = [Target(provider, "m", limits=LIMITS) for provider in self.providers]
        options.setdefault("continues", True)
        options.setdefault("retry", RetryPolicy(same_provider=0))
        options.update(registry=self.registry, chance=chance, emit=emit)
        self.chain = Chain("world", targets, **options)
        self.read: list[dict[str, Any]] = []

    async def send(self, *, total: float = 100, stream: bool = True, **options: Any) -> Any:
        body = {"model": "m", "messages": MESSAGES, "stream": stream, **options.pop("fields", {})}
        now = asyncio.get_running_loop().time()
        raw = json.dumps(body).encode()
        return await self.chain.send(
            Call("req", Operation.CHAT, "m", raw, now + total, stream=stream, **options)
        )

    async def ask(self, **options: Any) -> str:
        """Read the answer to its end; what was read before a break is in `read`, too."""
        async with await self.send(**options) as answer:
            await self.take(answer)
        return self.text

    async def take(self, answer: CommittedAnswer) -> None:
        while (event := await answer.next()) is not None:
            if event.data.startswith(b"{"):
                self.read.append(json.loads(event.data))

    @property
    def text(self) -> str:
        deltas = [chunk["choices"][0]["delta"] for chunk in self.read]
        return "".join(delta.get("content") or "" for delta in deltas)

    def told(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def asked(self) -> list[int]:
        return [len(provider.calls) for provider in self.providers]

    def sent(self, number: int) -> list[dict[str, str]]:
        """The messages that a provider was sent last."""
        messages: list[dict[str, str]] = json.loads(self.providers[number - 1].calls[-1].body)[
            "messages"
        ]
        return messages

    def path(self) -> list[tuple[str, str | None, Role]]:
        """Who was asked in all, what came of it, and why each one was."""
        (ended,) = self.told(CallEnded)
        return [(a.provider, a.failure_class, a.role) for a in ended.attempts]


def play(world: World, story: Coroutine[Any, Any, Any]) -> Any:
    """Run a story, and check that it leaves nothing behind: no task, no answer, no permit."""

    async def whole() -> Any:
        result = await story
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        return result

    result = run_virtually(whole())
    assert [provider.open_answers for provider in world.providers] == [0] * len(world.providers)
    for _, lane in world.registry.lanes:
        assert lane.is_idle, lane
    return result


async def breaks(world: World, **options: Any) -> ProviderError:
    """Ask, and return the honest error that ends the answer."""
    with pytest.raises(ProviderError) as caught:
        await world.ask(**options)
    assert caught.value.failure_class is FailureClass.STREAM_INTERRUPTED
    assert [event.attempt.failure_class for event in world.told(StreamBroke)] == [
        FailureClass.STREAM_INTERRUPTED
    ]
    return caught.value


@pytest.mark.parametrize("count", range(1, len(WORDS) + 1))
def test_the_answer_goes_on_wherever_it_breaks(count: int) -> None:
    """The second target gets what was said, and says the rest, under the id of the first."""
    world = World(breaking(count), saying(*WORDS[count:]))
    assert play(world, world.ask()) == WHOLE
    assert world.sent(2) == [*MESSAGES, {"role": "assistant", "content": "".join(WORDS[:count])}]
    assert {(chunk["id"], chunk["model"]) for chunk in world.read} == {("first", "one")}
    assert [chunk["choices"][0]["finish_reason"] for chunk in world.read].count("stop") == 1


def test_a_target_that_repeats_the_last_words_is_heard_from_there_on() -> None:
    """What the caller has read already is compared and dropped."""
    world = World(breaking(4), saying(*WORDS[2:]))
    assert play(world, world.ask()) == WHOLE


def test_silence_in_the_middle_is_a_break_too() -> None:
    """After the stall limit; the caller waits for that, and nothing else."""
    world = World(Reply(words(FIRST, *WORDS[:3]), hang=True), saying(*WORDS[3:], delay=1))

    async def story() -> float:
        began = asyncio.get_running_loop().time()
        assert await world.ask() == WHOLE
        return asyncio.get_running_loop().time() - began

    assert play(world, story()) == pytest.approx(LIMITS.stall + 1)


def test_a_stream_may_break_long_after_the_deadline_of_its_call() -> None:
    """That bounds the time to the first content; the continuation has a limit of its own."""
    slow = Reply(words(FIRST, *WORDS[:3]), pause=4, then=BREAKS)
    world = World(slow, saying(*WORDS[3:], delay=3), hedge="off")
    assert play(world, world.ask(total=10)) == WHOLE


def test_a_chain_that_goes_on_has_a_time_of_its_own() -> None:
    """What was left of the call's deadline is long over."""
    inner = World(saying(*WORDS[3:], delay=3))
    world = World(Reply(words(FIRST, *WORDS[:3]), pause=4, then=BREAKS), hedge="off")
    second = Target(inner.chain, "m", limits=LIMITS)
    world.chain = Chain("both", [*world.chain.targets, second], hedge="off", continues=True)
    assert play(world, world.ask(total=10)) == WHOLE
    assert inner.providers[0].open_answers == 0


def test_a_target_that_refuses_to_go_on_says_it_again() -> None:
    """The refusal is not the caller's; what it knows of the new answer it does not get twice."""
    world = World(breaking(4), [REFUSES, saying(*WORDS)])
    assert play(world, world.ask()) == WHOLE
    assert world.asked() == [1, 2]
    assert world.sent(2) == MESSAGES
    assert world.path() == [
        ("p1", FailureClass.STREAM_INTERRUPTED, Role.FIRST),
        ("p2", FailureClass.BAD_REQUEST, Role.CONTINUATION),
        ("p2", None, Role.AGAIN),
    ]


def test_a_refusal_to_go_on_is_no_sign_of_ill_health() -> None:
    """Nor is it a failure of the caller's request: the target keeps its record."""
    world = World(breaking(4), [REFUSES, saying(*WORDS)])
    play(world, world.ask())
    lane = world.registry.lane("p2", "", Operation.CHAT, "m")
    assert lane.model.breaker.score(0) == 0
    assert lane.refusal(0, 0) is None


@pytest.mark.parametrize(
    "other",
    [
        ("The", " slow", " brown", " fox", " sleeps", " all", " day."),
        WORDS[:3],
        ("A", " fox."),
    ],
    ids=["differs", "ends-before", "differs-at-once"],
)
def test_two_different_answers_are_never_put_together(other: tuple[str, ...]) -> None:
    """The error comes with what was read, and the other answer is let go."""
    world = World(breaking(4), [REFUSES, saying(*other)])
    play(world, breaks(world))
    assert world.text == "".join(WORDS[:4])


def test_a_target_that_cannot_go_on_is_followed_by_the_next_one() -> None:
    """One is down, one has nothing to say in time, the third goes on."""
    late = saying(*WORDS[4:], delay=7)
    world = World(breaking(4), DOWN, late, saying(*WORDS[4:]))
    assert play(world, world.ask()) == WHOLE
    assert world.asked() == [1, 1, 1, 1]
    assert [event.target for event in world.told(StreamContinued)] == ["p4/m"]


def test_with_nobody_to_go_on_the_break_is_the_error() -> None:
    """Not the failure of those that were asked to go on: that is told among the attempts."""
    world = World(breaking(4), DOWN)
    error = play(world, breaks(world))
    assert (error.provider, error.message) == ("p1", "scripted stream_interrupted")
    assert [(attempt.provider, attempt.failure_class) for attempt in error.attempts] == [
        ("p1", FailureClass.STREAM_INTERRUPTED),
        ("p2", FailureClass.OVERLOADED),
    ]
    assert world.told(StreamContinued) == []


def test_a_continuation_that_breaks_is_not_continued() -> None:
    """Once in a call; a third target is not asked."""
    again = Reply(words(SECOND, *WORDS[4:6]), then=BREAKS)
    world = World(breaking(4), again, saying(*WORDS[6:]))
    error = play(world, breaks(world))
    assert error.provider == "p2"
    assert world.text == "".join(WORDS[:6])
    assert world.asked() == [1, 1, 0]
    assert world.told(CallEnded)[0].outcome is Outcome.BROKEN
    assert [failure for _, failure, _ in world.path()] == [FailureClass.STREAM_INTERRUPTED] * 2


def test_a_call_for_one_target_is_not_continued_elsewhere() -> None:
    """The caller has forbidden any fallback."""
    world = World(breaking(4), saying(*WORDS[4:]))
    play(world, breaks(world, bound=Bound.CALLER))
    assert world.asked() == [1, 0]


def test_by_default_a_break_is_an_error() -> None:
    """Going on is the operator's choice."""
    world = World(breaking(4), saying(*WORDS[4:]), continues=False)
    play(world, breaks(world))
    assert world.asked() == [1, 0]


def test_a_tool_call_is_never_continued() -> None:
    """Half of a function's arguments cannot be handed to another model."""
    call = {"index": 0, "id": "call_1", "function": {"name": "buy", "arguments": '{"it'}}
    begun = delta(FIRST, tool_calls=[call]).data.decode()
    world = World(Reply((begun,), then=BREAKS), saying(*WORDS))
    play(world, breaks(world))
    assert world.asked() == [1, 0]


@pytest.mark.parametrize(
    "fields", [{"n": 2}, {"logprobs": True}, {"response_format": {"type": "json_object"}}]
)
def test_what_is_more_than_one_plain_text_is_never_continued(fields: dict[str, Any]) -> None:
    """The request says it, before anything is answered."""
    world = World(breaking(4), saying(*WORDS[4:]))
    play(world, breaks(world, fields=fields))
    assert world.asked() == [1, 0]


def test_the_continuation_is_told_as_it_happens_and_at_the_end() -> None:
    """Who broke, who goes on; at the end the broken attempt is one that failed."""
    world = World(breaking(4), saying(*WORDS[4:]))
    play(world, world.ask())
    (event,) = world.told(StreamContinued)
    assert (event.broken.provider, event.broken.failure_class, event.target) == (
        "p1",
        FailureClass.STREAM_INTERRUPTED,
        "p2/m",
    )
    assert world.told(StreamBroke) == []
    assert world.told(CallEnded)[0].outcome is Outcome.ANSWERED
    assert world.path() == [
        ("p1", FailureClass.STREAM_INTERRUPTED, Role.FIRST),
        ("p2", None, Role.CONTINUATION),
    ]


def test_the_broken_target_is_the_one_that_is_blamed() -> None:
    """One failure for the first, an answer for the second."""
    world = World(breaking(4), saying(*WORDS[4:]))
    play(world, world.ask())
    first, second = (world.registry.lane(name, "", Operation.CHAT, "m") for name in ("p1", "p2"))
    assert (first.model.breaker.score(0), second.model.breaker.score(0)) == (1, 0)
    assert second.model.success_rate.value == 1


@pytest.mark.parametrize("moment", [0.5, 1.5, 2.5, 3.5, 4.5])
def test_a_caller_who_leaves_leaves_nothing_open(moment: float) -> None:
    """While the first stream runs, while a second is opened, and while that one runs."""
    first = Reply(words(FIRST, *WORDS[:1]), pause=1, then=BREAKS)
    world = World(first, [Reply(words(SECOND, *WORDS[1:], ends=True), delay=1, pause=1)])

    async def story() -> None:
        task = asyncio.create_task(world.ask())
        await asyncio.sleep(moment)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    play(world, story())
    assert [event.outcome for event in world.told(CallEnded)] == [Outcome.LEFT]


# The same over real sockets, through the library

CONTINUES = '[stream]\non_break = "continue"\n'
ANSWER = "alike answers: What is the answer to this?"
ASKED = {"prompt": "What is the answer to this?"}


@pytest.fixture
async def net_over(make_net: Callable[..., Elizanet]) -> Callable[..., Elizanet]:
    """Return a maker of libraries over upstreams, which may have the same signature."""

    def make(*upstreams: Upstream, extra: str = CONTINUES, sink: Any = None) -> Elizanet:
        tables = [
            f'[providers.p{number}]\nbase_url = "{upstream.base_url}"\n'
            for number, upstream in enumerate(upstreams, 1)
        ]
        chain = ", ".join(f'"p{number}/*"' for number in range(1, len(upstreams) + 1))
        path = Path("continues.toml")
        path.write_text("\n".join([*tables, f'[models."*"]\nchain = [{chain}]\n', extra]))
        settings = load_settings(config_file=path, environ={})
        return Elizanet(settings, sinks=(sink,) if sink else ())

    return make


async def read(net: Elizanet, kind: ModelType = ModelType.TEXT_LARGE) -> list[str]:
    """Return the pieces that a caller gets, and close the library."""
    pieces: list[str] = []
    async with net:
        try:
            async for piece in net.stream(kind, ASKED):
                pieces += [piece]
        except (ProviderError, AllTargetsFailed) as error:
            pieces.append(f" <{error.failure_class}>")
    return pieces


@pytest.mark.parametrize("how", ["close", "reset", "clean"])
@pytest.mark.parametrize("kind", [ModelType.TEXT_LARGE, ModelType.TEXT_COMPLETION])
async def test_a_caller_notices_nothing_of_a_break(
    how: str, kind: ModelType, net_over: Callable[..., Elizanet]
) -> None:
    """However the connection ends; a target that begins anew is compared and trimmed."""
    told: list[Any] = []
    async with Upstream("alike", [f"cut_stream=4,how={how}"]) as one, Upstream("alike") as two:
        assert "".join(await read(net_over(one, two, sink=told.append), kind)) == ANSWER
        assert (len(one.requests), len(two.requests)) == (1, 1)
    assert [event.target for event in told if isinstance(event, StreamContinued)] == ["p2/gpt-4o"]


async def test_a_real_refusal_of_the_beginning_is_survived(
    net_over: Callable[..., Elizanet],
) -> None:
    """400, and the same request as the caller's right after it."""
    faults = ["bad_request,times=1"]
    async with (
        Upstream("alike", ["cut_stream=4"]) as one,
        Upstream("alike", faults) as two,
    ):
        assert "".join(await read(net_over(one, two))) == ANSWER
        first, second = (request.fields["messages"] for request in two.requests)
        assert isinstance(first, list)
        assert first[:-1] == second == one.requests[0].fields["messages"]
        assert first[-1] == {"role": "assistant", "content": "alike answers: What is"}


async def test_another_answer_over_real_sockets_is_an_error(
    net_over: Callable[..., Elizanet],
) -> None:
    """The caller keeps what it has, and is told."""
    faults = ["bad_request,times=1"]
    async with (
        Upstream("alike", ["cut_stream=4"]) as one,
        Upstream("different", faults) as two,
    ):
        pieces = await read(net_over(one, two))
        assert "".join(pieces) == "alike answers: What is <stream_interrupted>"


async def test_a_single_provider_has_nobody_to_go_on(net_over: Callable[..., Elizanet]) -> None:
    """A stream is not begun again where it broke."""
    async with Upstream("alike", ["cut_stream=4"]) as one:
        pieces = await read(net_over(one))
        assert pieces[-1] == " <stream_interrupted>"
        assert len(one.requests) == 1
