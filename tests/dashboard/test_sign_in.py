"""Signing in to the dashboard of a gateway with keys, and out again."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

import pytest

from elizanet.gateway.dashboard import sessions, sign_in
from elizanet.settings import CallerLimits, CallerSettings, Secret, Settings
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from dashboard.conftest import Board, Boards
    from gateway.conftest import Heard

KEY = "the-key-of-an-operator-0123456789"
OTHER = "the-key-of-another-0123456789"
TEAM = CallerSettings("team-a", Secret("the-key-of-team-a"), ("gpt-4o",), CallerLimits(rpm=5))
HOST = "Host: gateway.example"
FORM = "Content-Type: application/x-www-form-urlencoded"
ORIGIN = "Origin: http://gateway.example"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "WRONG_KEY_S", 0.05)


async def enter(shown: Board, key: str = KEY, *headers: str) -> Heard:
    """Send the form of the sign-in page."""
    return await shown.post("/sign-in", f"key={key}".encode(), HOST, FORM, *(headers or (ORIGIN,)))


def cookie(heard: Heard) -> str:
    """Return the header with which a browser sends the cookie back."""
    morsel = SimpleCookie(heard.header("set-cookie") or "")[sign_in.COOKIE]
    return f"Cookie: other=1; {sign_in.COOKIE}={morsel.value}"


async def status(shown: Board, *headers: str) -> int:
    """Return how the data are answered."""
    return (await shown.get("/data/overview", HOST, *headers)).status


async def test_the_key_opens_a_session(board: Boards, primary: Upstream) -> None:
    """It is not sent again: a cookie that no script sees stands in for it."""
    async with board(primary, keys=[KEY]) as shown:
        assert (await shown.get("", HOST)).header("location") == "/dashboard/sign-in"
        assert (await shown.get("/sign-in", HOST)).status == 200
        assert (await shown.get("/session", HOST)).json == {"signed_in": False}
        assert await status(shown) == 401
        entered = await enter(shown)
        assert (entered.status, entered.header("location")) == (303, "/dashboard")
        mine = cookie(entered)
        assert (await shown.get("", HOST, mine)).status == 200
        assert await status(shown, mine) == 200
        assert (await shown.get("/session", HOST, mine)).json == {"signed_in": True}
        assert (await shown.get("/sign-in", HOST, mine)).header("location") == "/dashboard"
        assert (await shown.gateway.ask("/v1/chat/completions", b"{}", mine)).status == 401


async def test_the_cookie_stays_where_it_belongs(board: Boards, primary: Upstream) -> None:
    """Not for scripts, not for other sites, not for other paths, with TLS not without it."""
    async with board(primary, keys=[KEY]) as shown:
        plain = (await enter(shown)).header("set-cookie") or ""
        proxied = (await enter(shown, KEY, ORIGIN, "X-Forwarded-Proto: https")).header("set-cookie")
        secure = (await enter(shown, KEY, "Origin: https://gateway.example")).header("set-cookie")
    said = plain.split("; ")
    assert said[1:] == ["Path=/dashboard", "Max-Age=43200", "HttpOnly", "SameSite=Strict"]
    assert len(said[0]) > 40
    assert KEY not in plain
    for header in (proxied, secure):
        assert (header or "").endswith("; Secure")


async def test_signing_out_ends_the_session(board: Boards, primary: Upstream) -> None:
    """At the gateway, not only in the browser."""
    async with board(primary, keys=[KEY]) as shown:
        mine, another = cookie(await enter(shown)), cookie(await enter(shown))
        left = await shown.post("/sign-out", b"", HOST, ORIGIN, mine)
        assert (left.status, left.header("location")) == (303, "/dashboard/sign-in")
        assert "Max-Age=0" in (left.header("set-cookie") or "")
        assert await status(shown, mine) == 401
        assert await status(shown, another) == 200


async def test_a_wrong_key_opens_nothing(board: Boards, primary: Upstream) -> None:
    """The page says so, without repeating it; a key with limits is refused, too."""
    async with board(primary, keys=[KEY], callers=[TEAM]) as shown:
        for key, code, says in (
            ("wrong<b>", 401, "not a key of this gateway"),
            ("", 401, "not a key of this gateway"),
            (TEAM.key.reveal(), 403, "a key without limits"),
        ):
            heard = await enter(shown, key)
            assert (heard.status, heard.header("set-cookie")) == (code, None)
            assert says in heard.body.decode()
            assert not key or key not in heard.body.decode()


async def test_other_sites_cannot_sign_anybody_in_or_out(board: Boards, primary: Upstream) -> None:
    """Their origin gives them away."""
    async with board(primary, keys=[KEY]) as shown:
        for origin in ("Origin: https://evil.example", "Origin: null"):
            assert (await enter(shown, KEY, origin)).status == 403
            mine = cookie(await enter(shown))
            assert (await shown.post("/sign-out", b"", HOST, origin, mine)).status == 403
            assert await status(shown, mine, origin) == 403
            assert await status(shown, mine) == 200


async def test_made_up_cookies_open_nothing(board: Boards, primary: Upstream) -> None:
    """Whatever they look like."""
    async with board(primary, keys=[KEY]) as shown:
        await enter(shown)
        for value in ("", "x", "x" * 43, "x" * 5000, '"', "\xff", "a=b", f"{KEY}"):
            made_up = f"Cookie: {sign_in.COOKIE}={value}"
            assert (value, await status(shown, made_up)) == (value, 401)


async def test_a_key_works_on_the_data_without_a_session(board: Boards, primary: Upstream) -> None:
    """For programs; one with limits does not."""
    async with board(primary, keys=[KEY], callers=[TEAM]) as shown:
        for key, code in ((KEY, 200), (TEAM.key.reveal(), 403), ("wrong", 401)):
            assert await status(shown, f"Authorization: Bearer {key}") == code


async def test_wrong_keys_are_slow_and_few_at_a_time(
    board: Boards, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who tries many at once learns nothing of those beyond a few, not even of the right one."""
    monkeypatch.setattr(sign_in, "WRONG_KEY_S", 1.0)
    async with board(primary, keys=[KEY]) as shown:
        began = asyncio.get_running_loop().time()
        tries = [
            asyncio.create_task(enter(shown, f"wrong-{n}")) for n in range(sessions.MOST_TRYING)
        ]
        await asyncio.sleep(0.3)
        right = await enter(shown)
        assert (right.status, right.header("retry-after")) == (429, "1")
        assert {heard.status for heard in await asyncio.gather(*tries)} == {401}
        assert asyncio.get_running_loop().time() - began >= 1.0
        assert (await enter(shown)).status == 303


