"""What a call leaves behind: nothing that only the collector of cycles can find."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from elizanet.run import Run
from elizanet.settings import Timeouts
from elizanet.testing import Upstream
from elizanet.trial import Trial

if TYPE_CHECKING:
    from gateway.conftest import Serve

CHATS = "/v1/chat/completions"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
STREAM = CHAT[:-1] + b',"stream":true}'


@pytest.fixture
def found() -> Iterator[list[object]]:
    """What the collector finds when it is asked; nothing before."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield gc.garbage
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


@pytest.mark.parametrize("body", [CHAT, STREAM])
async def test_an_answered_call_is_gone_when_it_is_over(
    serve: Serve, primary: Upstream, found: list[object], body: bytes
) -> None:
    """A busy gateway would spend a tenth of its time on finding them."""
    async with serve(primary) as gateway:
        for _ in range(3):
            assert (await gateway.ask(CHATS, body)).status == 200
        await gateway.settle()
        gc.collect()
        assert not [each for each in found if isinstance(each, Run | Trial)]


FAULTS = [
    "context", "overloaded", "rate_limit", "auth", "hang", "slow=1", "stall_stream=2",
    "cut_stream=2", "cut", "half_head", "reset", "close", "refuse",
]  # fmt: skip


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
@pytest.mark.parametrize("is_alone", [False, True], ids=["another", "alone"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_call_whose_provider_fails_is_gone_when_it_is_over(
    serve: Serve,
    primary: Upstream,
    backup: Upstream,
    found: list[object],
    fault: str,
    is_alone: bool,
    body: bytes,
) -> None:
    """Errors hold frames, and frames errors: an outage would fill the memory with them."""
    primary.fail(fault)
    providers = (primary,) if is_alone else (primary, backup)
    limits = Timeouts(total=0.6, attempt=0.2, first_event=0.2, stall=0.2)
    async with serve(*providers, timeouts=limits) as gateway:
        for _ in range(3):
            await gateway.ask(CHATS, body)
        await gateway.settle()
        gc.collect()
        kinds = {f"{type(each).__module__}.{type(each).__name__}" for each in found}
        ours = {kind for kind in kinds if kind.startswith("elizanet")}
        assert not {kind for kind in ours if not kind.startswith("elizanet.testing")}
