"""What callers say in headers: forwarded, obeyed, or kept here."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from elizanet.testing import Upstream

if TYPE_CHECKING:
    from gateway.conftest import Serve

CHATS = "/v1/chat/completions"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
STREAM = CHAT[:-1] + b',"stream":true}'

FORWARDED = {
    "OpenAI-Beta": "responses=v1",
    "Idempotency-Key": "key-1 é",
    "X-Client-Request-Id": "mine-1",
}
KEPT = {
    "Authorization": "Bearer k",
    "Api-Key": "k",
    "X-Api-Key": "k",
    "Cookie": "a=b",
    "Proxy-Authorization": "Basic x",
    "OpenAI-Organization": "org-mine",
    "OpenAI-Project": "proj_mine",
    "X-Forwarded-For": "10.0.0.9",
    "Forwarded": "for=10.0.0.9",
    "Via": "1.1 mine",
    "X-Real-Ip": "10.0.0.9",
    "Traceparent": "00-1-2-01",
    "Accept-Language": "de",
    "User-Agent": "mine/1",
    "Referer": "http://intranet/",
    "X-Stainless-Lang": "python",
    "X-Request-Timeout-Ms": "5000",
    "X-Elizanet-No-Fallback": "0",
    "X-Of-Tomorrow": "1",
}


async def test_what_means_the_request_goes_up_and_what_means_the_caller_does_not(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """To every provider that is asked, the same."""
    primary.fail("status=503")
    given = [f"{name}: {value}" for name, value in (FORWARDED | KEPT).items()]
    async with serve(primary, backup) as gateway:
        heard = await gateway.ask(CHATS, CHAT, *given)
    assert heard.status == 200
    for received in (*primary.requests, *backup.requests):
        sent = {name: value for name, value in received.headers if name != "host"}
        for name, value in FORWARDED.items():
            assert sent[name.lower()].encode("latin-1").decode() == value
        assert sent.keys() == {
            *(name.lower() for name in FORWARDED),
            *("accept", "accept-encoding", "authorization", "content-length", "content-type"),
            *("user-agent", "x-elizanet-hop"),
        }
        assert not [value for value in KEPT.values() if len(value) > 3 and value in sent.values()]


@pytest.mark.parametrize("name", ["X-Stainless-Read-Timeout", "X-Stainless-Timeout"])
async def test_a_client_hears_of_a_failure_before_it_gives_up(
    serve: Serve, primary: Upstream, name: str
) -> None:
    """A whole answer is awaited for as long as the client waits, less a quarter of a second."""
    primary.fail("hang")
    async with serve(primary) as gateway:
        began = asyncio.get_running_loop().time()
        heard = await gateway.ask(CHATS, CHAT, f"{name}: 0.8")
        took = asyncio.get_running_loop().time() - began
    assert heard.status == 504
    assert 0.3 < took < 0.8


async def test_a_stream_may_take_longer_than_its_clients_read_timeout(
    serve: Serve, primary: Upstream
) -> None:
    """That time is for each read, and a stream is read many times."""
    primary.fail("slow=0.6")
    async with serve(primary) as gateway:
        heard = await gateway.ask(CHATS, STREAM, "X-Stainless-Read-Timeout: 0.5")
    assert heard.status == 200
    assert heard.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("value", ["soon", "-1", "", "1e400", "nan", "9" * 500, "0", "0.0"])
async def test_a_client_timeout_that_is_none_is_ignored(
    serve: Serve, primary: Upstream, value: str
) -> None:
    """It is a client's own header, and nobody's mistake."""
    async with serve(primary) as gateway:
        heard = await gateway.ask(CHATS, CHAT, f"X-Stainless-Read-Timeout: {value}")
    assert heard.status == 200


@pytest.mark.parametrize(("count", "attempts"), [("0", 2), ("1", 1), ("10", 1), ("x", 2)])
async def test_a_client_that_tries_again_itself_is_not_multiplied(
    serve: Serve, primary: Upstream, count: str, attempts: int
) -> None:
    """A repeated request is not repeated at the same target from here as well."""
    primary.fail("status=500")
    async with serve(primary) as gateway:
        heard = await gateway.ask(CHATS, CHAT, f"X-Stainless-Retry-Count: {count}")
    assert heard.status == 500
    assert len(primary.requests) == attempts


async def test_every_answer_has_an_id_that_clients_show(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """The provider's where it gave one, else the gateway's."""
    async with serve(primary, backup) as gateway:
        heard = await gateway.ask(CHATS, CHAT)
        assert heard.header("x-request-id") == "req_primary_1"
        primary.fail("status=404")
        alone = await gateway.ask(CHATS, CHAT, "x-elizanet-no-fallback: 1")
        assert alone.header("x-request-id") == "req_primary_2"
        primary.fail("close")
        backup.fail("status=503")
        for answer in (
            await gateway.ask(CHATS, CHAT, "x-elizanet-no-fallback: 1"),
            await gateway.ask(CHATS, CHAT),
            await gateway.ask(CHATS, b"{"),
            await gateway.get("/v1/nothing"),
        ):
            assert answer.status >= 400
            own = answer.header("x-elizanet-request-id") or "none"
            assert own.startswith("req_")
            assert answer.header("x-request-id") == own
