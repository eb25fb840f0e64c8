"""The parts of a simulation: servers, loads, clients, and what is written down."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from itertools import pairwise
from math import inf

import pytest

from elizanet.call import Call, Provider
from elizanet.classify import verdict_for
from elizanet.errors import (
    AllTargetsFailed,
    CallFailed,
    FailureClass,
    ProviderError,
    RawReply,
)
from elizanet.operation import Operation
from elizanet.testing.simulation import (
    BEHAVIOURS,
    Capacity,
    Client,
    Latency,
    Outcome,
    Phase,
    SdkClient,
    Server,
    Window,
    World,
    percentile,
)
from elizanet.testing.simulation.error_facts import PLANTED_KEY
from elizanet.testing.simulation.load import arrivals
from elizanet.testing.simulation.trace import Trace
from elizanet.testing.virtual_time import run_virtually

STEADY = Latency(spread=0.0, first=1.0, events=2.0, pause=0.5)


def call(*, stream: bool = False, deadline: float = 1000.0) -> Call:
    return Call("c", Operation.CHAT, "m", b"{}", deadline, stream=stream)


async def failure_of(server: Server, *, stream: bool = False) -> tuple[ProviderError, float]:
    """Return how a call fails at a server, and after how many seconds."""
    began = asyncio.get_running_loop().time()
    try:
        answer = await server.provider().send(call(stream=stream))
        while await answer.next() is not None:
            pass
    except ProviderError as error:
        return error, asyncio.get_running_loop().time() - began
    raise AssertionError("it did not fail")


EXPECTED = {
    "refuse": ("connection", None, True),
    "reset": ("connection", None, True),
    "dns": ("connection", None, False),
    "tls": ("connection", None, False),
    "blackhole": ("timeout", None, True),
    "error_500": ("overloaded", None, True),
    "limited_seconds": ("rate_limit", 4.0, True),
    "limited_ms": ("rate_limit", 0.7, True),
    "limited_date": ("rate_limit", 30.0, True),
    "limited_absurd": ("rate_limit", 999_999_999.0, False),
    "limited": ("rate_limit", None, True),
    "auth": ("auth", None, False),
    "truncate": ("malformed_response", None, True),
    "garbage": ("malformed_response", None, True),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_server_fails_as_a_real_provider_does(name: str) -> None:
    """Class, stated delay and whether to try again are those of the provider code."""
    server = World().server("a", Window(BEHAVIOURS[name]))
    error, _ = run_virtually(failure_of(server))
    verdict = error.verdict
    failure, delay, again = EXPECTED[name]
    assert (verdict.failure_class, verdict.retry_same_provider) == (failure, again)
    assert verdict.retry_after_s == pytest.approx(delay)
    assert PLANTED_KEY not in f"{error} {error.reply}"


@pytest.mark.parametrize(
    ("name", "failure"),
    [("truncate", "stream_interrupted"), ("overloaded", "overloaded"), ("garbage", "stream_interrupted")],
)  # fmt: skip
def test_streams_break_as_real_ones_do(name: str, failure: str) -> None:
    """The first request of each has a stream that begins and breaks."""
    server = World().server("a", Window(BEHAVIOURS[name]))
    error, _ = run_virtually(failure_of(server, stream=True))
    assert error.failure_class == failure


def test_each_failure_is_an_error_of_its_own() -> None:
    """The engine writes into errors, so they are never shared."""
    server = World().server("a", Window(BEHAVIOURS["error_500"]))

    async def main() -> None:
        (one, _), (other, _) = await failure_of(server), await failure_of(server)
        assert one is not other
        assert (one.message, one.verdict) == (other.message, other.verdict)

    run_virtually(main())


def test_a_black_hole_costs_the_connect_limit() -> None:
    """The limit is the call's."""
    server = World().server("a", Window(BEHAVIOURS["blackhole"]))
    _, seconds = run_virtually(failure_of(server))
    assert seconds == pytest.approx(call().connect_timeout)


