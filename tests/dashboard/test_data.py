"""The data behind the page, from a real gateway with real records."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from elizanet.gateway.dashboard.calls import PAGE
from elizanet.gateway.dashboard.ranges import RANGES
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from dashboard.conftest import Board, Boards

STREAM = b'{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]}'
CHATS = "/v1/chat/completions"


async def ask(shown: Board, count: int, body: bytes | None = None) -> None:
    for _ in range(count):
        await (shown.gateway.ask() if body is None else shown.gateway.ask(CHATS, body))


def words(sentence: list[str | float]) -> str:
    return "".join(part if isinstance(part, str) else "TIME" for part in sentence)


def provider(overview: Any, name: str) -> Any:
    return next(each for each in overview["providers"] if each["name"] == name)


async def test_before_the_first_call(board: Boards, primary: Upstream) -> None:
    """There are no records yet, and that is no failure."""
    async with board(primary) as shown:
        overview = await shown.overview()
        assert overview["records"]["state"] == "empty"
        assert overview["history"] is None
        assert overview["process"] == overview["process"] | {
            "status": "ready", "in_flight": 0, "max_in_flight": 1000, "has_keys": False,
        }  # fmt: skip
        (only,) = overview["providers"]
        assert (only["name"], only["state"], only["lanes"]) == ("primary", "idle", [])
        assert await shown.calls() == []


async def test_a_calm_gateway(board: Boards, primary: Upstream, backup: Upstream) -> None:
    """What was asked, who answered, how long it took."""
    async with board(primary, backup) as shown:
        await ask(shown, 3)
        await ask(shown, 1, STREAM)
        overview = await shown.until(
            lambda seen: (
                (seen["history"] or {}).get("totals", {}).get("calls") == 4
                and seen["headline"]["level"] == "calm"
                and not seen["records"]["behind"]
            )
        )
    history = overview["history"]
    assert words(overview["headline"]["text"]) == "Everything answers."
    totals = history["totals"]
    assert (totals["answered"], totals["failed"], totals["fallbacks"]) == (4, 0, 0)
    assert totals["seconds_p50"] > 0
    assert totals["first_content_p50"] > 0
    assert history["by_reason"] == {}
    ((target, counts),) = history["by_target"].items()
    assert (target, sum(counts)) == ("primary/gpt-4o", 4)
    assert len(history["at"]) == len(counts) == len(history["columns"]["calls"]) == 15
    assert [row["key"] for row in history["models"]] == [["gpt-4o"]]
    assert history["asked"]["primary"] == {"attempts": 4, "failures": {}}
    assert history["timelines"] == {"primary": [], "backup": []}
    assert overview["records"] == {"state": "on", "reason": "", "dropped": 0, "behind": 0}


async def test_an_outage_and_its_end(board: Boards, primary: Upstream, backup: Upstream) -> None:
    """Who fails since when, who helps, who is affected; and afterwards, that it is over."""
    async with board(primary, backup, keys=["operator-key"]) as shown:
        shown.headers = ("Host: gateway", "api-key: operator-key")

        async def calls(count: int) -> None:
            for _ in range(count):
                await shown.gateway.ask(CHATS, STREAM, "api-key: operator-key")

        primary.fail("status=503")
        await calls(10)
        out = await shown.until(
            lambda seen: seen["history"] and seen["history"]["totals"]["calls"] == 10
            and seen["history"]["timelines"]["primary"]
        )  # fmt: skip
        said, more = out["headline"], [words(each) for each in out["headline"]["more"]]
        assert said["level"] == "notice"
        assert words(said["text"]).startswith("primary is failing since TIME: ")
        assert words(said["text"]).endswith(", all overload errors.")
        assert more[0] == "Its calls go to backup; all 10 calls were answered."
        assert "Affected: gpt-4o and key-1." in more
        failing = provider(out, "primary")
        assert (failing["state"], failing["affected"], failing["lane_count"]) == ("open", 1, 1)
        assert failing["again_in"] > 0
        ((_, _, state, _reason),) = out["history"]["timelines"]["primary"]
        assert state == "open"
        assert sum(out["history"]["by_reason"]["overloaded"]) == 10

        primary.heal()
        shown.gateway.router.force("primary/gpt-4o", None)
        lane = dict(shown.gateway.router.registry.lanes)
        for each in lane.values():
            each.model.breaker._close(0.0, "for the test")
        await calls(3)
        over = await shown.until(lambda seen: seen["headline"]["level"] == "calm")
        assert words(over["headline"]["text"]) == "Everything answers again."
        assert words(over["headline"]["more"][0]).startswith("primary was failing for ")


async def test_everything_fails(board: Boards, primary: Upstream) -> None:
    """An outage has that level, and calls without an answer are nobody's."""
    primary.fail("status=503")
    async with board(primary) as shown:
        await ask(shown, 5)
        overview = await shown.until(
            lambda seen: seen["history"] and seen["history"]["totals"]["failed"] == 5
        )
        assert sum(overview["history"]["by_target"][""]) == 5
        rows = await shown.calls(which="failed")
        assert [(row["outcome"], row["by"]) for row in rows] == [("failed", "")] * 5


