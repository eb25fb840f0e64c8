"""`/status`: what operators see, and what they may do."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from elizanet.settings import (
    CallerLimits,
    CallerSettings,
    RouteSettings,
    Secret,
    Settings,
    TargetSettings,
)
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from gateway.conftest import Serve

CHATS = "/v1/chat/completions"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
HERE = "Host: localhost"
BREAKERS = "/status/breakers"
KEPT, OTHER = TargetSettings("primary", "*"), TargetSettings("backup", "another")


def through(settings: Settings, *targets: TargetSettings) -> Settings:
    """The settings with a chain of these targets."""
    return replace(settings, routes=(RouteSettings("gpt-4o", targets),))


def order(target: str, state: str) -> bytes:
    return json.dumps({"target": target, "state": state}).encode()


async def test_the_status_tells_of_targets_and_of_the_process(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """In JSON, and it is not kept by caches."""
    primary.fail("status=503")
    async with serve(primary, backup) as gateway:
        await gateway.ask()
        heard = await gateway.get("/status", HERE)
    assert heard.status == 200
    assert heard.header("cache-control") == "no-store"
    told = heard.json
    assert (told["status"], told["in_flight"], told["max_in_flight"]) == ("ready", 0, 1000)
    assert told["lag_ms"] >= 0
    assert told["callers"] == []
    first, second = told["targets"]
    assert (first["provider"], first["model"], first["state"]) == ("primary", "gpt-4o", "closed")
    assert first["score"] > 0
    assert (second["provider"], second["score"]) == ("backup", 0)


async def test_the_status_tells_what_the_checks_found(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """In the order of the settings; and nothing where checks are switched off."""
    backup.fail("status=503")
    async with serve(primary, backup, check_every=0.1) as gateway:
        async with asyncio.timeout(5):
            while len(told := (await gateway.get("/status", HERE)).json["checks"]) < 2:
                await asyncio.sleep(0.01)
    first, second = told
    assert (first["provider"], first["healthy"], first["state"]) == ("primary", True, "healthy")
    assert (second["provider"], second["state"]) == ("backup", "unhealthy")
    assert second["reason"].startswith("overloaded: ")
    assert second["since"] <= second["at"] <= time.time()
    async with serve(primary) as gateway:
        assert (await gateway.get("/status", HERE)).json["checks"] == []


async def test_an_operator_takes_a_target_out_and_back_in(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """Open sends calls elsewhere, closed sends them there whatever happens, auto ends both."""
    async with serve(primary, backup) as gateway:
        for state, provider in (("open", "backup"), ("closed", "primary"), ("auto", "primary")):
            heard = await gateway.ask(BREAKERS, order("primary/gpt-4o", state), HERE)
            assert (heard.status, heard.json["state"]) == (200, state)
            answer = await gateway.ask()
            assert (state, answer.header("x-elizanet-provider")) == (state, provider)


async def test_what_is_held_is_told_before_it_was_asked(serve: Serve, primary: Upstream) -> None:
    """And by the name under which it can be let go."""
    async with serve(primary, model="gpt-*") as gateway:
        for target in ("primary/gpt-4o", "primary"):
            await gateway.ask(BREAKERS, order(target, "open"), HERE)
        told = (await gateway.get("/status", HERE)).json
        assert told["targets"] == []
        held = [{"target": name, "state": "open"} for name in ("primary/gpt-4o", "primary/*")]
        assert told["forced"] == held
        for each in held:
            assert (await gateway.ask(BREAKERS, order(each["target"], "auto"), HERE)).status == 200
        assert (await gateway.get("/status", HERE)).json["forced"] == []


@pytest.mark.parametrize("target", ["primary/gpt-5", "backup/gpt-4o", "backup/another"])
async def test_what_no_chain_asks_for_cannot_be_held(
    serve: Serve, primary: Upstream, backup: Upstream, target: str
) -> None:
    """An operator in a hurry hears of the slip."""
    async with serve(primary, backup) as gateway:
        gateway.app.reload(through(gateway.app.settings, KEPT))
        heard = await gateway.ask(BREAKERS, order(target, "open"), HERE)
        assert (heard.status, heard.error["param"]) == (400, "target")
        assert (await gateway.get("/status", HERE)).json["forced"] == []


async def test_what_no_chain_asks_for_any_more_can_be_let_go(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """What an operator holds outlives a reload."""
    async with serve(primary, backup) as gateway:
        settings = gateway.app.settings
        gateway.app.reload(through(settings, KEPT, OTHER))
        assert (await gateway.ask(BREAKERS, order("backup/another", "open"), HERE)).status == 200
        gateway.app.reload(through(settings, KEPT))
        assert (await gateway.ask(BREAKERS, order("backup/another", "auto"), HERE)).status == 200
        assert (await gateway.get("/status", HERE)).json["forced"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"target":"primary/gpt-4o"}',
        b'{"target":"primary/gpt-4o","state":"half_open"}',
        b'{"target":5,"state":"open"}',
        b'{"target":"primary/gpt-4o","state":"open","for":60}',
        b'{"target":"nobody/gpt-4o","state":"open"}',
        b'{"target":"\xff","state":"open"}',
    ],
)
async def test_a_wrong_order_changes_nothing(serve: Serve, primary: Upstream, body: bytes) -> None:
    """It is told in one sentence what is allowed."""
    async with serve(primary) as gateway:
        heard = await gateway.ask(BREAKERS, body, HERE)
        assert heard.status == 400
        assert "\n" not in heard.error["message"]
        assert (await gateway.ask()).status == 200


async def test_the_status_is_for_operators(serve: Serve, primary: Upstream) -> None:
    """A caller with limits is not one; without a key nothing is told."""
    team = CallerSettings("team-a", Secret("team-a-key"), ("gpt-4o",), CallerLimits(rpm=5))
    async with serve(primary, keys=["operator-key"], callers=[team]) as gateway:
        for key, status in (("operator-key", 200), ("team-a-key", 403), ("wrong", 401)):
            heard = await gateway.get("/status", f"api-key: {key}")
            assert (key, heard.status) == (key, status)
            forced = await gateway.ask(BREAKERS, order("primary/*", "auto"), f"api-key: {key}")
            assert (key, forced.status) == (key, status)
        told = (await gateway.get("/status", "api-key: operator-key")).json["callers"]
        assert [caller["alias"] for caller in told] == ["key-1", "team-a"]
        assert told[1]["limits"] == {"rpm": 5, "tpm": None, "concurrent": None}
        assert "key" not in told[1]


async def test_the_status_has_one_method_each(serve: Serve, primary: Upstream) -> None:
    """405 with the right one."""
    async with serve(primary) as gateway:
        assert (await gateway.ask("/status", b"{}", HERE)).header("allow") == "GET, HEAD"
        assert (await gateway.get(BREAKERS, HERE)).header("allow") == "POST"
