"""The dashboard in a real Chromium: what it shows, by keyboard, to everybody, and live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import Browser, Page, expect

from dashboard.conftest import eventually
from elizanet.policy.breaker import BreakerState
from elizanet.records import roll_ups
from elizanet.testing import Upstream
from gateway.conftest import CHAT
from support.browsing import (
    DESK,
    PHONE,
    Scheme,
    chromium,
    inaccessible,
    is_wider_than_its_window,
    visiting,
)

if TYPE_CHECKING:
    from dashboard.conftest import Board, Boards

pytestmark = pytest.mark.browser

KEY = "the-key-of-an-operator-0123456789"
NARROWEST = 320
LOOKS = [("light", DESK), ("dark", DESK), ("light", PHONE), ("dark", PHONE)]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started


@asynccontextmanager
async def in_trouble(board: Boards, primary: Upstream, backup: Upstream) -> AsyncIterator[Board]:
    """A gateway whose first choice has failed, and whose calls were answered by the second."""
    primary.fail("status=503")
    async with board(primary, backup) as shown:
        await asyncio.gather(*(shown.gateway.ask() for _ in range(4)))
        for _ in range(8):
            await shown.gateway.ask()
        await shown.until(lambda seen: seen["history"] and seen["history"]["totals"]["calls"] == 12)
        yield shown


Troubled = Callable[[], AbstractAsyncContextManager["Board"]]


@pytest.fixture
def troubled(board: Boards, primary: Upstream, backup: Upstream) -> Troubled:
    return partial(in_trouble, board, primary, backup)


def address(shown: Board) -> str:
    return f"http://127.0.0.1:{shown.gateway.port}/dashboard"


async def ready(page: Page) -> None:
    """Wait until the calls are listed."""
    await expect(page.locator(".calls tbody tr").first).to_be_visible(timeout=15_000)


@pytest.mark.parametrize(("scheme", "size"), LOOKS)
async def test_everybody_can_use_it(
    browser: Browser, troubled: Troubled, scheme: Scheme, size: tuple[int, int]
) -> None:
    """axe finds nothing: on the page, with everything unfolded, as tables, in dialogs."""
    async with (
        troubled() as shown,
        visiting(browser, address(shown), scheme=scheme, size=size) as page,
    ):
        await ready(page)
        assert await inaccessible(page) == []
        assert not await is_wider_than_its_window(page)
        for summary in await page.locator(".provider .summary").all():
            await summary.click()
        for table in await page.get_by_role("button", name="as a table").all():
            await table.click()
        await expect(page.locator(".values").first).to_be_visible()
        assert await inaccessible(page) == []
        assert not await is_wider_than_its_window(page)
        await page.set_viewport_size({"width": NARROWEST, "height": size[1]})
        assert not await is_wider_than_its_window(page)
        await page.get_by_role("button", name="Drain").first.click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        assert await inaccessible(page) == []
        await page.keyboard.press("Escape")
        await page.locator(".calls button.link").first.click()
        await expect(page.locator(".waterfall")).to_be_visible()
        assert await inaccessible(page) == []


@pytest.mark.parametrize(("scheme", "size"), LOOKS)
async def test_everybody_can_sign_in(
    browser: Browser, board: Boards, primary: Upstream, scheme: Scheme, size: tuple[int, int]
) -> None:
    """With a wrong key first, and out again."""
    may_fail = ("401",)  # Chromium writes every such answer to the console
    async with (
        board(primary, keys=[KEY]) as shown,
        visiting(browser, address(shown), scheme=scheme, size=size, may_fail=may_fail) as page,
    ):
        assert page.url.endswith("/dashboard/sign-in")
        assert await inaccessible(page) == []
        await expect(page.get_by_label("Key of this gateway")).to_be_focused()
        await page.keyboard.type("wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("not a key of this gateway")
        assert await inaccessible(page) == []
        await page.get_by_label("Key of this gateway").fill(KEY)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(
            "No provider is in trouble."
        )
        assert KEY not in page.url
        assert (
            await page.evaluate(
                "document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)"
            )
            == "{}{}"
        )
        await page.reload()
        await expect(page.get_by_role("heading", level=1)).to_have_text(
            "No provider is in trouble."
        )
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("Key of this gateway")).to_be_visible()


async def test_a_link_from_elsewhere_finds_who_is_signed_in(
    browser: Browser, board: Boards, primary: Upstream
) -> None:
    """The browser sends no cookie with it; the page asks once more."""
    async with board(primary, keys=[KEY]) as shown, visiting(browser, address(shown)) as page:
        await page.get_by_label("Key of this gateway").fill(KEY)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await page.goto("about:blank")
        async with page.expect_response(f"{address(shown)}/sign-in"):
            await page.evaluate(f"location.assign('{address(shown)}')")
        await expect(page.get_by_role("button", name="Sign out")).to_be_visible()


async def test_what_a_link_shows_survives_signing_in(
    browser: Browser, board: Boards, primary: Upstream
) -> None:
    """With a wrong key first; and again when the session ends, of which the reason is told."""
    async with (
        board(primary, keys=[KEY]) as shown,
        visiting(browser, address(shown), may_fail=("401",)) as page,
    ):
        primary.fail("status=503")
        await shown.gateway.ask("/v1/chat/completions", CHAT, f"Authorization: Bearer {KEY}")
        shown.headers = (f"Authorization: Bearer {KEY}",)
        (call,) = await eventually(partial(shown.calls, which="failed"), len)
        link = f"{address(shown)}#range=6h&call={call['id']}"
        key = page.get_by_label("Key of this gateway")
        ended = page.get_by_role("status")
        await page.goto(link)
        await expect(key).to_be_visible()
        await expect(ended).to_be_hidden()
        await key.fill("wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
        await key.fill(KEY)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_contain_text(call["id"])
        assert page.url == link
        await page.context.clear_cookies()
        await expect(ended).to_contain_text("Your session has ended", timeout=10_000)
        assert await inaccessible(page) == []
        await key.fill(KEY)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_contain_text(call["id"])
        assert page.url == link
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Sign out").click()
        await expect(key).to_be_visible()
        await expect(ended).to_be_hidden()
        assert page.url == f"{address(shown)}/sign-in"


async def test_it_is_used_by_keyboard_alone(browser: Browser, troubled: Troubled) -> None:
    """Skip, choose, unfold, hold, open a call, go back: focus is seen, and never trapped or lost."""
    async with troubled() as shown, visiting(browser, address(shown)) as page:
        await ready(page)

        async def focus(name: str, *, most: int = 60) -> None:
            for _ in range(most):
                await page.keyboard.press("Tab")
                if await page.evaluate("document.activeElement.matches(':focus-visible')"):
                    text = await page.evaluate(
                        "(document.activeElement.getAttribute('aria-label') ?? '') + document.activeElement.textContent"
                    )
                    if name in text:
                        return
            pytest.fail(f"{name!r} was not reached")

        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "Skip to the headline"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        await focus("primary")
        await page.keyboard.press("Enter")
        await focus("Drain")
        outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_contain_text("Drain primary?")
        await focus("Drain")
        await page.keyboard.press("Enter")
        await expect(page.locator(".provider").first.locator(".pill").first).to_have_text("Drained")
        assert await page.evaluate("document.activeElement.textContent") == "Drain"
        await focus("Call of")
        opener = await page.evaluate("document.activeElement.getAttribute('aria-label')")
        await page.keyboard.press("Enter")
        await expect(page.locator(".waterfall")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        assert await page.evaluate("document.activeElement.getAttribute('aria-label')") == opener
        await focus(
            "Older calls"
            if await page.get_by_role("button", name="Older calls").count()
            else "Skip"
        )


async def test_a_call_tells_its_story(browser: Browser, troubled: Troubled) -> None:
    """One click away: who was asked, what failed, who was passed over; its address can be shared."""
    async with troubled() as shown, visiting(browser, address(shown)) as page:
        await ready(page)
        await page.locator(".calls tbody tr").last.click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.locator(".waterfall li").first).to_contain_text("primary/gpt-4o")
        await expect(dialog).to_contain_text("overloaded · 503")
        await expect(dialog).to_contain_text("backup/gpt-4o")
        shared = page.url
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        await page.locator(".calls tbody tr").first.click()
        await expect(dialog).to_contain_text("Passed over")
        await expect(dialog).to_contain_text("its breaker is open")
        async with visiting(browser, shared) as other:
            await expect(
                other.get_by_role("dialog").locator(".waterfall li").first
            ).to_contain_text("primary/gpt-4o")


async def test_the_list_goes_back_in_time_and_narrows(browser: Browser, troubled: Troubled) -> None:
    """Older calls stay while somebody reads them; a model or a caller shows its own."""
    async with troubled() as shown, visiting(browser, address(shown)) as page:
        for _ in range(13):
            await shown.gateway.ask()
        rows = page.locator(".calls tbody tr")
        await expect(rows).to_have_count(20, timeout=15_000)
        await page.get_by_role("button", name="Older calls").click()
        await expect(rows).to_have_count(25)
        await shown.gateway.ask()
        await expect(page.locator(".figure dd").first).to_have_text("26", timeout=10_000)
        await expect(rows).to_have_count(25)
        await page.locator(".sums button").first.click()
        await expect(page.locator(".filter")).to_contain_text("model gpt-4o")
        await expect(rows).to_have_count(20)
        await page.locator(".filter").click()
        await expect(page.locator(".filter")).to_have_count(0)


async def test_it_is_live_and_keeps_its_place(browser: Browser, troubled: Troubled) -> None:
    """New calls appear; scrolling, focus and what is unfolded stay."""
    async with troubled() as shown, visiting(browser, address(shown)) as page:
        await ready(page)
        await page.locator(".provider .summary").last.click()
        await page.get_by_role("radio", name="All", exact=True).check(force=True)
        await page.locator(".calls button.link").nth(3).focus()
        place = await page.evaluate("scrollY")
        label = await page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert place > 0
        before = await page.locator(".figure dd").first.text_content()
        await shown.gateway.ask()
        await expect(page.locator(".figure dd").first).not_to_have_text(
            before or "", timeout=10_000
        )
        assert await page.evaluate("scrollY") == place
        assert await page.evaluate("document.activeElement.getAttribute('aria-label')") == label
        await expect(page.locator(".provider.expanded")).to_have_count(1)


async def test_the_list_stands_still_for_whoever_works_in_it(
    browser: Browser, troubled: Troubled
) -> None:
    """More calls come than are listed: the focus stays in its row, also beyond a call's dialog."""
    places = "[...document.querySelectorAll('.calls tbody tr')]"
    place = f"{places}.indexOf(document.activeElement.closest('tr'))"
    async with troubled() as shown, visiting(browser, address(shown)) as page:
        await ready(page)
        rows, calls = page.locator(".calls tbody tr"), page.locator(".figure dd").first
        await page.locator(".calls button.link").last.focus()
        for _ in range(25):
            await shown.gateway.ask()
        await expect(calls).to_have_text("37", timeout=10_000)
        assert await page.evaluate(place) == 11
        await expect(page.get_by_text("standing still")).to_be_visible()
        assert await inaccessible(page) == []
        await page.keyboard.press("Enter")
        await expect(page.locator(".waterfall")).to_be_visible()
        await shown.gateway.ask()
        await expect(calls).to_have_text("38", timeout=10_000)
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        assert await page.evaluate(place) == 11
        await page.keyboard.press("Shift+Tab")
        assert await page.evaluate(place) == 10
        await expect(rows).to_have_count(12)
        await page.evaluate("document.activeElement.blur()")
        await expect(rows).to_have_count(20, timeout=10_000)
        await expect(page.get_by_text("standing still")).to_have_count(0)