@pytest.mark.parametrize("shown_range", list(RANGES))
async def test_each_range_has_a_place_for_each_step(
    board: Boards, primary: Upstream, shown_range: str
) -> None:
    """Also for those in which nothing happened; and little enough to be sent again and again."""
    async with board(primary) as shown:
        await ask(shown, 1)
        await shown.until(lambda seen: seen["history"] and seen["history"]["totals"]["calls"])
        overview = await shown.overview(shown_range)
        heard = await shown.get(f"/data/overview?range={shown_range}")
    history, chosen = overview["history"], RANGES[shown_range]
    assert len(history["at"]) == chosen.length / chosen.step
    assert len(history["at"]) <= 100
    assert history["at"][-1] <= overview["at"] < history["at"][-1] + chosen.step
    assert all(at % chosen.step == 0 for at in history["at"])
    assert sum(history["columns"]["calls"][-2:]) == 1  # a step may have begun since
    assert len(heard.body) < 100_000


async def test_a_call_is_told_with_all_that_is_known(
    board: Boards, primary: Upstream, backup: Upstream
) -> None:
    """Who was asked, what failed, who was passed over; found from the list."""
    primary.fail("rate_limit,retry-after=20")
    async with board(primary, backup) as shown:
        await ask(shown, 2)
        await shown.until(lambda seen: seen["history"] and seen["history"]["totals"]["calls"] == 2)
        second, first = await shown.calls()
        assert (first["by"], first["fallback_reason"]) == ("backup/gpt-4o", "rate_limit")
        assert first["asked"] == ["primary/gpt-4o", "backup/gpt-4o"]
        assert (second["asked"], second["passed_over"]) == (["backup/gpt-4o"], ["primary/gpt-4o"])
        heard = await shown.get(f"/data/calls/{first['id']}")
        assert heard.status == 200
        failed, answered = heard.json["attempts"]
        assert (failed["failure_class"], failed["status"]) == ("rate_limit", 429)
        assert answered["failure_class"] is None
        (passed,) = (await shown.get(f"/data/calls/{second['id']}")).json["passed_over"]
        assert (passed["provider"], passed["reason"]) == ("primary", "rate_limited")
        for wrong in ("req_000000000000", "x", "", "%00", "a/b"):
            assert (wrong, (await shown.get(f"/data/calls/{wrong}")).status) == (wrong, 404)


async def test_the_list_of_calls_is_filtered_and_goes_on(
    board: Boards, primary: Upstream, backup: Upstream
) -> None:
    """A page at a time, newest first, without a gap."""
    async with board(primary, backup) as shown:
        primary.fail("bad_request,times=1")
        await ask(shown, PAGE + 5)
        await shown.until(
            lambda seen: seen["history"] and seen["history"]["totals"]["calls"] == PAGE + 5
        )
        pages, last = [], ""
        for _ in range(2):
            heard = await shown.get(
                f"/data/calls?which=all&before={last}" if last else "/data/calls?which=all"
            )
            pages.append(heard.json)
            last = heard.json["calls"][-1]["id"]
        assert [(len(page["calls"]), page["more"]) for page in pages] == [(PAGE, True), (5, False)]
        ids = [row["id"] for page in pages for row in page["calls"]]
        assert ids == sorted(set(ids), reverse=True)
        assert len(await shown.calls(which="failed")) == 1
        assert len(await shown.calls(which="troubled")) == 1
        assert await shown.calls(which="fallbacks") == []
        assert await shown.calls(which="all", provider="backup") == []
        assert len(await shown.calls(which="all", model="gpt-4o", caller="anonymous")) == PAGE
        assert await shown.calls(which="all", model="gpt-5") == []