def test_a_window_is_about_its_time_its_model_and_its_key() -> None:
    """From its start until its end, on and off with its period."""
    chance = random.Random(1)
    window = Window(BEHAVIOURS["refuse"], 10, 40, model="m", key="k", period=5)
    hit = [second for second in range(50) if window.hits(second, chance)]
    assert hit == [*range(10, 15), *range(20, 25), *range(30, 35)]
    assert window.concerns("m", "k")
    assert not window.concerns("other", "k")
    assert not window.concerns("m", "other")
    some = Window(BEHAVIOURS["refuse"], share=0.3)
    assert 250 < sum(some.hits(0, chance) for _ in range(1000)) < 350


def test_a_full_server_lets_requests_wait_their_turn() -> None:
    """Two at once, the third when the first is done."""
    world = World()
    server = world.server("a", latency=STEADY, capacity=Capacity(2))

    async def ask() -> float:
        await server.provider().send(call())
        return asyncio.get_running_loop().time()

    async def main() -> list[float]:
        return await asyncio.gather(*(ask() for _ in range(3)))

    first, second, third = run_virtually(main())
    assert first == second == pytest.approx(third / 2, abs=0.1)


@pytest.mark.parametrize(("notices", "waits"), [(False, 3.0), (True, 1.0)])
def test_work_that_nobody_waits_for_goes_on_unless_it_is_noticed(
    notices: bool, waits: float
) -> None:
    """What was given up in the queue is worked on in its turn."""
    world = World()
    answer = Latency(spread=0.0, first=0.98, events=1.0, pause=1e-9)
    server = world.server("a", latency=answer, capacity=Capacity(1, notices=notices))

    async def main() -> float:
        left = [asyncio.create_task(server.provider().send(call())) for _ in range(2)]
        await asyncio.sleep(0)
        for task in left:
            task.cancel()
        await asyncio.wait(left)
        await server.provider().send(call())
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) == pytest.approx(waits, abs=0.01)


def test_a_server_whose_queue_is_full_says_so() -> None:
    """503, at once."""
    server = World().server("a", capacity=Capacity(1, longest_queue=0))

    async def main() -> None:
        first = asyncio.create_task(server.provider().send(call()))
        await asyncio.sleep(0)
        error, seconds = await failure_of(server)
        assert (error.status, seconds) == (503, 0.0)
        await first

    run_virtually(main())


def test_calls_arrive_at_their_rate() -> None:
    """A Poisson process by default, even on demand, all at once with an infinite rate."""
    chance = random.Random(1)
    moments = list(arrivals([Phase(20, seconds=100), Phase(inf, calls=5)], chance))
    assert len([moment for moment in moments if moment < 100]) == pytest.approx(2000, rel=0.1)
    assert moments[-5:] == [100.0] * 5
    assert moments == sorted(moments)
    even = list(arrivals([Phase(4, calls=4, is_even=True)], chance, start=1.0))
    assert even == [1.25, 1.5, 1.75, 2.0]
    with pytest.raises(ValueError, match="seconds or calls"):
        Phase(1.0)


class Refusing:
    """A gateway that always says the same."""

    name = "refusing"

    def __init__(self, error: CallFailed) -> None:
        self.error = error
        self.asked: list[tuple[float, bool]] = []

    async def send(self, call: Call) -> object:
        self.asked.append((asyncio.get_running_loop().time(), call.repeated))
        raise self.error


def failing(failure: FailureClass, status: int, retry_after_s: float | None = None) -> CallFailed:
    headers = () if retry_after_s is None else (("retry-after", f"{retry_after_s:g}"),)
    verdict = verdict_for(failure, retry_after_s=retry_after_s)
    return ProviderError("no", verdict, status=status, reply=RawReply(status, headers, b"{}"))


OVERLOADED = failing(FailureClass.OVERLOADED, 503)


