"""What the gateway refuses itself: a line in the log, a number, and who it was."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import pytest

from elizanet.errors import InputError
from elizanet.gateway.turned_away import KEPT_S, LINES_A_SECOND, Kind, TurnedAway
from elizanet.metrics import Metrics
from elizanet.settings import CallerLimits, CallerSettings, Secret
from elizanet.testing import Upstream
from elizanet.testing.virtual_time import run_virtually

if TYPE_CHECKING:
    from gateway.conftest import Serve

CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
CHATS = "/v1/chat/completions"
UNKNOWN = InputError("there is none", code="model_not_found", status=404)
BUSY = InputError("too much", code="overloaded", status=503)


async def test_the_id_of_a_refusal_is_the_one_in_the_log(
    serve: Serve, primary: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """With who asked, what for, and no key."""
    caplog.set_level(logging.INFO, "elizanet.gateway")
    caller = CallerSettings("team-a", Secret("a-key-of-team-a"), limits=CallerLimits(rpm=2))
    key = "Authorization: Bearer a-key-of-team-a"
    async with serve(primary, callers=(caller,)) as gateway:
        unknown = await gateway.ask(CHATS, b'{"model":"nope","messages":[]}', key)
        await gateway.ask(CHATS, b'{"model":"nope","messages":[]}', key)
        limited = await gateway.ask(CHATS, b'{"model":"nope","messages":[]}', key)
        wrong = await gateway.ask(CHATS, b"{}", "Authorization: Bearer a-key-of-team-b")
        assert (await gateway.get("/status", "Authorization: Bearer a-key-of-team-b")).status == 401
        kinds = gateway.app.observation.turned_away.recent()
    told = {vars(record).get("call_id"): vars(record) for record in caplog.records}
    lines = [told[heard.header("x-elizanet-request-id")] for heard in (unknown, limited, wrong)]
    assert [(line["status"], line["code"], line["caller"]) for line in lines] == [
        (404, "model_not_found", "team-a"),
        (429, "rate_limit_exceeded", "team-a"),
        (401, "invalid_api_key", ""),
    ]
    assert "refused 404 model_not_found (team-a): no chain serves" in lines[0]["message"]
    assert kinds == {Kind(404, "model_not_found", "team-a"): 2,
                     Kind(429, "rate_limit_exceeded", "team-a"): 1,
                     Kind(401, "invalid_api_key", ""): 1}  # fmt: skip
    assert "a-key-of" not in caplog.text


async def test_who_is_shed_is_known(serve: Serve, primary: Upstream) -> None:
    """By the alias of the key."""
    caller = CallerSettings("team-a", Secret("a-key-of-team-a"))
    async with serve(primary, callers=(caller,), max_in_flight=1) as gateway:
        primary.fail("slow=0.5")
        key = "Authorization: Bearer a-key-of-team-a"
        heard = await asyncio.gather(*(gateway.ask(CHATS, CHAT, key) for _ in range(3)))
        kinds = gateway.app.observation.turned_away.recent()
    assert sorted(each.status for each in heard) == [200, 503, 503]
    assert kinds == {Kind(503, "overloaded", "team-a"): 2}


def test_a_flood_is_a_few_lines_and_a_sum(caplog: pytest.LogCaptureFixture) -> None:
    """What it would cost to tell each of them is what has to be saved."""
    caplog.set_level(logging.INFO, "elizanet.gateway")

    async def flood() -> None:
        turned_away = TurnedAway(Metrics())
        for _ in range(500):
            turned_away.add("req_1", "team-a", BUSY)
        turned_away.add("req_2", "", UNKNOWN)
        await asyncio.sleep(2)
        turned_away.add("req_3", "", UNKNOWN)
        turned_away.close()

    run_virtually(flood())
    assert len(caplog.messages) == LINES_A_SECOND + 2
    assert caplog.messages[-2] == (
        "491 more requests were refused: 490 x 503 overloaded (team-a), 1 x 404 model_not_found"
    )
    assert caplog.messages[-1] == "[req_3] refused 404 model_not_found: there is none"


def test_only_the_last_quarter_of_an_hour_is_known() -> None:
    """By the minute, however many they were."""
    now = time.time()

    async def an_hour() -> None:
        nonlocal now
        turned_away = TurnedAway(Metrics(), lambda: now)
        for _ in range(60):
            turned_away.add("req_1", "", UNKNOWN)
            now += 60
        assert 14 <= turned_away.recent().total() <= KEPT_S / 60 + 1
        now += 2 * KEPT_S
        assert repr(turned_away) == "<TurnedAway 0 lately, 50 untold>"
        turned_away.close()

    run_virtually(an_hour())
