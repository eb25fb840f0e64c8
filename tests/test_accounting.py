"""What a call is told of when it ends: tokens of every attempt, names, and what was said."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from elizanet.call import Call, Role, Usage
from elizanet.capture import MAX_CAPTURED_BYTES
from elizanet.engine import Chain
from elizanet.errors import AllTargetsFailed, FailureClass, ProviderError
from elizanet.operation import Operation
from elizanet.target import Target, TargetLimits
from elizanet.telemetry import CallEnded, Capture, Emitter, Interest, Outcome
from elizanet.testing import Failing, Reply, ScriptedProvider
from elizanet.testing.scripted import Step
from elizanet.testing.virtual_time import run_virtually
from elizanet.usage import total_of
from support.chunks import DONE, FIRST, SECOND, delta

DOWN = Failing("overloaded", 503)
QUESTION = {"model": "m", "messages": [{"role": "user", "content": "Say it."}]}


class Listener:
    """A sink that keeps the ends of calls."""

    def __init__(self, interest: Interest) -> None:
        self.interest = interest
        self.ended: list[CallEnded] = []

    def __call__(self, event: object) -> None:
        if isinstance(event, CallEnded):
            self.ended.append(event)


def stream(source: dict[str, Any], *words: str, ends: bool = True) -> tuple[str, ...]:
    """Return the events of a scripted stream."""
    events = [delta(source, content=word) for word in words]
    if ends:
        events += [delta(source, "stop"), DONE]
    return tuple(event.data.decode() for event in events)


async def told(
    *scripts: Sequence[Step] | Step,
    interest: Interest = Interest(details=True),  # noqa: B008 -- frozen
    streams: bool = True,
    **options: Any,
) -> CallEnded:
    """Send one call through providers p1, p2, ... and return what was told at its end."""
    steps = [script if isinstance(script, Sequence) else [script] for script in scripts]
    limits = TargetLimits(attempt=60, first_event=30, stall=5)
    targets = [
        Target(ScriptedProvider(f"p{n}", script), "m", limits=limits)
        for n, script in enumerate(steps, 1)
    ]
    listener = Listener(interest)
    emit = Emitter(listener)
    chain = Chain("agents", targets, emit=emit, chance=random.Random(7), **options)
    now = asyncio.get_running_loop().time()
    body = json.dumps(QUESTION | {"stream": streams}).encode()
    call = Call("req", Operation.CHAT, "m", body, now + 100, stream=streams, caller="team-a")
    try:
        async with await chain.send(call) as answer:
            await answer.read()
    except (ProviderError, AllTargetsFailed):
        pass
    [ended] = listener.ended
    return ended


def test_a_continued_stream_counts_the_tokens_of_both_its_targets() -> None:
    """Its usage is the sum, and each attempt has its own."""
    broken = Reply(stream(FIRST, "The", " quick", ends=False), then=Failing("stream_interrupted"))
    rest = Reply(stream(SECOND, " brown", " fox"))
    ended = run_virtually(told(broken, rest, continues=True))
    first, second = ended.attempts
    assert ended.outcome is Outcome.ANSWERED
    assert first.usage is not None
    assert second.usage is not None
    assert second.role is Role.CONTINUATION
    assert first.usage.completion_tokens == 2
    assert second.usage.completion_tokens > 0
    assert ended.usage == total_of([first.usage, second.usage])


def test_tokens_are_not_counted_where_nobody_wants_them() -> None:
    """Without an interest neither the call nor its attempts have a usage."""
    ended = run_virtually(told(Reply(stream(FIRST, "Hi")), interest=Interest()))
    assert ended.usage is None
    assert ended.attempts[0].usage is None
    assert ended.captured is None


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_the_sum_of_nothing_is_nothing(count: int) -> None:
    """And one estimate makes the whole an estimate."""
    parts = [Usage(1, 2, 3, estimated=number == 2) for number in range(count)]
    expected = Usage(count, 2 * count, 3 * count, estimated=count == 3) if count else None
    assert total_of(parts) == expected


def test_the_end_of_a_call_names_its_chain_its_targets_and_its_caller() -> None:
    """Also those targets that were not asked."""
    ended = run_virtually(told(Reply(stream(FIRST, "Hi")), DOWN))
    assert (ended.chain, ended.targets, ended.caller) == ("agents", ("p1/m", "p2/m"), "team-a")


CASES = [
    (Capture.OFF, Reply(stream(FIRST, "Hi")), False),
    (Capture.OFF, DOWN, False),
    (Capture.ERRORS, Reply(stream(FIRST, "Hi")), False),
    (Capture.ERRORS, DOWN, True),
    (Capture.ERRORS, Reply(stream(FIRST, "Hi", ends=False), then=Failing("stream_interrupted")), True),
    (Capture.ALL, Reply(stream(FIRST, "Hi")), True),
]  # fmt: skip


@pytest.mark.parametrize(("capture", "reply", "is_kept"), CASES)
def test_what_was_said_is_kept_as_far_as_it_is_wanted(
    capture: Capture, reply: Step, is_kept: bool
) -> None:
    """`errors` keeps it of calls in which something failed, a break after content too."""
    ended = run_virtually(told(reply, interest=Interest(capture=capture)))
    assert (ended.captured is not None) is is_kept
    if ended.captured is not None:
        assert json.loads(ended.captured.request)["messages"] == QUESTION["messages"]
        assert (b"Hi" in ended.captured.answer) is (reply is not DOWN)


def test_only_the_beginning_of_a_long_answer_is_kept() -> None:
    """However long it is."""
    reply = Reply(stream(FIRST, *["x" * 10_000] * 20))
    ended = run_virtually(told(reply, interest=Interest(capture=Capture.ALL)))
    assert ended.captured is not None
    assert len(ended.captured.answer) == MAX_CAPTURED_BYTES


def test_an_attempt_says_whether_another_try_could_have_helped() -> None:
    """An overloaded provider may answer the next time, a wrong key will not."""
    ended = run_virtually(told(DOWN, Failing("auth", 401), streams=False))
    by_class = {attempt.failure_class: attempt.retryable for attempt in ended.attempts}
    assert by_class == {FailureClass.OVERLOADED: True, FailureClass.AUTH: False}


def test_a_folded_answer_is_waited_for_as_its_provider_says() -> None:
    """A provider that does not stream keeps the limit of a whole answer."""
    call = Call("req", Operation.CHAT, "m", b"{}", 100.0)
    limits = TargetLimits(attempt=60, first_event=6)
    provider = ScriptedProvider("p", [DOWN])
    asked: list[Call] = []

    def folds(given: Call) -> bool:
        asked.append(given)
        return given.model == "other"

    assert Target(provider, "m", limits=limits, folds=folds).limit_for(call) == 60
    assert Target(provider, "other", limits=limits, folds=folds).limit_for(call) == 6
    assert [given.model for given in asked] == ["m", "other"]
