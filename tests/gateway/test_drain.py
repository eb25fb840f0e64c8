"""The end of a server: nobody is lost who could be served."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING

import pytest

from elizanet.call import Bound
from elizanet.errors import FailureClass
from elizanet.gateway import drain
from elizanet.gateway.drain import Pace
from elizanet.telemetry import CallEnded, Outcome, TelemetryEvent
from elizanet.testing import Upstream
from gateway.conftest import until

if TYPE_CHECKING:
    from gateway.conftest import Heard, Serve

CHATS = "/v1/chat/completions"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
STREAM = CHAT[:-1] + b',"stream":true}'
ANYWHERE = "0.0.0.0"
GRACE_S = 1.0
MANY = 150  # callers, more than are taken in at once


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "GRACE_S", GRACE_S)


@pytest.mark.parametrize(
    ("host", "by_person", "pace"),
    [
        ("0.0.0.0", False, Pace(GRACE_S, drain.IDLE_S, 7.0)),
        ("gateway.example", False, Pace(GRACE_S, drain.IDLE_S, 7.0)),
        ("127.0.0.1", False, Pace(0.0, drain.IDLE_S, 7.0)),
        ("localhost", False, Pace(0.0, drain.IDLE_S, 7.0)),
        ("0.0.0.0", True, Pace(0.0, 0.0, 7.0)),
    ],
)
def test_only_load_balancers_are_waited_for(host: str, by_person: bool, pace: Pace) -> None:
    """There is none before a loopback address, and none behind a person's Ctrl-C."""
    assert Pace.of(host, 7.0, by_person=by_person) == pace


async def test_callers_come_in_until_the_load_balancer_has_noticed(
    serve: Serve, primary: Upstream
) -> None:
    """`/ready` says 503 at once; calls are answered and end their connections."""
    async with serve(primary, host=ANYWHERE) as gateway:
        used = await gateway.connect()
        used.send(gateway.request(CHATS, CHAT))
        assert (await used.hear()).header("connection") is None
        stopped = asyncio.get_running_loop().time()
        gateway.server.stop()
        ready = await gateway.get("/ready")
        assert (ready.status, ready.json) == (503, {"status": "draining"})
        assert (await gateway.get("/live")).status == 200
        used.send(gateway.request(CHATS, CHAT))
        for heard in (await used.hear(), await gateway.ask(CHATS, CHAT)):
            assert (heard.status, heard.header("connection")) == (200, "close")
        assert await used.ended() == b""
        while True:
            try:
                assert (await gateway.ask(CHATS, CHAT)).status == 200
            except ConnectionError:
                break
            await asyncio.sleep(0.02)
        assert asyncio.get_running_loop().time() - stopped >= GRACE_S


async def test_an_idle_connection_may_still_ask(serve: Serve, primary: Upstream) -> None:
    """Also where no new one comes in: its request may have been on the way."""
    async with serve(primary) as gateway:
        used = await gateway.connect()
        used.send(gateway.request(CHATS, CHAT))
        await used.hear()
        new = await gateway.connect()
        gateway.server.stop()
        await asyncio.sleep(0.1)
        with pytest.raises(ConnectionError):
            await gateway.connect()
        for connection in (used, new):
            connection.send(gateway.request(CHATS, CHAT))
            heard = await connection.hear()
            assert (heard.status, heard.header("connection")) == (200, "close")


async def test_idle_connections_do_not_keep_the_process(serve: Serve, primary: Upstream) -> None:
    """They are closed after half a second, with or without a request before."""
    async with serve(primary) as gateway:
        used, new = await gateway.connect(), await gateway.connect()
        used.send(gateway.request(CHATS, CHAT))
        await used.hear()
        gateway.server.stop()
        began = asyncio.get_running_loop().time()
        assert (await used.ended(), await new.ended()) == (b"", b"")
        assert drain.IDLE_S / 2 < asyncio.get_running_loop().time() - began < 2


async def test_who_waits_in_the_backlog_is_served(serve: Serve, primary: Upstream) -> None:
    """The listening socket does not close on callers whom the system has let in already."""
    async with serve(primary) as gateway:
        callers = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(MANY)]
        gateway.server.stop()
        for caller in callers:
            caller.sendall(gateway.request(CHATS, CHAT))

        def answers() -> list[bytes]:
            return [caller.recv(65_536) for caller in callers]

        heard = await asyncio.to_thread(answers)
        assert {each[:12] for each in heard} == {b"HTTP/1.1 200"}
        for caller in callers:
            caller.close()


async def test_a_stream_outlives_the_listening_socket(serve: Serve) -> None:
    """Running calls get their time, and end as if nothing had happened."""
    async with Upstream("primary", chunk_delay=0.2) as primary, serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(CHATS, STREAM))
        await connection.hear(head_only=True)
        gateway.server.stop()
        body = b"".join([chunk async for chunk in connection.chunks()])
        assert body.endswith(b"data: [DONE]\n\n")
        assert await connection.ended() == b""


