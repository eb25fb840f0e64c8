"""A caller that goes away takes its upstream connection with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from elizanet.gateway.refusal import CallerGone
from elizanet.gateway.watch import CallerWatch, Presence
from elizanet.testing import Upstream
from gateway.conftest import until

if TYPE_CHECKING:
    from gateway.conftest import Serve

CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
STREAM = CHAT[:-1] + b',"stream":true}'
BOTH = pytest.mark.parametrize("body", [CHAT, STREAM], ids=["unary", "stream"])
PROMPTLY = 0.5  # 100 ms are promised; other people use this machine too


@BOTH
@pytest.mark.parametrize("wait", [0.0, 0.2])
async def test_leaving_while_waiting_closes_the_upstream(
    serve: Serve, primary: Upstream, body: bytes, wait: float
) -> None:
    """At once or later, before the provider has said a word."""
    primary.fail("hang")
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request("/v1/chat/completions", body))
        await until(lambda: primary.requests)
        await asyncio.sleep(wait)
        left = asyncio.get_running_loop().time()
        connection.leave()
        assert await primary.wait_closed_by_peer() - left < PROMPTLY
        await gateway.settle()


async def test_leaving_inside_a_stream_closes_the_upstream(serve: Serve, primary: Upstream) -> None:
    """After content was sent, and while the provider is silent."""
    primary.fail("stall_stream=2")
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request("/v1/chat/completions", STREAM))
        await connection.hear(head_only=True)
        await anext(connection.chunks())
        left = asyncio.get_running_loop().time()
        connection.leave()
        assert await primary.wait_closed_by_peer() - left < PROMPTLY
        await gateway.settle()


async def test_leaving_during_a_fallback_asks_nobody_else(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """The call ends where it is; the next provider is not bothered for nobody."""
    primary.fail("slow=0.6", "status=503")
    async with serve(primary, backup) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request("/v1/chat/completions", CHAT))
        await until(lambda: primary.requests)
        connection.leave()
        await primary.wait_closed_by_peer()
        await gateway.settle()
        await asyncio.sleep(0.2)
    assert backup.requests == []


async def test_leaving_with_another_request_in_the_pipe_is_leaving(
    serve: Serve, primary: Upstream
) -> None:
    """A pipelined request behind the running one does not hide that the caller has gone."""
    primary.fail("hang")
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request("/v1/chat/completions", CHAT) * 2)
        await until(lambda: primary.requests)
        left = asyncio.get_running_loop().time()
        connection.leave()
        assert await primary.wait_closed_by_peer() - left < PROMPTLY
        await gateway.settle()
    assert len(primary.requests) == 1


async def test_leaving_before_the_body_is_complete_asks_nobody(
    serve: Serve, primary: Upstream
) -> None:
    """Half a request is no request."""
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request("/v1/chat/completions", CHAT)[:-5])
        await until(lambda: gateway.server.connections.tasks)
        connection.leave()
        await gateway.settle()
    assert primary.requests == []


async def test_a_large_body_does_not_hide_that_its_caller_has_gone(
    serve: Serve, primary: Upstream
) -> None:
    """Reading is paused for large bodies; it must go on, or the end is never seen."""
    primary.fail("hang")
    body = CHAT[:-1] + b',"x":"' + b"y" * 900_000 + b'"}'
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request("/v1/chat/completions", body))
        await until(lambda: primary.requests)
        left = asyncio.get_running_loop().time()
        connection.leave()
        assert await primary.wait_closed_by_peer() - left < PROMPTLY
        await gateway.settle()


async def test_a_caller_who_left_interrupts_what_is_awaited() -> None:
    """And the task can go on afterwards as if it had never been cancelled."""
    presence = Presence(asyncio.get_running_loop())
    with pytest.raises(CallerGone), CallerWatch(presence) as watch:
        assert repr(watch) == "<CallerWatch <Presence watched>>"
        asyncio.get_running_loop().call_soon(presence.leave)
        await asyncio.sleep(10)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_caller_who_left_before_is_told_of_on_entering() -> None:
    """Nothing is begun for somebody who has gone."""
    presence = Presence(asyncio.get_running_loop())
    presence.leave()
    with pytest.raises(CallerGone), CallerWatch(presence):
        pytest.fail("the watch let it begin")


async def test_a_watch_that_is_over_interrupts_nothing() -> None:
    """A caller who leaves after the answer leaves the task alone; told twice is told once."""
    presence = Presence(asyncio.get_running_loop())
    with CallerWatch(presence):
        await asyncio.sleep(0)
    presence.leave()
    presence.leave()
    await asyncio.sleep(0)
    assert repr(presence) == "<Presence gone>"


async def test_a_cancellation_from_outside_stays_one() -> None:
    """It is not taken for the caller's leaving."""

    async def watched() -> None:
        with CallerWatch(Presence(asyncio.get_running_loop())):
            await asyncio.sleep(10)

    task = asyncio.create_task(watched())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
