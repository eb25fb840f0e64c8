"""Whatever fails before the first content, the next provider of the chain answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from elizanet.call import Bound
from elizanet.policy.breaker import BreakerState
from elizanet.settings import Timeouts
from elizanet.telemetry import CallAnswered, CallEnded, CallGaveUp
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from elizanet.telemetry import TelemetryEvent
    from gateway.conftest import Serve

CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
STREAM = CHAT[:-1] + b',"stream":true}'
SHORT = Timeouts(total=5.0, attempt=0.3, first_event=0.3, stall=0.3)

FAULTS = {
    "rate_limit": "rate_limit",
    "quota": "quota_exhausted",
    "overloaded": "overloaded",
    "auth": "auth",
    "model_not_found": "model_not_found",
    "context": "context_window_exceeded",
    "status=500": "overloaded",
    "status=529": "overloaded",
    "refuse": "connection",
    "reset": "connection",
    "close": "connection",
    "hang": "timeout",
    "hang_headers": "timeout",
    "html200": "malformed_response",
    "empty200": "malformed_response",
    "garbage": "malformed_response",
}
IN_STREAMS = {
    "cut_stream": "",
    "error_event": "overloaded",
    "keepalives": "timeout",
    "no_finish": "",
}
IN_BODIES = {
    "cut": "malformed_response",
    "not_json200": "malformed_response",
    "no_choices": "malformed_response",
    "error200": "overloaded",
    "empty_content": "malformed_response",
}


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["unary", "stream"])
@pytest.mark.parametrize(("fault", "told"), FAULTS.items())
async def test_the_next_provider_answers(
    serve: Serve, primary: Upstream, backup: Upstream, body: bytes, fault: str, told: str
) -> None:
    """The caller gets the second provider's answer, whole, and is told why."""
    primary.fail(fault)
    async with serve(primary, backup, timeouts=SHORT) as gateway:
        heard = await gateway.ask(body=body)
    assert heard.status == 200
    assert b"backup" in heard.body
    assert b"error" not in heard.body
    assert heard.body.endswith(b"data: [DONE]\n\n" if body is STREAM else b"}")
    assert heard.header("x-elizanet-provider") == "backup"
    assert heard.header("x-elizanet-fallback") == told
    assert int(heard.header("x-elizanet-attempts") or 0) in {2, 3}


@pytest.mark.parametrize(("fault", "told"), IN_STREAMS.items())
async def test_a_stream_that_fails_before_its_first_content_starts_elsewhere(
    serve: Serve, primary: Upstream, backup: Upstream, fault: str, told: str
) -> None:
    """Role, comments and half events of the first provider are never seen."""
    primary.fail(fault)
    async with serve(primary, backup, timeouts=SHORT) as gateway:
        heard = await gateway.ask(body=STREAM)
    text = heard.body
    if fault == "no_finish":  # its content came before anything was wrong
        assert b"error" in text
        assert b"data: [DONE]" not in text
        return
    assert heard.header("x-elizanet-provider") == "backup"
    assert heard.header("x-elizanet-fallback") == (told or heard.header("x-elizanet-fallback"))
    assert b"primary" not in text
    assert text.count(b'"role"') == 1
    assert text.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(("fault", "told"), IN_BODIES.items())
async def test_half_a_unary_answer_is_never_an_answer(
    serve: Serve, primary: Upstream, backup: Upstream, fault: str, told: str
) -> None:
    """A body that is cut, empty or an error under 200 moves the call."""
    primary.fail(fault)
    async with serve(primary, backup, timeouts=SHORT) as gateway:
        heard = await gateway.ask()
    assert heard.header("x-elizanet-provider") == "backup"
    assert heard.header("x-elizanet-fallback") == told


@pytest.mark.parametrize(("fault", "told"), [("refuse", "connection"), ("hang", "timeout")])
async def test_who_is_left_alone_is_told_of_with_what_it_failed_with(
    serve: Serve, primary: Upstream, backup: Upstream, fault: str, told: str
) -> None:
    """Also once its breaker is open and nobody asks it any more."""
    primary.fail(fault)
    async with serve(primary, backup, timeouts=SHORT) as gateway:
        while True:
            heard = await gateway.ask(body=STREAM)
            assert heard.header("x-elizanet-fallback") == told
            if heard.header("x-elizanet-attempts") == "1":
                return