@pytest.mark.parametrize(
    ("error", "obeys", "pauses"),
    [
        (OVERLOADED, True, [(0.375, 0.5), (0.75, 1.0)]),
        (failing(FailureClass.RATE_LIMIT, 429, 7), True, [(7, 7), (7, 7)]),
        (failing(FailureClass.BAD_REQUEST, 400), True, []),
        (AllTargetsFailed([OVERLOADED], ()), True, []),  # type: ignore[list-item]
        (AllTargetsFailed([OVERLOADED], ()), False, [(5, 5), (5, 5)]),  # type: ignore[list-item]
    ],
)
def test_clients_retry_as_the_official_ones_do(
    error: CallFailed, obeys: bool, pauses: list[tuple[float, float]]
) -> None:
    """Twice, after what is stated or a growing pause, and not if the gateway says so."""
    world, door = World(), Refusing(error)
    provider: Provider = door  # type: ignore[assignment]
    sdk = SdkClient(Client(world, provider), world.chance, obeys=obeys)
    world.run(sdk.ask, [Phase(1.0, calls=1)])
    asked = [at for at, _ in door.asked]
    waited = [later - earlier for earlier, later in pairwise(asked)]
    assert len(waited) == len(pauses)
    for pause, (least, most) in zip(waited, pauses, strict=True):
        assert least - 1e-9 <= pause <= most + 1e-9
    assert [repeated for _, repeated in door.asked] == [False] + [True] * len(pauses)
    assert (len(sdk.requests), sdk.requests.count(Outcome.FAILED)) == (1, 1)


def test_the_same_calls_come_whatever_becomes_of_them() -> None:
    """Two worlds that differ in their faults alone can be compared."""

    def moments(*windows: Window) -> list[float]:
        world = World(seed=3)
        client = Client(world, world.server("a", *windows).provider())
        return sorted(world.run(client.ask, [Phase(10, seconds=20)]).arrived)

    assert moments() == moments(Window(BEHAVIOURS["error_500"], share=0.5))


def test_results_count_by_time() -> None:
    """Half of the time everything fails."""
    world = World(seed=1)
    server = world.server("a", Window(BEHAVIOURS["error_500"], 50, 100), latency=STEADY)
    results = world.run(Client(world, server.provider()).ask, [Phase(10, seconds=100)])
    assert results.success(0, 50) == 1.0
    assert results.success(50, 100) == 0.0
    assert results.success(200, 300) == 1.0
    assert results.count(Outcome.FAILED) == len(list(results.rows(50)))
    assert results.waits() == sorted(results.waits())
    assert percentile(results.waits(), 0.5) == pytest.approx(2.02)
    assert results.last(lambda row: results.outcome[row] == Outcome.ANSWERED) == pytest.approx(
        50, abs=1
    )
    assert results.attempts_per_call() == 1.0


def test_a_trace_knows_all_and_keeps_the_last() -> None:
    """Every entry is in the hash, and each call's last entries can be read."""
    one, other = Trace(kept=3), Trace(kept=3)
    for number in range(2000):
        one.note(f"{number} c{number % 4}")
        other.note(f"{number} c{number % 4}" if number != 5 else "something else")
    assert one.digest() != other.digest()
    assert one.about("c3") == ["1999 c3"]
    assert one.entries == 2000


def test_times_to_the_first_content_have_their_mean() -> None:
    """Lognormal; a share of them may be slow."""
    chance, latency = random.Random(1), Latency(slow_share=0.1, slow_factor=10)
    drawn = sorted(latency.draw_first(chance) for _ in range(20_000))
    usual = drawn[: int(len(drawn) * 0.8)]
    assert sum(drawn) / len(drawn) == pytest.approx(0.6 * 1.9, rel=0.05)
    assert usual[-1] < 1.5
    counts = Counter(latency.draw_events(chance) for _ in range(2000))
    assert min(counts) >= 1
