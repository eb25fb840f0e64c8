"""Web pages: none of another machine may use a gateway that asks for no key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from elizanet.testing import Upstream

if TYPE_CHECKING:
    from gateway.conftest import Serve

CHATS = "/v1/chat/completions"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://evil.example:8787",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://evil.example#localhost",
        "http://localhost@evil.example",
        "http://[::1].evil.example",
        "http://[",
        "HTTP://EVIL.EXAMPLE",
        "http://0.0.0.0",
        "http://",
        "null",
    ],
)
async def test_a_strange_page_may_not_spend_the_operator_s_money(
    serve: Serve, primary: Upstream, origin: str
) -> None:
    """Also where its name points to this machine: `Host` is then its own, and `Origin` too."""
    host = origin.rsplit("//", maxsplit=1)[-1]
    async with serve(primary) as gateway:
        for lines in ([f"Origin: {origin}"], [f"Origin: {origin}", f"Host: {host}"]):
            heard = await gateway.ask(CHATS, CHAT, *lines)
            assert heard.status == 403
            assert heard.error["code"] == "forbidden_origin"
        assert (await gateway.get("/v1/models", f"Origin: {origin}")).status == 403
    assert primary.requests == []


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:3000",
        "http://127.0.0.1:5173",
        "http://[::1]:8080",
        "https://app.localhost",
        "vscode-webview://0f3a",
        "tauri://localhost",
        "chrome-extension://abcdef",
        "app://obsidian.md",
    ],
)
async def test_what_runs_on_this_machine_may(serve: Serve, primary: Upstream, origin: str) -> None:
    """Pages that this machine serves, and applications that are no pages."""
    async with serve(primary) as gateway:
        assert (await gateway.ask(CHATS, CHAT, f"Origin: {origin}")).status == 200


async def test_a_key_is_enough(serve: Serve, primary: Upstream) -> None:
    """A page that has it was given it."""
    async with serve(primary, keys=["caller-key"]) as gateway:
        lines = ("api-key: caller-key", "Origin: https://evil.example")
        assert (await gateway.ask(CHATS, CHAT, *lines)).status == 200


HERE = [
    *("localhost", "LocalHost:8787", "127.0.0.1:8787", "[::1]:8787", "192.0.2.7", "a.localhost"),
    *("host.docker.internal:8787", "host.containers.internal"),
]


@pytest.mark.parametrize("host", HERE)
async def test_an_open_gateway_answers_under_this_machine_s_names(
    serve: Serve, primary: Upstream, host: str
) -> None:
    """An address cannot be rebound, and localhost is here."""
    async with serve(primary, passthrough="primary") as gateway:
        for path in ("/v1/models", "/status"):
            assert (await gateway.get(path, f"Host: {host}")).status == 200
        assert (await gateway.get("/v1/files/x", f"Host: {host}")).status == 404  # the provider's
        assert (await gateway.ask(CHATS, CHAT, f"Host: {host}")).status == 200
        own = (f"Host: {host}", f"Origin: http://{host}")
        assert (await gateway.get("/status", *own)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8787", "localhost.evil.example", "", "[", "gateway"),
        *("host.docker.internal.evil.example", "127.0.0.1.evil.example", "xn--lcalhost-9db"),
    ],
)
async def test_an_open_gateway_answers_under_no_other_name(
    serve: Serve, primary: Upstream, host: str
) -> None:
    """A page could have its name point here, and would read it all: it sends no `Origin` then."""
    order = b'{"target":"primary/gpt-4o","state":"open"}'
    async with serve(primary, passthrough="primary") as gateway:
        told = {
            path: await gateway.get(path, f"Host: {host}")
            for path in ("/v1/models", "/v1/models/gpt-4o", "/v1/files/x/content", "/status")
        }
        for path, body in ((CHATS, CHAT), ("/status/breakers", order), ("/nothing", b"")):
            told[path] = await gateway.ask(path, body, f"Host: {host}")
        assert {(heard.status, heard.error["code"]) for heard in told.values()} == {
            (403, "forbidden_host")
        }
        for path in ("/live", "/ready"):
            assert (await gateway.get(path, f"Host: {host}")).status == 200
    assert primary.requests == []


async def test_a_gateway_with_keys_answers_under_any_name(serve: Serve, primary: Upstream) -> None:
    """In a container, behind a proxy, wherever it is: the key is what counts."""
    async with serve(primary, keys=["k"]) as gateway:
        for name in ("gateway", "ai.example:443"):
            assert (await gateway.ask(CHATS, CHAT, f"Host: {name}", "api-key: k")).status == 200


async def test_who_sends_no_host_is_no_browser(serve: Serve, primary: Upstream) -> None:
    """HTTP/1.0 does not ask for one."""
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(b"GET /v1/models HTTP/1.0\r\n\r\n")
        assert (await connection.hear()).status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:3000", "null"])
async def test_other_sites_may_not_use_the_status(
    serve: Serve, primary: Upstream, origin: str
) -> None:
    """Not even with a key that a browser would send by itself."""
    lines = ("Host: localhost:8787", f"Origin: {origin}")
    async with serve(primary) as open_gateway, serve(primary, keys=["k"]) as gateway:
        assert (await open_gateway.get("/status", *lines)).status == 403
        assert (await gateway.get("/status", "api-key: k", *lines)).status == 403
        own = ("Host: elizanet.example", "Origin: https://elizanet.example")
        assert (await gateway.get("/status", "api-key: k", *own)).status == 200