async def test_a_session_outlives_a_reload_but_not_its_key(
    board: Boards, primary: Upstream
) -> None:
    """Keys are changed by a reload; whoever signed in with one that is gone is out."""
    async with board(primary, keys=[KEY, OTHER]) as shown:
        mine, others = cookie(await enter(shown)), cookie(await enter(shown, OTHER))
        app = shown.gateway.app
        app.reload(app.settings)
        assert await status(shown, mine) == 200
        app.reload(with_callers(app.settings, CallerSettings("key-1", Secret(KEY))))
        assert (await status(shown, mine), await status(shown, others)) == (200, 401)
        changed = CallerSettings("key-1", Secret("another-key-under-the-same-name"))
        app.reload(with_callers(app.settings, changed))
        assert await status(shown, mine) == 401
        assert (await shown.get("", HOST, mine)).header("location") == "/dashboard/sign-in"


async def test_a_session_is_refused_once_its_key_has_limits(
    board: Boards, primary: Upstream
) -> None:
    """What its caller may do is looked at each time."""
    async with board(primary, keys=[KEY]) as shown:
        mine = cookie(await enter(shown))
        limited = CallerSettings("key-1", Secret(KEY), ("gpt-4o",), CallerLimits())
        shown.gateway.app.reload(with_callers(shown.gateway.app.settings, limited))
        assert await status(shown, mine) == 403


async def test_without_keys_there_is_nothing_to_sign_in_to(
    board: Boards, primary: Upstream
) -> None:
    """The page is open on this machine."""
    async with board(primary) as shown:
        assert (await shown.get("/sign-in")).header("location") == "/dashboard"
        assert (await shown.get("/session")).json == {"signed_in": True}


async def test_no_log_and_no_answer_has_the_key_or_the_token(
    board: Boards, primary: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """Both are secrets."""
    async with board(primary, keys=[KEY]) as shown:
        mine = cookie(await enter(shown))
        overview = await shown.get("/data/overview", HOST, mine)
        said = f"{caplog.text} {overview.body!r} {shown.gateway.app.gateway.dashboard!r}"
    token = re.sub(".*=", "", mine)
    assert KEY not in said
    assert token not in said


def with_callers(settings: Settings, *callers: CallerSettings) -> Settings:
    return replace(settings, gateway=replace(settings.gateway, callers=callers))
