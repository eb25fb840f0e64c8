"""Room in the process: a bound, two priorities, and what is shed when the loop is late."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from elizanet.gateway.admission import Admission
from elizanet.gateway.heartbeat import INTERVAL_S, Heartbeat
from elizanet.gateway.refusal import Refusal
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from gateway.conftest import Heard, Serve

CHATS = "/v1/chat/completions"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
FLEX = CHAT[:-1] + b',"service_tier":"flex"}'
BATCH = "x-elizanet-priority: batch"


def admitted(admission: Admission, *, batch: bool) -> bool:
    """Whether a call is let in; if so, it leaves at once."""
    try:
        admission.admit(batch=batch)
    except Refusal:
        return False
    admission.leave(batch=batch)
    return True


def late(seconds: float) -> Admission:
    """An admission whose loop has been that late for long."""
    admission = Admission(1000, random.Random(5))
    for _ in range(200):
        admission.ticked(seconds)
    return admission


def shares(admission: Admission, batch_part: float, calls: int = 6000) -> tuple[float, float]:
    """The parts of interactive and of batch calls that are shed."""
    chance = random.Random(7)
    came = {True: 0, False: 0}
    shed = {True: 0, False: 0}
    for _ in range(calls):
        batch = chance.random() < batch_part
        came[batch] += 1
        shed[batch] += not admitted(admission, batch=batch)
    return shed[False] / max(1, came[False]), shed[True] / max(1, came[True])


@pytest.mark.parametrize(
    ("lag", "part"), [(0.0, 0.0), (0.05, 0.0), (0.14, 0.2), (0.275, 0.5), (0.5, 1.0), (9.0, 1.0)]
)
def test_calls_are_shed_as_the_loop_is_late(lag: float, part: float) -> None:
    """None up to 50 ms, all from half a second on, linearly between."""
    assert shares(late(lag), 0.0)[0] == pytest.approx(part, abs=0.03)


@pytest.mark.parametrize(
    ("lag", "interactive", "batch"),
    [(0.05, 0.0, 0.0), (0.14, 0.0, 0.4), (0.275, 0.0, 1.0), (0.4, 5 / 9, 1.0), (0.5, 1.0, 1.0)],
)
def test_batch_calls_are_shed_first(lag: float, interactive: float, batch: float) -> None:
    """They bear the whole share that has to go, as far as there are enough of them."""
    shed = shares(late(lag), 0.5)
    assert shed[0] == pytest.approx(interactive, abs=0.15)
    assert shed[1] == pytest.approx(batch, abs=0.15)


def test_a_process_that_slept_is_not_overloaded() -> None:
    """One tick that comes an hour late counts a second; the average forgets it soon."""
    admission = Admission(10, random.Random(1))
    admission.ticked(3600.0)
    assert admission.lag <= 0.1
    for _ in range(8):
        admission.ticked(0.0)
    assert all(admitted(admission, batch=True) for _ in range(100))


def test_places_are_bounded_and_batch_takes_seven_in_ten() -> None:
    """So that somebody who waits finds a place while batch calls fill theirs."""
    admission = Admission(10)
    for _ in range(7):
        admission.admit(batch=True)
    assert not admitted(admission, batch=True)
    for _ in range(3):
        admission.admit(batch=False)
    assert not admitted(admission, batch=False)
    assert repr(admission) == "<Admission 10/10 batch=7 0 ms>"
    admission.leave(batch=True)
    assert admitted(admission, batch=False)
    assert admitted(admission, batch=True)


def test_a_call_that_turns_out_to_be_batch_needs_a_place_of_those() -> None:
    """It has its place already; if there is none for batch, it gives it back."""
    admission = Admission(10)
    for _ in range(7):
        admission.admit(batch=True)
    admission.admit(batch=False)
    with pytest.raises(Refusal):
        admission.into_batch()
    admission.leave(batch=False)
    assert (admission.in_flight, admission.batch) == (7, 7)


async def test_the_heartbeat_tells_how_late_it_is() -> None:
    """Whoever blocks the loop is noticed, and nothing is told after its end."""
    told: list[float] = []
    heartbeat = Heartbeat(told.append)
    heartbeat.start()
    await asyncio.sleep(INTERVAL_S / 2)
    time.sleep(0.3)  # noqa: ASYNC251 -- it shall be late
    await asyncio.sleep(INTERVAL_S)
    heartbeat.stop()
    assert 0.15 < max(told) < 0.6
    assert repr(heartbeat) == "<Heartbeat off>"
    count = len(told)
    await asyncio.sleep(2 * INTERVAL_S)
    assert len(told) == count


# Over sockets


def shed(heard: Heard) -> None:
    """What a client has to be told: come back, or ask another replica."""
    assert heard.status == 503
    assert heard.error["code"] == "overloaded"
    assert heard.error["type"] == "server_error"
    assert heard.header("x-should-retry") == "true"
    assert heard.header("retry-after") == "1"
    assert 500 <= int(heard.header("retry-after-ms") or 0) <= 1500


async def hanging(
    ask: Callable[..., Awaitable[Heard]], primary: Upstream, *headers: str, body: bytes = CHAT
) -> asyncio.Future[Heard]:
    """A call that stays under way until its caller gives up."""
    before = len(primary.requests)
    call = asyncio.ensure_future(ask(CHATS, body, *headers))
    async with asyncio.timeout(5):
        while len(primary.requests) == before:
            await asyncio.sleep(0.01)
    return call


async def test_a_full_process_says_so_and_asks_no_provider(serve: Serve, primary: Upstream) -> None:
    """Batch calls at 70 %, others at the bound; probes and the status are answered all the same."""
    primary.fail("hang")
    async with serve(primary, max_in_flight=2) as gateway:
        calls = [await hanging(gateway.ask, primary, BATCH)]
        shed(await gateway.ask(CHATS, CHAT, BATCH))
        shed(await gateway.ask(CHATS, FLEX))
        calls.append(await hanging(gateway.ask, primary))
        shed(await gateway.ask(CHATS, CHAT))
        for path in ("/live", "/ready", "/status"):
            assert (await gateway.get(path, "Host: localhost")).status == 200
        assert len(primary.requests) == 2
        assert repr(gateway.app.admission).startswith("<Admission 2/2 batch=1 ")
        for connection in gateway.connections:
            connection.leave()
        await gateway.settle()
        await asyncio.gather(*calls, return_exceptions=True)
        assert (gateway.app.admission.in_flight, gateway.app.admission.batch) == (0, 0)
        primary.heal()
        assert (await gateway.ask(CHATS, FLEX)).status == 200


async def test_a_late_process_sheds_before_it_reads(serve: Serve, primary: Upstream) -> None:
    """A large body is not waited for; the refusal costs less than a millisecond."""
    async with serve(primary) as gateway:
        gateway.app.admission.lag = 5.0
        connection = await gateway.connect()
        connection.send(
            b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n"
        )
        shed(await connection.hear())
        times = []
        for _ in range(20):
            gateway.app.admission.lag = 5.0
            connection = await gateway.connect()
            connection.send(gateway.request(CHATS, CHAT))
            began = time.perf_counter()
            shed(await connection.hear())
            times.append(time.perf_counter() - began)
    assert min(times) < 0.001
    assert primary.requests == []


@pytest.mark.parametrize("value", ["high", "", "Batch"])
async def test_an_unknown_priority_is_told(serve: Serve, primary: Upstream, value: str) -> None:
    """With what is allowed."""
    async with serve(primary) as gateway:
        heard = await gateway.ask(CHATS, CHAT, f"x-elizanet-priority: {value}")
        assert (await gateway.ask(CHATS, CHAT, "x-elizanet-priority: interactive")).status == 200
    assert heard.status == 400
    assert heard.error["param"] == "x-elizanet-priority"
    assert "batch or interactive" in heard.error["message"]