async def test_who_was_taken_out_by_an_operator_has_failed_with_nothing(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """And so the class says that there is none."""
    async with serve(primary, backup) as gateway:
        gateway.app.router.force("primary", BreakerState.OPEN)
        heard = await gateway.ask()
    assert heard.header("x-elizanet-provider") == "backup"
    assert heard.header("x-elizanet-fallback") == "unknown"


async def test_an_answer_of_the_first_choice_tells_of_no_fallback(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """Also when the first choice needed a second try."""
    async with serve(primary, backup) as gateway:
        heard = await gateway.ask()
        assert heard.header("x-elizanet-attempts") == "1"
        assert heard.header("x-elizanet-fallback") is None
        primary.fail("status=500,times=1")
        heard = await gateway.ask()
    assert heard.header("x-elizanet-provider") == "primary"
    assert heard.header("x-elizanet-attempts") == "2"
    assert heard.header("x-elizanet-fallback") is None
    assert (heard.header("x-elizanet-request-id") or "").startswith("req_")


async def test_the_id_of_a_call_is_the_one_in_the_log(serve: Serve, primary: Upstream) -> None:
    """What the caller is told is what the engine's events carry."""
    told: list[TelemetryEvent] = []
    async with serve(primary, sinks=(told.append,)) as gateway:
        first = await gateway.ask()
        primary.fail("auth")
        second = await gateway.ask()
    answered = [each.call_id for each in told if isinstance(each, CallAnswered)]
    gave_up = [each.call_id for each in told if isinstance(each, CallGaveUp)]
    assert answered == [first.header("x-elizanet-request-id")]
    assert gave_up == [second.header("x-elizanet-request-id")]


async def test_a_caller_may_forbid_fallback(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """`x-elizanet-no-fallback: 1` brings the first choice's own error."""
    primary.fail("auth")
    told: list[TelemetryEvent] = []
    async with serve(primary, backup, sinks=(told.append,)) as gateway:
        heard = await gateway.ask("/v1/chat/completions", CHAT, "x-elizanet-no-fallback: 1")
        assert heard.status == 401
        allowed = await gateway.ask("/v1/chat/completions", CHAT, "x-elizanet-no-fallback: 0")
        assert allowed.status == 200
        wrong = await gateway.ask("/v1/chat/completions", CHAT, "x-elizanet-no-fallback: maybe")
    assert wrong.status == 400
    assert wrong.error["param"] == "x-elizanet-no-fallback"
    bounds = [event.bound for event in told if isinstance(event, CallEnded)]
    assert bounds == [Bound.CALLER, None]
    assert len(backup.requests) == 1


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["unary", "stream"])
async def test_a_caller_may_shorten_the_call(serve: Serve, primary: Upstream, body: bytes) -> None:
    """`x-request-timeout-ms` bounds the whole call; a 504 in time says so."""
    primary.fail("hang")
    async with serve(primary) as gateway:
        began = asyncio.get_running_loop().time()
        heard = await gateway.ask("/v1/chat/completions", body, "x-request-timeout-ms: 600")
        took = asyncio.get_running_loop().time() - began
    assert heard.status == 504
    assert heard.error["type"] == "timeout"
    assert took < 1.5


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "soon", "1e3", "", "00"])
async def test_a_deadline_that_is_none_is_refused(
    serve: Serve, primary: Upstream, given: str
) -> None:
    """Anything but a positive integer is a 400 that names the header."""
    async with serve(primary) as gateway:
        heard = await gateway.ask("/v1/chat/completions", CHAT, f"x-request-timeout-ms: {given}")
    assert heard.status == 400
    assert heard.error["param"] == "x-request-timeout-ms"
    assert "x-request-timeout-ms" in heard.error["message"]
    assert primary.requests == []


async def test_an_absurd_deadline_is_only_the_configured_one(
    serve: Serve, primary: Upstream
) -> None:
    """Thousands of digits are a number like any other, and never an error of ours."""
    async with serve(primary) as gateway:
        header = f"x-request-timeout-ms: {'9' * 5000}"
        assert (await gateway.ask("/v1/chat/completions", CHAT, header)).status == 200


async def test_fifty_callers_at_once_get_their_own_answers(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """With every other call failing over, nothing is mixed up or lost."""
    primary.fail("status=503,rate=0.5,seed=3")
    async with serve(primary, backup) as gateway:

        async def one(number: int) -> None:
            content = f"caller number {number}".encode()
            stream = b"true" if number % 2 else b"false"
            body = (
                b'{"model":"gpt-4o","stream":' + stream + b',"messages":'
                b'[{"role":"user","content":"' + content + b'"}]}'
            )
            heard = await gateway.ask(body=body)
            assert heard.status == 200
            assert f" {number}".encode() in heard.body

        await asyncio.gather(*map(one, range(50)))
    assert len({heard.body for heard in primary.requests}) <= 50
