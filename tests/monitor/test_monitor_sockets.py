"""Checks and calls together, over real sockets: what checks may decide, and what not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Self

import pytest

from elizanet.errors import CallFailed
from elizanet.gateway.reload import ReloadableGateway
from elizanet.monitor import Monitor
from elizanet.operation import Operation
from elizanet.policy.breaker import Breaker, BreakerState
from elizanet.router import Router
from elizanet.settings import HealthSettings, Settings
from elizanet.telemetry import HealthChanged, TelemetryEvent
from elizanet.testing import Upstream

CHAT = b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}'
MakeSettings = Callable[..., Settings]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


class Checked:
    """A router whose providers are checked ten times a second."""

    def __init__(self, settings: Settings) -> None:
        self.told: list[TelemetryEvent] = []
        settings = replace(settings, health=HealthSettings(interval=0.1))
        self.router = Router(settings, sinks=(self.told.append,))
        self.monitor = Monitor(lambda: self.router)

    async def __aenter__(self) -> Self:
        self.monitor.start()
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        await self.monitor.aclose()
        await self.router.aclose()

    async def ask(self) -> str:
        """Make a call, and return who answered."""
        async with await self.router.send(Operation.CHAT, "m", CHAT) as answer:
            await answer.read()
            return answer.head.provider

    async def found(self, provider: str, state: str) -> None:
        """Wait until a provider is found in a state."""
        await until(lambda: self.state(provider) == state)

    def state(self, provider: str) -> str | None:
        result = self.monitor.results().get(provider)
        return None if result is None else result.state

    @property
    def host(self) -> Breaker:
        """The breaker of the first host."""
        return self.router.registry._host("primary").breaker

    @property
    def model(self) -> Breaker:
        """The breaker of the model at it."""
        return dict(self.router.registry.lanes)[
            "primary", "primary", Operation.CHAT, "m"
        ].model.breaker

    def changes(self, what: str) -> Iterator[tuple[str, str]]:
        for event in self.told:
            if isinstance(event, HealthChanged) and event.what == what:
                yield event.subject, event.state


async def test_an_outage_is_seen_without_a_call_and_decides_nothing(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """The operator is told, calls go where they went, and are served by the next one."""
    async with Checked(make_settings(primary, backup)) as checked:
        await checked.found("primary", "healthy")
        primary.fail("refuse")
        await checked.found("primary", "unhealthy")
        await asyncio.sleep(1.0)
        assert checked.host.state is BreakerState.CLOSED
        assert await checked.ask() == "backup"
        primary.heal()
        await checked.found("primary", "healthy")
        assert await checked.ask() == "primary"
    assert list(checked.changes("check")) == [("primary", "unhealthy"), ("primary", "healthy")]
    assert list(checked.changes("breaker")) == []


async def test_failed_checks_confirm_a_host_that_calls_cannot_reach(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """Half as many failures open its breaker: two calls, each of which tries twice."""
    async with Checked(make_settings(primary, backup)) as checked:
        primary.fail("refuse")
        await until(lambda: checked.host.score(asyncio.get_running_loop().time()) > 3.9)
        calls = 0
        while checked.host.state is BreakerState.CLOSED:
            assert await checked.ask() == "backup"
            calls += 1
        assert calls == 2


async def test_flapping_checks_do_no_harm_to_a_provider_that_answers(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """Every other request for the models is cut off; every call is answered by the first."""
    async with Checked(make_settings(primary, backup)) as checked:
        for _ in range(6):
            primary.fail("close,path=models")
            await checked.found("primary", "unhealthy")
            assert {await checked.ask() for _ in range(8)} == {"primary"}
            primary.heal()
            await checked.found("primary", "healthy")
            assert {await checked.ask() for _ in range(8)} == {"primary"}
        assert checked.host.state is BreakerState.CLOSED
    assert list(checked.changes("breaker")) == []


async def test_good_checks_do_not_help_a_provider_that_answers_nobody(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """Its breaker opens as if there were no checks, and stays open."""
    primary.fail("status=503,path=chat/completions")
    async with Checked(make_settings(primary, backup)) as checked:
        await checked.found("primary", "healthy")
        for _ in range(8):
            assert await checked.ask() == "backup"
        assert checked.model.state is BreakerState.OPEN
        until_then = checked.model.admits_at()
        await asyncio.sleep(0.5)
        assert checked.model.admits_at() == until_then
        asked = sum("chat" in request.path for request in primary.requests)
        assert await checked.ask() == "backup"
        assert sum("chat" in request.path for request in primary.requests) == asked == 8


async def test_a_good_check_brings_the_first_call_back_soon(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """The host is back: its breaker waits no longer than after the first failure."""
    primary.fail("refuse")
    async with Checked(make_settings(primary, backup)) as checked:
        while checked.host.state is BreakerState.CLOSED:
            await checked.ask()
        now = asyncio.get_running_loop().time
        checked.host._probes_failed = 5
        checked.host._open(now(), "a probe failed")
        assert checked.host.admits_at() - now() > 20
        primary.heal()
        await until(lambda: checked.host.admits_at() - now() < 5)
        assert checked.host.state is BreakerState.OPEN


async def test_a_gateway_checks_what_its_newest_settings_name(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """From its beginning to its end, and no longer."""
    settings = replace(make_settings(primary), health=HealthSettings(interval=0.1))
    both = replace(make_settings(primary, backup), health=HealthSettings(interval=0.1))
    before = asyncio.all_tasks()
    async with ReloadableGateway(settings, sinks=()) as app:
        await until(lambda: "primary" in app.observation.monitor.results())
        assert backup.requests == []
        app.reload(both)
        await until(lambda: "backup" in app.observation.monitor.results())
        app.reload(replace(both, health=HealthSettings(interval=0)))
        await until(lambda: app.observation.monitor.results() == {})
    ours = [t for t in asyncio.all_tasks() - before if "elizanet/testing" not in repr(t)]
    assert ours == []


async def test_a_check_asked_for_by_hand_is_the_same_check(
    primary: Upstream, make_settings: MakeSettings
) -> None:
    """`net.health_check()` and `elizanet check` go this way."""
    async with Router(make_settings(primary), sinks=()) as router:
        assert (await router.health())["primary"].state == "healthy"
        primary.fail("status=404")
        found = (await router.health())["primary"]
        assert (found.state, bool(found), found.reached) == ("reachable", False, True)
        primary.fail("refuse")
        assert (await router.health())["primary"].reached is False
        score = router.registry._host("primary").breaker.score
        assert score(asyncio.get_running_loop().time()) == pytest.approx(2, rel=0.01)
        with pytest.raises(CallFailed):
            await router.send(Operation.CHAT, "m", CHAT)


async def test_a_check_that_we_cut_off_ourselves_is_no_evidence(
    primary: Upstream, make_settings: MakeSettings
) -> None:
    """The connections of replaced settings are closed under it."""
    primary.fail("hang,path=models")
    router = Router(make_settings(primary), sinks=())
    check = asyncio.create_task(router.check("primary"))
    await primary.wait_received()
    await router.aclose()
    assert (await check).reached is False
    now = asyncio.get_running_loop().time()
    assert router.registry._host("primary").breaker.score(now) == 0
