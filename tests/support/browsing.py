"""A real Chromium, and pages of the dashboard that are watched for what a browser complains of."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

DESK: Final = (1280, 860)
PHONE: Final = (375, 812)
Scheme = Literal["light", "dark"]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start the Chromium of this machine."""
    path = shutil.which("chromium")
    assert path, "make test-browser installs it"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(
    browser: Browser,
    address: str,
    *,
    scheme: Scheme = "light",
    size: tuple[int, int] = DESK,
    may_fail: tuple[str, ...] = (),
    scale: float = 1.0,
) -> AsyncIterator[Page]:
    """Open a page; afterwards its console must be empty, and all requests have gone to it.

    `may_fail`: what errors on the console may say, because the test makes them happen.
    """
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        locale="en-GB",
        timezone_id="Europe/Zurich",
        reduced_motion="reduce",
        device_scale_factor=scale,
    )
    page = await context.new_page()
    complaints: list[str] = []
    strangers: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(f in message.text for f in may_fail):
            complaints.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.startswith((address.split("/dashboard", maxsplit=1)[0], "about:")):
            strangers.append(request.url)

    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", asked)
    await page.goto(address)
    try:
        yield page
    finally:
        await context.close()
    assert (complaints, strangers) == ([], [])


async def inaccessible(page: Page) -> list[str]:
    """Return what axe finds wrong with a page, a line each."""
    found = await Axe().run(page)
    return [
        f"{violation['id']}: {violation['help']}: {[node['html'][:200] for node in violation['nodes']]}"
        for violation in found.response["violations"]
    ]


async def is_wider_than_its_window(page: Page) -> bool:
    """Tell whether a page has to be scrolled sideways."""
    width: int = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return width > 0
