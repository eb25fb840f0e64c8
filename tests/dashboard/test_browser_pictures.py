"""The pictures of the guide: calm, in an outage, and after it.

`ELIZANET_PICTURES=docs/pictures` writes them there; otherwise they are only taken. The past is
written into the records, the present is a real gateway in front of providers that really fail.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from elizanet.gateway.dashboard import app as dashboard
from elizanet.settings import (
    CallerLimits,
    CallerSettings,
    HealthSettings,
    Price,
    RouteSettings,
    Secret,
    Settings,
    TargetSettings,
)
from elizanet.testing import Upstream
from gateway.conftest import Running, serving, settings_for
from support.browsing import DESK, PHONE, Scheme, chromium, visiting
from support.past_calls import CHAINS, Past

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]
PICTURES = os.environ.get("ELIZANET_PICTURES")
"""Read before the tests are given an environment of their own."""
KEY = "the-key-of-an-operator-0123456789"
TEAMS = ("team-a", "team-b", "support-bot")
PRICES = {"openai": Price(2.5, 10.0), "elizanet": Price(3.0, 12.0), "groq": Price(0.6, 0.8)}
PEOPLE_A_SECOND = 6


@dataclass
class Scene:
    """A gateway that people use."""

    gateway: Running
    providers: dict[str, Upstream]

    async def use(self, seconds: float) -> None:
        """Let everybody call for so long."""
        calls: list[asyncio.Task[object]] = []
        for number in range(int(seconds * PEOPLE_A_SECOND)):
            team, model = TEAMS[number % 3], tuple(CHAINS)[number % 5 // 3]
            body = (
                f'{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"hi"}}]}}'
            )
            key = f"api-key: key-of-{team}-0123456789"
            ask = self.gateway.ask("/v1/chat/completions", body.encode(), key)
            calls.append(asyncio.create_task(ask))
            await asyncio.sleep(1 / PEOPLE_A_SECOND)
        await asyncio.gather(*calls)


@asynccontextmanager
async def scene(folder: Path, past: Past, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """Serve three providers, with that past, as if the process had run for longer than it."""
    now = time.time()
    url = f"sqlite:///{folder / 'records.db'}"
    await asyncio.to_thread(past.write, url, now)
    monkeypatch.setattr(dashboard, "now", lambda: now - 60 * (past.minutes + 1))
    async with AsyncExitStack() as stack:
        names = {"openai": 0.35, "groq": 0.15, "elizanet": 0.5}
        providers = {
            name: await stack.enter_async_context(Upstream(name, latency=latency))
            for name, latency in names.items()
        }
        settings = with_chains(settings_for(list(providers.values()), keys=[KEY]), url)
        yield Scene(await stack.enter_async_context(serving(settings)), providers)


def with_chains(settings: Settings, url: str) -> Settings:
    """Return settings with the chains, the prices and the teams of the pictures."""
    routes = tuple(
        RouteSettings(
            model,
            tuple(
                TargetSettings(provider, name, price=PRICES[provider])
                for provider, _, name in (target.partition("/") for target in targets)
            ),
        )
        for model, targets in CHAINS.items()
    )
    teams = tuple(
        CallerSettings(team, Secret(f"key-of-{team}-0123456789"), (), CallerLimits(rpm=100_000))
        for team in TEAMS
    )
    gateway = replace(settings.gateway, callers=(*settings.gateway.callers, *teams))
    health = HealthSettings(interval=5.0)
    return replace(settings, gateway=gateway, routes=routes, database=url, health=health)


@asynccontextmanager
async def seen(
    gateway: Running, shown: str, scheme: Scheme = "light", size: tuple[int, int] = DESK
) -> AsyncIterator[Page]:
    """Sign in and look at the last hour."""
    address = f"http://127.0.0.1:{gateway.port}/dashboard"
    async with (
        chromium() as browser,
        visiting(
            browser, address, scheme=scheme, size=size, scale=2.0 if size == PHONE else 1.5
        ) as page,
    ):
        await page.get_by_label("Key of this gateway").fill(KEY)
        await page.keyboard.press("Enter")
        await expect(page.locator(".figures")).to_be_visible()
        await page.get_by_role("radio", name=shown, exact=True).check(force=True)
        await expect(page.locator(".chart").first).to_be_visible()
        await asyncio.sleep(1.0)
        yield page


async def take(page: Page, name: str, *, whole: bool = False) -> None:
    """Take a picture, and keep it if somebody wants it."""
    picture = await page.screenshot(full_page=whole)
    assert picture.startswith(b"\x89PNG")
    if PICTURES:
        path = ROOT / PICTURES / f"dashboard-{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)


async def headline(page: Page) -> str:
    text: str = await page.get_by_role("heading", level=1).inner_text()
    return text


async def test_calm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything answers."""
    async with scene(tmp_path, Past(), monkeypatch) as now:
        await now.use(3)
        async with seen(now.gateway, "1 h") as page:
            assert await headline(page) == "Everything answers."
            await take(page, "calm")
        async with seen(now.gateway, "1 h", size=PHONE) as page:
            await take(page, "calm-phone")


async def test_an_outage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first choice of all calls has failed for eleven minutes."""
    async with scene(tmp_path, Past(since=11.4), monkeypatch) as now:
        now.providers["openai"].fail("status=503")
        await now.use(6)
        async with seen(now.gateway, "1 h") as page:
            assert (await headline(page)).startswith("openai is failing since ")
            await take(page, "outage", whole=True)
            await page.locator(".provider .summary").first.click()
            await page.get_by_role("button", name="Drain").first.click()
            await expect(page.get_by_role("dialog")).to_be_visible()
            await take(page, "drain")
            await page.keyboard.press("Escape")
            failed = page.locator(".calls tr", has=page.locator(".pill.bad")).first
            await page.get_by_role("radio", name="No answer").check(force=True)
            await failed.click()
            await expect(page.locator(".waterfall")).to_be_visible()
            await take(page, "call")
        async with seen(now.gateway, "1 h", "dark") as page:
            await take(page, "outage-dark")
        async with seen(now.gateway, "1 h", size=PHONE) as page:
            await take(page, "outage-phone")


async def test_after_an_outage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is over, and what it cost is still to be seen."""
    async with scene(tmp_path, Past(since=27.3, until=6.2), monkeypatch) as now:
        await now.use(3)
        async with seen(now.gateway, "1 h") as page:
            assert await headline(page) == "Everything answers again."
            await take(page, "after")
