"""Providers die, freeze and stutter under load; the callers of a real gateway do not notice.

Level L4 of the test programme: processes, sockets, signals. What is asserted is what a caller
sees. The bounds are those of the specification where it has one, with room for a machine that
has other things to do.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from elizanet.http import Http
from elizanet.testing import (
    Bandwidth,
    ChaosProxy,
    Latency,
    LimitData,
    Refuse,
    ResetPeer,
    Slicer,
    SlowClose,
    Upstream,
)
from live.conftest import Gateway, Provider
from support.load import End, Load, Report, ask

SLOW_S = 5.0
"""No call waits longer than this for its first content while another provider is healthy;
nor is one lost that begins later than this after everything was down."""

SOON_AGAIN_S = 12.0
"""A breaker stays open for up to 6 s at first; then three answers in a row close it."""


@pytest.fixture
async def primary() -> AsyncIterator[Upstream]:
    async with Upstream("primary", record=False) as upstream:
        yield upstream


@pytest.fixture
async def backup() -> AsyncIterator[Upstream]:
    async with Upstream("backup", record=False) as upstream:
        yield upstream


def assert_none_noticed(report: Report) -> None:
    """Every call was answered, by one provider, soon."""
    assert report.outcomes
    assert not report.lost, report.lost[:3]
    assert report.first(100) < SLOW_S, str(report)
    assert report.ends == {End.ANSWERED: len(report.outcomes)}, str(report)
    texts = {(each.provider, each.text) for each in report.outcomes}
    assert texts <= {(name, f"{name} answers: Hello") for name in ("primary", "backup")}


async def test_a_killed_primary_loses_no_call_and_gets_its_calls_back(
    gateway: Gateway, provider: Provider
) -> None:
    """kill -9 under load, a restart, and the first choice is the first choice again."""
    primary, backup = await provider("primary"), await provider("backup")
    gate = await gateway({"primary": primary, "backup": backup})
    async with Load(gate.base_url) as load:
        await asyncio.sleep(1)
        await primary.kill()
        await load.until(lambda since: since.providers["backup"] >= 15, within=5)
        await primary.start()
        await load.until(lambda since: since.providers["primary"] >= 5, within=SOON_AGAIN_S)
    assert len(load.report.ends) <= 2
    assert load.report.ends[End.INTERRUPTED] <= 2  # the one that was being sent at that moment
    assert_none_noticed(Report([o for o in load.report.outcomes if o.end is not End.INTERRUPTED]))


async def test_a_frozen_primary_slows_no_call_for_long(
    gateway: Gateway, provider: Provider
) -> None:
    """SIGSTOP: it accepts, and never answers; the worst kind of outage."""
    primary, backup = await provider("primary"), await provider("backup")
    gate = await gateway({"primary": primary, "backup": backup})
    async with Load(gate.base_url) as load:
        await load.until(lambda since: since.providers["primary"] >= 10, within=5)
        primary.stop()
        frozen = load.now
        await asyncio.sleep(3)
    primary.resume()
    assert_none_noticed(load.report)
    detected = load.report.between(frozen + 2.2)
    assert detected.first(100) < 1.5, f"detected, and still waited for: {detected}"


@contextmanager
def blackhole() -> Iterator[str]:
    """The base URL of an address that answers no attempt to connect, as behind a firewall."""
    with ExitStack() as opened:
        listener = opened.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)  # whose queue these fill; the kernel drops what comes after them
        for _ in range(4):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


class At:
    """A provider that is nothing but an address."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url


async def test_a_primary_that_cannot_be_reached_is_soon_left_alone(
    gateway: Gateway, backup: Upstream
) -> None:
    """A firewall that drops: no connection, and no refusal either."""
    with blackhole() as address:
        gate = await gateway({"primary": At(address), "backup": backup})
        async with Load(gate.base_url) as load:
            await asyncio.sleep(3)
        assert_none_noticed(load.report)
        detected = load.report.between(2.2)
        assert detected.first(90) < 0.5, str(detected)


async def test_a_stream_that_breaks_in_the_middle_says_so(
    gateway: Gateway, primary: Upstream, backup: Upstream
) -> None:
    """A reset after the first content is an error event; soon nobody is sent there any more."""
    async with ChaosProxy(primary.base_url) as proxy:
        gate = await gateway({"primary": proxy, "backup": backup})
        async with Load(gate.base_url) as load:
            await asyncio.sleep(0.5)
            proxy.toxics = [ResetPeer(after=700)]
            await load.until(lambda since: since.providers["backup"] >= 5, within=5)
            left_alone = load.now
            await asyncio.sleep(1)
    assert not load.report.lost, load.report.lost[:3]
    assert 1 <= load.report.ends[End.INTERRUPTED] <= 30, str(load.report)
    assert load.report.between(left_alone).ends[End.INTERRUPTED] == 0, str(load.report)


async def test_a_body_that_is_cut_off_is_asked_for_again(
    gateway: Gateway, primary: Upstream, backup: Upstream
) -> None:
    """Nothing of it has reached the caller, who gets the other provider's whole answer."""
    async with ChaosProxy(primary.base_url) as proxy:
        gate = await gateway({"primary": proxy, "backup": backup})
        async with Load(gate.base_url, stream=False) as load:
            await asyncio.sleep(0.5)
            proxy.toxics = [LimitData(after=300)]
            await asyncio.sleep(1.5)
    assert_none_noticed(load.report)
    assert load.report.providers["backup"] >= 15, str(load.report)