async def test_what_does_not_end_in_time_is_told(serve: Serve, primary: Upstream) -> None:
    """A stream by an error event and no `[DONE]`, another call by an invitation to try again."""
    primary.fail("stall_stream=2")
    async with serve(primary, drain=0.6) as gateway:
        stream, unary = await gateway.connect(), await gateway.connect()
        stream.send(gateway.request(CHATS, STREAM))
        await stream.hear(head_only=True)
        primary.fail("hang")
        unary.send(gateway.request(CHATS, CHAT))
        await until(lambda: len(primary.requests) == 2)
        gateway.server.stop()
        chunks = [chunk async for chunk in stream.chunks()]
        assert await stream.ended() == b""
        heard = await unary.hear()
        await primary.wait_closed_by_peer(2)
    assert b"[DONE]" not in b"".join(chunks)
    last = b"".join(chunks).strip().split(b"\n\n")[-1]
    error = json.loads(last.removeprefix(b"data: "))["error"]
    assert (error["code"], error["type"], error["partial"]) == ("draining", "server_error", True)
    told(heard)


async def test_what_is_cut_off_has_not_left(
    serve: Serve, primary: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """Records say that these calls failed, or broke, and why; the log, how many they were."""
    events: list[TelemetryEvent] = []
    primary.fail("stall_stream=2")
    async with serve(primary, drain=0.3, sinks=(events.append,)) as gateway:
        stream, unary, leaving = [await gateway.connect() for _ in range(3)]
        stream.send(gateway.request(CHATS, STREAM))
        await stream.hear(head_only=True)
        primary.fail("hang")
        for each in (unary, leaving):
            each.send(gateway.request(CHATS, CHAT))
        await until(lambda: len(primary.requests) == 3)
        leaving.leave()
        await until(lambda: ended(events))
        gateway.server.stop()
        await stream.ended()
        await unary.hear()
        await until(lambda: len(ended(events)) == 3)
    left, *cut = ended(events)
    assert (left.outcome, left.attempts[0].message) == (Outcome.LEFT, "the caller went away")
    assert {(call.outcome, call.failure_class, call.bound) for call in cut} == {
        (Outcome.FAILED, FailureClass.CANCELLED, Bound.DRAINING),
        (Outcome.BROKEN, None, None),
    }
    for call in cut:
        (attempt,) = call.attempts
        assert attempt.failure_class is FailureClass.CANCELLED
        assert attempt.message == "the gateway was shutting down"
    assert "the gateway shuts down: 2 calls were cut off" in caplog.messages
    (state,) = gateway.router.states()
    assert (state.state, state.score) == ("closed", 0)


async def test_nothing_is_said_where_nothing_is_cut_off(
    serve: Serve, primary: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """Most ends are of that kind."""
    async with serve(primary) as gateway:
        assert (await gateway.ask()).status == 200
    assert caplog.messages == []


def ended(events: list[TelemetryEvent]) -> list[CallEnded]:
    """The calls that are over."""
    return [event for event in events if isinstance(event, CallEnded)]


def told(heard: Heard) -> None:
    """A client that can ask another replica does."""
    assert heard.status == 503
    assert heard.error["code"] == "draining"
    assert heard.header("x-should-retry") == "true"
    assert heard.header("retry-after") == "1"
    assert heard.header("connection") == "close"


async def test_a_second_signal_is_now(serve: Serve, primary: Upstream) -> None:
    """Neither the grace nor a running call is waited for, and the caller is told all the same."""
    primary.fail("hang")
    async with serve(primary, host=ANYWHERE) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(CHATS, CHAT))
        await until(lambda: primary.requests)
        began = asyncio.get_running_loop().time()
        gateway.server.stop()
        await asyncio.sleep(0.05)
        gateway.server.stop()
        told(await connection.hear())
        assert asyncio.get_running_loop().time() - began < GRACE_S
        await primary.wait_closed_by_peer()


async def test_a_half_sent_request_is_waited_for(serve: Serve, primary: Upstream) -> None:
    """Its caller has begun to ask before the end."""
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        message = gateway.request(CHATS, CHAT)
        connection.send(message[:-5])
        await until(lambda: gateway.server.connections.tasks)
        gateway.server.stop()
        await asyncio.sleep(drain.IDLE_S + 0.3)
        connection.send(message[-5:])
        assert (await connection.hear()).status == 200


async def test_pipelined_requests_are_answered_before_the_end(
    serve: Serve, primary: Upstream
) -> None:
    """The connection ends with the last of them."""
    primary.fail("slow=0.2")
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(CHATS, CHAT) * 3)
        await until(lambda: primary.requests)
        gateway.server.stop()
        heard = [await connection.hear() for _ in range(3)]
        assert [each.status for each in heard] == [200, 200, 200]
        assert heard[-1].header("connection") == "close"
