"""The page and its files: what they may do in a browser, and who sees them."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from elizanet.gateway.dashboard.assets import assets
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from dashboard.conftest import Boards

STATIC = Path(str(files("elizanet.gateway.dashboard"))) / "static"


async def test_the_page_and_all_it_needs_come_from_the_gateway(
    board: Boards, primary: Upstream
) -> None:
    """Every file that a page or a module names is there, and nothing is from elsewhere."""
    async with board(primary) as shown:
        page = await shown.get("")
        assert (page.status, page.header("content-type")) == (200, "text/html; charset=utf-8")
        named = re.findall(r'(?:src|href)="/dashboard(/[^"]+)"', page.body.decode())
        assert len(named) > 4
        for path in named:
            assert (path, (await shown.get(path)).status) == (path, 200)
    for name, asset in assets().items():
        text = asset.body.decode()
        assert not re.search(r"(?:src|href|url|import|fetch)\W{1,3}https?://", text), name
        for module in re.findall(r"from '(\.[^']+)'", text):
            assert (STATIC / name).parent.joinpath(module).resolve().is_file(), (name, module)


async def test_a_browser_is_told_what_the_page_may_do(board: Boards, primary: Upstream) -> None:
    """Nothing but its own files, in no frame; nobody guesses types; data are not kept."""
    async with board(primary) as shown:
        for path in ("", "/static/js/main.js", "/data/overview"):
            heard = await shown.get(path)
            policy = (heard.header("content-security-policy") or "").split("; ")
            assert {"default-src 'self'", "frame-ancestors 'none'"} <= set(policy)
            assert "unsafe" not in str(policy)
            assert heard.header("x-content-type-options") == "nosniff"
            assert heard.header("referrer-policy") == "same-origin"
        assert (await shown.get("/data/overview")).header("cache-control") == "no-store"
    for name in ("index.html", "sign_in.html"):
        page = assets()[name].body.decode()
        assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)", page), name


async def test_a_file_that_a_browser_has_is_not_sent_again(
    board: Boards, primary: Upstream
) -> None:
    """It asks each time, so that a new version is seen at once."""
    async with board(primary) as shown:
        first = await shown.get("/static/js/main.js")
        tag = first.header("etag")
        again = await shown.get("/static/js/main.js", "Host: localhost", f"If-None-Match: {tag}")
        other = await shown.get("/static/js/main.js", "Host: localhost", 'If-None-Match: "x"')
    assert first.header("cache-control") == "no-cache"
    assert (again.status, again.body) == (304, b"")
    assert (other.status, other.body) == (200, first.body)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 303),
        ("/nothing", 404),
        ("/static/nothing.js", 404),
        ("/static/../app.py", 404),
        ("/static/%2e%2e/app.py", 404),
        ("/static/", 404),
        ("/data/nothing", 404),
        ("x", 404),
    ],
)
async def test_other_paths_are_not_there(
    board: Boards, primary: Upstream, path: str, status: int
) -> None:
    """Also not those that lead out of the folder."""
    async with board(primary) as shown:
        assert (await shown.get(path)).status == status


async def test_each_path_has_its_methods(board: Boards, primary: Upstream) -> None:
    """405 with the right ones; HEAD is GET without a body."""
    async with board(primary) as shown:
        assert (await shown.post("", b"{}")).header("allow") == "GET, HEAD"
        assert (await shown.post("/data/overview", b"{}")).header("allow") == "GET, HEAD"
        assert (await shown.get("/data/breakers")).header("allow") == "POST"
        assert (await shown.get("/sign-out")).header("allow") == "POST"
        head = await shown.gateway.ask("/dashboard", b"", "Host: localhost", method="HEAD")
        put = await shown.gateway.ask("/dashboard/sign-in", b"", "Host: localhost", method="PUT")
    assert (head.status, head.body) == (200, b"")
    assert (put.status, put.header("allow")) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize("path", ["", "/data/overview", "/data/calls"])
async def test_no_other_site_sees_an_open_dashboard(
    board: Boards, primary: Upstream, path: str
) -> None:
    """Neither by its origin nor by a name that it made to point here."""
    async with board(primary) as shown:
        for headers, status in (
            (("Host: localhost",), 200),
            (("Host: 127.0.0.1:1", "Origin: http://127.0.0.1:1"), 200),
            (("Host: evil.example",), 403),
            (("Host: localhost", "Origin: https://evil.example"), 403),
            (("Host: localhost", "Origin: null"), 403),
        ):
            assert (headers, (await shown.get(path, *headers)).status) == (headers, status)


async def test_the_dashboard_answers_a_gateway_that_is_full_or_ends(
    board: Boards, primary: Upstream
) -> None:
    """When it is needed most."""
    async with board(primary, max_in_flight=1) as shown:
        admission = shown.gateway.app.admission
        admission.in_flight = 1
        assert (await shown.gateway.ask()).status == 503
        assert (await shown.overview())["process"]["in_flight"] == 1
        admission.in_flight = 0
        admission.draining = True
        assert (await shown.overview())["process"]["status"] == "draining"
        assert (await shown.get("")).status == 200


def test_every_file_of_the_page_is_of_a_type_that_is_served() -> None:
    """One that is forgotten would be missing only once it is installed."""
    there = {str(f.relative_to(STATIC)) for f in STATIC.rglob("*") if f.is_file()}
    assert there == set(assets())
