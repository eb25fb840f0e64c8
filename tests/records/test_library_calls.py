"""Calls of the real library to real sockets, and what is recorded of them."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable

import pytest

from elizanet import AllTargetsFailed, Elizanet, ModelType
from elizanet.records.model import CallRecord
from elizanet.records.opening import open_reader
from elizanet.records.reading import Which
from elizanet.settings import Settings
from elizanet.testing import Upstream

PRICED = """
[models."*"]
chain = [
    { target = "primary/*", price = { input = 1.0, output = 10.0 } },
    { target = "backup/*", price = { input = 2.0, output = 20.0 } },
]
"""


def recorded(url: str) -> list[CallRecord]:
    """Return all calls with what was captured, newest first."""
    reader = open_reader(url)
    calls = [reader.call(call.id) for call in reader.calls(Which())]
    reader.close()
    return [call for call in calls if call is not None]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_fallback_is_recorded_from_end_to_end(
    primary: Upstream, backup: Upstream, make_settings: Callable[..., Settings], url: str
) -> None:
    """Who failed and how, who answered, what it cost more, what was asked and answered."""
    settings = make_settings(
        primary, backup, routes=PRICED, extra='[records]\ncapture = "errors"\n'
    )
    primary.fail("status=503")
    async with Elizanet(dataclasses.replace(settings, database=url)) as net:
        text = await net.use_model(ModelType.TEXT_SMALL, {"prompt": "Why is the sky blue?"})
        backup.fail("status=401")
        with pytest.raises(AllTargetsFailed):
            await net.use_model(ModelType.TEXT_SMALL, {"prompt": "And the sea?"})
    lost, moved = await asyncio.to_thread(recorded, url)
    assert (moved.outcome, moved.provider, moved.fallback_reason) == (
        "answered", "backup", "overloaded"
    )  # fmt: skip
    assert moved.attempts[0].provider == "primary"
    assert (moved.attempts[0].status, moved.attempts[0].failure_class) == (503, "overloaded")
    assert moved.attempts[-1].failure_class is None
    assert moved.targets == ("primary/*", "backup/*")
    assert moved.prompt_tokens
    assert moved.cost
    assert moved.extra_cost == pytest.approx(moved.cost / 2)
    assert "Why is the sky blue?" in str(moved.request)
    assert str(text)[:20] in str(moved.answer)
    assert 0 < moved.seconds < 30
    assert lost.outcome == "failed"
    assert lost.provider is None
    assert {attempt.failure_class for attempt in lost.attempts} >= {"auth"}
