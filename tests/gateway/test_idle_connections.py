"""Connections on which nothing is asked for are kept for a while, and then closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from elizanet.gateway import server
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from elizanet.testing import ReceivedRequest, Wire
    from gateway.conftest import Serve

IDLE_S = 0.4
LIVE = b"GET /live HTTP/1.1\r\nHost: gateway\r\n\r\n"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "KEEP_ALIVE_S", IDLE_S)


async def test_an_idle_connection_is_closed_in_time(serve: Serve, primary: Upstream) -> None:
    """After its last answer, and not before the time is over."""
    async with serve(primary) as gateway:
        caller = await gateway.connect()
        loop = asyncio.get_running_loop()
        for _ in range(3):
            caller.send(LIVE)
            assert (await caller.hear()).status == 200
            last = loop.time()
            await asyncio.sleep(IDLE_S * 2 / 3)
        async with asyncio.timeout(5 * IDLE_S):
            assert await caller.ended() == b""
        assert IDLE_S - 0.01 <= loop.time() - last < 3 * IDLE_S


async def test_an_answer_may_take_longer_than_a_connection_may_idle(
    serve: Serve, primary: Upstream
) -> None:
    """While something is asked for, nothing idles, also not from the request before."""

    async def slow(_request: ReceivedRequest, wire: Wire) -> None:
        await asyncio.sleep(2 * IDLE_S)
        body = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"x"}}]}'
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        await wire.write(head % len(body) + body)

    primary.script(slow)
    async with serve(primary) as gateway:
        caller = await gateway.connect()
        caller.send(LIVE)
        assert (await caller.hear()).status == 200
        caller.send(gateway.request("/v1/chat/completions", CHAT))
        assert (await caller.hear()).status == 200


async def test_a_line_break_between_requests_is_no_request(serve: Serve, primary: Upstream) -> None:
    """It does not keep the connection for ever."""
    async with serve(primary) as gateway:
        caller = await gateway.connect()
        caller.send(LIVE)
        assert (await caller.hear()).status == 200
        caller.send(b"\r\n")
        async with asyncio.timeout(5 * IDLE_S):
            assert await caller.ended() == b""