async def test_a_slow_and_crumbling_line_is_no_failure(
    gateway: Gateway, primary: Upstream, backup: Upstream
) -> None:
    """Bytes one by one, little bandwidth, latency, a slow close: the first choice answers."""
    async with ChaosProxy(primary.base_url) as proxy:
        gate = await gateway({"primary": proxy, "backup": backup})
        async with Load(gate.base_url, rate=10) as load:
            for toxic in (Slicer(1), Bandwidth(4000), Latency(0.2, jitter=0.1), SlowClose(2)):
                proxy.toxics = [toxic]
                await asyncio.sleep(0.7)
    assert_none_noticed(load.report)
    assert load.report.providers == {"primary": len(load.report.outcomes)}, str(load.report)


async def test_a_head_with_nothing_behind_it_is_silence(
    gateway: Gateway, primary: Upstream, backup: Upstream
) -> None:
    """A 200 is no content: the other provider takes over, and nobody hears of the first."""
    gate = await gateway({"primary": primary, "backup": backup})
    async with Load(gate.base_url) as load:
        await load.until(lambda since: since.providers["primary"] >= 10, within=5)
        primary.fail("hang_headers")
        silent = load.now
        await asyncio.sleep(3)
    assert_none_noticed(load.report)
    detected = load.report.between(silent + 2.2)
    assert detected.first(90) < 0.5, str(detected)


async def test_a_caller_who_leaves_is_gone_for_the_provider_within_100_ms(
    gateway: Gateway,
) -> None:
    """Before an answer, after its head, and in the middle of a stream."""
    loop = asyncio.get_running_loop()
    delays = []
    async with Upstream("only") as upstream, Upstream("other", ["hang"]) as other:
        gate = await gateway({"only": upstream, "other": other})
        port = int(gate.base_url.split(":")[2].split("/")[0])
        for number in range(1, 13):
            upstream.fail(("hang", "hang_headers", "stall_stream=1")[number % 3])
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}'
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n"
                % len(body)
            )
            writer.write(body)
            await upstream.wait_received(number)
            await asyncio.sleep(0.1)
            left = loop.time()
            writer.transport.abort()
            delays.append(await upstream.wait_closed_by_peer(number) - left)
    assert sorted(delays)[len(delays) // 2] < 0.1, delays
    assert max(delays) < 1, delays


async def test_when_everything_is_down_callers_are_told_at_once_and_served_at_once_after(
    gateway: Gateway, primary: Upstream, backup: Upstream
) -> None:
    """A refusal in milliseconds that says when to come back; answers soon after it ends."""
    async with ChaosProxy(primary.base_url) as one, ChaosProxy(backup.base_url) as other:
        gate = await gateway({"primary": one, "backup": other})
        async with Load(gate.base_url) as load:
            await asyncio.sleep(0.5)
            one.toxics = other.toxics = [Refuse(), ResetPeer()]
            down = load.now
            await asyncio.sleep(2)
            up = load.now
            one.toxics = other.toxics = []
            await asyncio.sleep(SLOW_S + 1)
    outage = load.report.between(down, up)
    refused = [each for each in outage.lost if each.end is End.REFUSED]
    assert not load.report.between(up + SLOW_S).lost
    assert len(refused) >= 20, str(outage)
    assert {each.status for each in refused} == {503}
    assert all(each.header("x-should-retry") == "false" for each in refused)
    assert all(int(each.header("retry-after") or 0) >= 1 for each in refused)
    settled = sorted(each.whole for each in refused if each.at > down + 0.7)
    assert settled[len(settled) // 2] < 0.1, "most calls should not have waited"


async def test_a_gateway_short_of_file_descriptors_recovers_without_blaming_providers(
    gateway: Gateway, primary: Upstream, backup: Upstream
) -> None:
    """64 of them and 100 callers at once: some are refused, and afterwards all is as before."""
    gate = await gateway({"primary": primary, "backup": backup}, open_files=64)
    primary.fail("slow=0.5")
    http = Http()
    url = f"{gate.base_url}/chat/completions"
    try:
        burst = await asyncio.gather(*(ask(http, url, stream=True) for _ in range(100)))
    finally:
        await http.aclose()
    primary.heal()
    assert not gate.has_ended
    assert {each.end for each in burst} <= {End.ANSWERED, End.REFUSED, End.DROPPED}
    assert sum(each.end is End.ANSWERED for each in burst) >= 10
    async with Load(gate.base_url) as load:
        await load.until(lambda since: since.providers["primary"] >= 3, within=SOON_AGAIN_S)
        calm = load.now
        await asyncio.sleep(1)
    assert not load.report.between(calm).lost


async def test_two_gateways_in_a_row_do_not_multiply_what_they_try(
    gateway: Gateway, primary: Upstream, backup: Upstream
) -> None:
    """Each protects its own chain; together they ask no provider twice as often."""
    inner = await gateway({"primary": primary, "backup": backup}, name="inner")
    outer = await gateway({"inner": inner}, name="outer")
    async with Load(outer.base_url) as load:
        await asyncio.sleep(0.5)
        primary.fail("status=503")
        await asyncio.sleep(1.5)
        half_down = load.now
        before = primary._received + backup._received
        backup.fail("status=503")
        await asyncio.sleep(2.5)
    assert not load.report.between(0, half_down - 0.1).lost
    calls = load.report.between(half_down)
    asked = primary._received + backup._received - before
    assert asked <= 1.1 * len(calls.outcomes) + 20, (asked, str(calls))
    assert {each.status for each in calls.lost} == {503}
