"""A caller's trace goes on behind the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from elizanet.telemetry import CallEnded, TelemetryEvent
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from gateway.conftest import Serve

CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_trace_goes_to_the_provider_and_to_the_sinks(
    serve: Serve, primary: Upstream
) -> None:
    """Unchanged: it is numbers by chance."""
    told: list[TelemetryEvent] = []
    async with serve(primary, sinks=(told.append,)) as gateway:
        await gateway.ask("/v1/chat/completions", CHAT, f"Traceparent: {TRACE}")
        await gateway.settle()
    assert primary.requests[0].header("traceparent") == TRACE
    (ended,) = [event for event in told if isinstance(event, CallEnded)]
    assert ("traceparent", TRACE) in ended.headers


@pytest.mark.parametrize(
    "given",
    [
        "sk-secret",
        TRACE.upper(),
        f"{TRACE}-more",
        TRACE.replace("0af7", "0ag7"),
        f"{TRACE},{TRACE}",
    ],
)
async def test_what_is_no_trace_stays_here(serve: Serve, primary: Upstream, given: str) -> None:
    """Anything else may be a secret of the caller's."""
    async with serve(primary) as gateway:
        assert (
            await gateway.ask("/v1/chat/completions", CHAT, f"Traceparent: {given}")
        ).status == 200
    assert primary.requests[0].header("traceparent", "none") == "none"