@pytest.mark.parametrize(
    "path",
    [
        "/data/overview?range=2h",
        "/data/overview?range=",
        "/data/overview?rang=1h",
        "/data/calls?which=good",
        "/data/calls?limit=1000000",
        "/data/calls?range=%ff",
    ],
)
async def test_a_wrong_question_is_refused_in_a_sentence(
    board: Boards, primary: Upstream, path: str
) -> None:
    """It names what is allowed."""
    async with board(primary) as shown:
        heard = await shown.get(path)
    if path.endswith("range="):
        assert heard.status == 200  # nothing is asked for
        return
    assert heard.status == 400
    assert "allowed are" in heard.error["message"]


async def test_without_records_the_states_are_shown(board: Boards, primary: Upstream) -> None:
    """And it is told that there are none."""
    async with board(primary, records="none") as shown:
        await ask(shown, 1)
        overview = await shown.overview()
        assert overview["records"] == {"state": "off", "reason": "", "dropped": 0, "behind": 0}
        assert overview["history"] is None
        assert words(overview["headline"]["text"]) == "No provider is in trouble."
        assert provider(overview, "primary")["state"] == "closed"
        assert await shown.calls() == []
        assert (await shown.get("/data/calls/req_000000000000")).status == 404


async def test_a_database_that_fails_is_told_of(
    board: Boards, primary: Upstream, database: str
) -> None:
    """The states are shown all the same, and calls are answered."""
    async with board(primary) as shown:
        await ask(shown, 1)
        await shown.until(lambda seen: seen["history"])
        file = sqlite3.connect(database.removeprefix("sqlite:///"))
        with file:
            for (table,) in file.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            ).fetchall():
                file.execute(f"ALTER TABLE {table} RENAME TO {table}_gone")
        file.close()
        overview = await shown.until(lambda seen: seen["records"]["state"] == "failing")
        assert overview["records"]["reason"]
        assert "\n" not in overview["records"]["reason"]
        assert provider(overview, "primary")["state"] == "closed"
        assert (await shown.get("/data/calls")).status == 503
        assert (await shown.gateway.ask()).status == 200


async def test_an_operator_holds_a_provider_and_lets_it_go(
    board: Boards, primary: Upstream, backup: Upstream
) -> None:
    """Drained: no new call comes to it, and everybody is told why."""
    async with board(primary, backup) as shown:

        async def hold(target: str, state: str) -> None:
            order = json.dumps({"target": target, "state": state}).encode()
            heard = await shown.post("/data/breakers", order)
            assert (heard.status, heard.json) == (200, {"target": target, "state": state})

        await ask(shown, 1)
        await hold("primary", "open")
        answer = await shown.gateway.ask()
        assert answer.header("x-elizanet-provider") == "backup"
        overview = await shown.overview()
        drained = provider(overview, "primary")
        assert (drained["held"], drained["state"], drained["in_flight"]) == ("open", "idle", 0)
        said = [words(each) for each in overview["headline"]["more"]]
        assert "primary (taken out) is held by an operator." in said
        await hold("primary", "auto")
        seen = await shown.until(
            lambda seen: seen["history"] and seen["history"]["timelines"]["primary"]
            and seen["headline"]["level"] == "calm"
        )  # fmt: skip
        assert {state for _, _, state, _ in seen["history"]["timelines"]["primary"]} == {"held"}
        assert words(seen["headline"]["text"]) == "Everything answers."
        await hold("primary/gpt-4o", "closed")
        held = provider(await shown.overview(), "primary")
        assert (held["held"], held["held_models"]) == (None, {"gpt-4o": "closed"})
        answer = await shown.gateway.ask()
        assert answer.header("x-elizanet-provider") == "primary"


async def test_a_wrong_order_or_another_site_changes_nothing(
    board: Boards, primary: Upstream
) -> None:
    """As with `/status`."""
    good = b'{"target":"primary","state":"open"}'
    async with board(primary) as shown:
        for body in (b"", b"{}", b'{"target":"nobody","state":"open"}', b'{"target":"primary"}'):
            assert (await shown.post("/data/breakers", body)).status == 400
        heard = await shown.post("/data/breakers", good, "Host: localhost", "Origin: http://evil")
        assert heard.status == 403
        assert provider(await shown.overview(), "primary")["held"] is None