async def test_models_that_are_not_kept_apart_lead_to_no_calls(
    browser: Browser, board: Boards, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No call has the name of their sum; the others lead to theirs."""
    few = [level._replace(limit=1) for level in roll_ups.LEVELS]
    monkeypatch.setattr(roll_ups, "LEVELS", few)
    primary.fail("status=503")
    async with (
        board(primary, model="*") as shown,
        visiting(browser, f"{address(shown)}#range=15m") as page,
    ):
        for model in (b"gpt-4o", b"gpt-4o", b"o3"):
            await shown.gateway.ask("/v1/chat/completions", CHAT.replace(b"gpt-4o", model))
            await asyncio.sleep(1)
        sums = page.locator(".sums tbody tr")
        await expect(sums.filter(has_text="other")).to_have_count(1, timeout=10_000)
        await expect(sums.filter(has_text="other").get_by_role("button")).to_have_count(0)
        await expect(sums.filter(has_text="gpt-4o").get_by_role("button")).to_have_count(1)


async def test_the_targets_of_a_drained_provider_are_drained(
    browser: Browser, troubled: Troubled
) -> None:
    """All of them, whether they were failing or not."""
    async with troubled() as shown, visiting(browser, address(shown)) as page:
        await ready(page)
        for provider in ("primary", "backup"):
            shown.gateway.router.force(provider, BreakerState.OPEN)
        for summary in await page.locator(".provider .summary").all():
            await summary.click()
        pills = page.locator(".provider .pill")
        await expect(pills).to_have_text(["Drained"] * 4, timeout=10_000)


async def test_it_tells_when_the_gateway_is_away(browser: Browser, troubled: Troubled) -> None:
    """And goes on when it is back."""
    away = ("ERR_FAILED", "ERR_CONNECTION", "ERR_INTERNET")
    async with troubled() as shown, visiting(browser, address(shown), may_fail=away) as page:
        await ready(page)
        await page.route("**/data/**", lambda route: route.abort())
        await expect(page.get_by_role("alert")).to_contain_text(
            "The gateway does not answer", timeout=10_000
        )
        await expect(page.locator(".fresh")).to_contain_text("ago")
        await page.unroute("**/data/**")
        await expect(page.get_by_role("alert")).to_have_count(0, timeout=30_000)


async def test_a_hidden_page_asks_nothing(browser: Browser, troubled: Troubled) -> None:
    """It asks at once when it is looked at again."""
    async with troubled() as shown, visiting(browser, address(shown)) as page:
        await ready(page)
        asked: list[str] = []
        hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))"
        await page.evaluate(hide % "true")
        await asyncio.sleep(0.5)
        page.on("request", lambda request: asked.append(request.url))
        await asyncio.sleep(4)
        assert asked == []
        async with page.expect_request("**/data/overview**"):
            await page.evaluate(hide % "false")


async def test_without_records_it_says_how_to_have_them(
    browser: Browser, board: Boards, primary: Upstream
) -> None:
    """The states are there all the same."""
    async with board(primary, records="none") as shown:
        await shown.gateway.ask()
        async with visiting(browser, address(shown)) as page:
            await expect(page.locator(".banner")).to_contain_text("ELIZANET_DB")
            await expect(page.locator(".provider .pill").first).to_have_text("In use")
            assert await inaccessible(page) == []


async def test_names_of_others_are_text(browser: Browser, board: Boards) -> None:
    """What a caller or a provider calls things is shown, and never run."""
    evil = "<img src=x onerror=alert(1)>"
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(Upstream("primary"))
        shown = await stack.enter_async_context(board(provider, model="*"))
        body = f'{{"model":"{evil}","messages":[{{"role":"user","content":"hi"}}]}}'.encode()
        await shown.gateway.ask("/v1/chat/completions", body)
        await shown.until(lambda seen: seen["history"])
        page = await stack.enter_async_context(visiting(browser, f"{address(shown)}#range=15m"))
        await page.get_by_role("radio", name="All", exact=True).check(force=True)
        await expect(page.locator(".calls .model")).to_have_text(evil)
        assert await page.locator("main img").count() == 0
