"""The agent's own provider is left alone while it is down, and found again when it is back."""

from __future__ import annotations

import asyncio
import time

import pytest

from elizanet.testing import Upstream
from elizaos_plugin_elizanet_fallback import plugin as fallback
from elizaos_plugin_elizanet_fallback.primary import Primary, Visit, refusal_of
from support.agents import log_of, running

HELLO = {"prompt": "hi"}
BY_PRIMARY, BY_ELIZANET = "primary answers: hi", "elizanet answers: hi"


async def test_a_provider_that_is_down_is_left_alone_after_three_failures(
    primary: Upstream, elizanet: Upstream
) -> None:
    """The agent does not wait for it on every message."""
    primary.fail("status=503")
    async with running() as agent:
        for _ in range(6):
            assert await agent.use_model("TEXT_SMALL", HELLO) == BY_ELIZANET
        assert len(primary.requests) == 3
        told = log_of(agent).said("[ElizaNet]", "warning")
    assert any("breaker open" in line for line in told)


async def test_each_model_type_has_its_own_health(primary: Upstream, elizanet: Upstream) -> None:
    """One model that is down takes no other with it."""
    async with running() as agent:
        primary.fail("status=503")
        for _ in range(4):
            await agent.use_model("TEXT_SMALL", HELLO)
        primary.heal()
        assert await agent.use_model("TEXT_LARGE", HELLO) == BY_PRIMARY


async def test_a_silent_provider_has_its_limit(primary: Upstream, elizanet: Upstream) -> None:
    """ELIZANET_PRIMARY_TIMEOUT ends the wait; the provider's own client would go on."""
    primary.fail("hang")
    async with running(settings={"ELIZANET_PRIMARY_TIMEOUT": "300"}) as agent:
        began = time.monotonic()
        assert await agent.use_model("TEXT_SMALL", HELLO) == BY_ELIZANET
        assert 0.3 <= time.monotonic() - began < 2
        text = "".join(
            [piece async for piece in agent.use_model_stream("TEXT_SMALL_STREAM", HELLO)]
        )
        assert text == BY_ELIZANET


async def test_waiting_calls_leave_a_provider_that_is_found_down(
    primary: Upstream, elizanet: Upstream
) -> None:
    """Three failures open the breaker, and the call that still waits is answered at once."""
    async with running() as agent:
        primary.fail("hang", "status=503")
        waiting = asyncio.create_task(agent.use_model("TEXT_SMALL", HELLO))
        await asyncio.sleep(0.2)
        for _ in range(3):
            await agent.use_model("TEXT_SMALL", HELLO)
        assert await asyncio.wait_for(waiting, 2) == BY_ELIZANET


async def test_when_the_fallback_fails_the_provider_is_asked_all_the_same(
    primary: Upstream, elizanet: Upstream
) -> None:
    """A breaker is an opinion, and must not be the outage; nobody is asked twice for it."""
    async with running() as agent:
        primary.fail("status=503")
        for _ in range(3):
            await agent.use_model("TEXT_SMALL", HELLO)
        primary.heal()
        elizanet.fail("bad_request")
        before = len(elizanet.requests)
        assert await agent.use_model("TEXT_SMALL", HELLO) == BY_PRIMARY
        pieces = [piece async for piece in agent.use_model_stream("TEXT_SMALL_STREAM", HELLO)]
        assert "".join(pieces) == BY_PRIMARY
        assert len(elizanet.requests) == before + 2


async def test_an_agent_without_another_provider_is_not_watched(elizanet: Upstream) -> None:
    """Its only provider is this plugin, whose chain has a health of its own."""
    elizanet.fail("status=503")
    async with running(fallback) as agent:
        for _ in range(4):
            with pytest.raises(Exception, match=r"503|overloaded|all targets"):
                await agent.use_model("TEXT_SMALL", HELLO)


async def test_a_probe_that_hangs_is_cut() -> None:
    """A half-open provider has a limited time to show that it is back."""
    told: list[object] = []
    primary = Primary(None, told.append)
    lane = primary.lane("TEXT_SMALL")
    lane.model.answered(2.0, 0.0, 0, stream=False)
    for _ in range(3):
        visit = Visit(lane, None, stream=False)
        visit.too_late()
        visit.close()
    assert refusal_of(lane) is not None
    lane.model.breaker._admits_at = 0.0
    probe = Visit(lane, None, stream=False)
    assert probe.seconds == 10.0
    probe.close()
