"""What a call leaves behind: nothing that only the collector of cycles can find."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from elizanet.run import Run
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


@pytest.mark.parametrize("body", [CHAT, STREAM])
async def test_a_call_that_fell_back_is_gone_when_it_is_over(
    serve: Serve, primary: Upstream, backup: Upstream, found: list[object], body: bytes
) -> None:
    """The errors of its attempts hold no frame that holds them."""
    primary.fail("context")
    async with serve(primary, backup) as gateway:
        for _ in range(3):
            assert (await gateway.ask(CHATS, body)).status == 200
        await gateway.settle()
        gc.collect()
        assert not [each for each in found if isinstance(each, Run | Trial)]
