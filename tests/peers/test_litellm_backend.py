"""A provider that fails behind LiteLLM: the failure reaches us in LiteLLM's words."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from elizanet import FailureClass, ModelType, Operation, ProviderError

if TYPE_CHECKING:
    from elizanet import Elizanet
    from elizanet.call import Attempt
    from elizanet.testing import ReceivedRequest, Upstream, Wire
    from elizanet.testing.upstream import Script
    from peers.conftest import Chain

pytestmark = [
    pytest.mark.peers,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),  # the first test of a session waits for LiteLLM
]

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]
EVERYWHERE = [
    ("rate_limit", FailureClass.RATE_LIMIT),
    ("quota", FailureClass.QUOTA_EXHAUSTED),
    ("status=503", FailureClass.OVERLOADED),
    ("status=500,html", FailureClass.OVERLOADED),
    ("status=502,html", FailureClass.OVERLOADED),
    ("auth", FailureClass.AUTH),
    ("model_not_found", FailureClass.MODEL_NOT_FOUND),
    ("context", FailureClass.CONTEXT_WINDOW_EXCEEDED),
    ("refuse", FailureClass.OVERLOADED),
    ("reset", FailureClass.OVERLOADED),
    ("garbage", FailureClass.OVERLOADED),
]
UNARY = [
    ("cut", FailureClass.OVERLOADED),
    ("empty200", FailureClass.OVERLOADED),
    ("not_json200", FailureClass.OVERLOADED),
    ("error200", FailureClass.OVERLOADED),
    ("no_choices", FailureClass.MALFORMED_RESPONSE),
    ("empty_content", FailureClass.MALFORMED_RESPONSE),
]


async def answered_by_backup(net: Elizanet, model: str, *, stream: bool) -> tuple[Attempt, ...]:
    """Ask for the model; the backup must have answered the whole question."""
    fields = {"model": model, "messages": MESSAGES}
    async with await net.send(Operation.CHAT, fields, stream=stream) as answer:
        body = (await answer.read()).decode()
    assert answer.head.provider == "backup"
    assert ("[DONE]" in body) is stream
    assert "backend" not in body
    return answer.attempts


async def collect(net: Elizanet, *, into: list[str]) -> None:
    """Collect what a stream yields until it ends or breaks."""
    async for piece in net.stream(ModelType.TEXT_LARGE, {"prompt": "Why?"}):
        into.append(piece)  # noqa: PERF401 -- the pieces before a break count


@pytest.mark.parametrize(
    ("fault", "failure", "stream"),
    [
        *((fault, failure, stream) for fault, failure in EVERYWHERE for stream in (False, True)),
        *((fault, failure, False) for fault, failure in UNARY),
    ],
)
async def test_a_failure_behind_litellm_moves_on(
    fault: str, failure: FailureClass, *, stream: bool, chain: Chain, backend: Upstream
) -> None:
    """Whatever LiteLLM makes of its provider's failure, the second provider answers."""
    backend.fail(fault)
    first, last = await answered_by_backup(chain(), "gpt-4o", stream=stream)
    assert (first.provider, first.failure_class) == ("litellm", failure)
    assert (last.provider, last.failure_class) == ("backup", None)
    assert bool(backend.requests) is (fault != "refuse")


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("fault", ["hang", "hang_headers"])
async def test_litellm_gives_up_on_a_silent_provider(
    fault: str, *, stream: bool, chain: Chain, backend: Upstream
) -> None:
    """LiteLLM's clock is the shorter one: it answers 408."""
    backend.fail(fault)
    first, _ = await answered_by_backup(chain(), "impatient", stream=stream)
    assert (first.failure_class, first.status) == (FailureClass.TIMEOUT, 408)


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
async def test_we_give_up_on_a_litellm_that_waits(
    *, stream: bool, chain: Chain, backend: Upstream
) -> None:
    """Our clock is the shorter one: LiteLLM has said nothing yet."""
    backend.fail("hang")
    net = chain(extra="[timeouts]\nattempt = 0.5\nfirst_event = 0.5\n")
    first, _ = await answered_by_backup(net, "gpt-4o", stream=stream)
    assert (first.failure_class, first.status) == (FailureClass.TIMEOUT, None)
    assert first.duration == pytest.approx(0.5, abs=0.4)
    async with asyncio.timeout(10):
        while not backend.requests:  # its first request takes LiteLLM seconds: not the next test's
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("fault", ["cut_stream", "cut_stream,how=reset", "error_event"])
async def test_a_stream_that_breaks_before_its_first_word_moves_on(
    fault: str, chain: Chain, backend: Upstream
) -> None:
    """LiteLLM tells of it in an event, or with a 500 if it noticed before its own head was out."""
    backend.fail(fault)
    first, _ = await answered_by_backup(chain(), "gpt-4o", stream=True)
    assert first.failure_class in {FailureClass.CONNECTION, FailureClass.OVERLOADED}


@pytest.mark.parametrize("fault", ["empty200", "error200"])
async def test_an_empty_stream_is_no_answer(fault: str, chain: Chain, backend: Upstream) -> None:
    """LiteLLM makes a well-formed stream without a word of what is no stream at all."""
    backend.fail(fault)
    first, _ = await answered_by_backup(chain(), "gpt-4o", stream=True)
    assert first.status == 200
    assert first.failure_class in {
        FailureClass.MALFORMED_RESPONSE,
        FailureClass.STREAM_INTERRUPTED,
    }


@pytest.mark.parametrize("fault", ["bad_request", "content_policy"])
async def test_a_refusal_from_behind_litellm_is_the_answer(
    fault: str, chain: Chain, backend: Upstream, backup: Upstream
) -> None:
    """It would be refused everywhere: nobody else is asked."""
    backend.fail(fault)
    with pytest.raises(ProviderError) as raised:
        await chain().send(Operation.CHAT, {"model": "gpt-4o", "messages": MESSAGES})
    assert raised.value.failure_class == fault
    assert not backup.requests


async def two_words(wire: Wire) -> None:
    """Begin a stream, and leave LiteLLM time to pass it on: at a cut it forgets the rest."""
    stream = (("content-type", "text/event-stream"), ("transfer-encoding", "chunked"))
    await wire.write_head(200, stream)
    for word in ("The", " sky"):
        choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
        event = {"object": "chat.completion.chunk", "model": "gpt-4o", "choices": [choice]}
        await wire.chunk(f"data: {json.dumps(event)}\n\n".encode())
    await asyncio.sleep(0.3)


async def cut(_: ReceivedRequest, wire: Wire) -> None:
    await two_words(wire)
    wire.close()


async def reset(_: ReceivedRequest, wire: Wire) -> None:
    await two_words(wire)
    wire.reset()


async def error_event(_: ReceivedRequest, wire: Wire) -> None:
    await two_words(wire)
    await wire.chunk(b'data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n')
    await wire.end_stream()


@pytest.mark.parametrize("script", [cut, reset, error_event])
async def test_a_stream_cut_behind_litellm_is_never_a_short_answer(
    script: Script, chain: Chain, backend: Upstream, backup: Upstream
) -> None:
    """What came before the cut is passed on, then comes the error; nobody else is asked."""
    backend.script(script)
    pieces: list[str] = []
    with pytest.raises(ProviderError) as raised:
        await collect(chain(), into=pieces)
    assert "".join(pieces) == "The sky"
    assert raised.value.failure_class is FailureClass.STREAM_INTERRUPTED
    assert not backup.requests


async def test_a_stream_that_falls_silent_behind_litellm_is_ended(
    chain: Chain, backend: Upstream
) -> None:
    """Our own watch on silence ends it, long before LiteLLM would."""
    backend.fail("stall_stream=2")
    net = chain(extra="[timeouts]\nstall = 0.5\n")
    pieces: list[str] = []
    async with asyncio.timeout(10):
        with pytest.raises(ProviderError, match="was silent for") as raised:
            await collect(net, into=pieces)
    assert "".join(pieces) == "backend answers:"
    assert raised.value.failure_class is FailureClass.STREAM_INTERRUPTED


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        (Operation.EMBEDDING, {"model": "text-embedding-3-large", "input": "a sky"}),
        (Operation.IMAGE, {"model": "backend-image", "prompt": "a sky"}),
        (Operation.COMPLETION, {"model": "gpt-4o", "prompt": "The sky"}),
    ],
)
async def test_other_kinds_of_request_move_on_too(
    operation: Operation, fields: dict[str, object], chain: Chain, backend: Upstream
) -> None:
    """An embedding, an image and a completion find the second provider like a chat does."""
    backend.fail("status=503")
    async with await chain().send(operation, fields) as answer:
        assert json.loads(await answer.read())
        first, last = answer.attempts
    assert (first.provider, first.failure_class) == ("litellm", FailureClass.OVERLOADED)
    assert last.provider == "backup"


async def test_litellm_is_asked_again_once_its_provider_is_back(
    chain: Chain, backend: Upstream
) -> None:
    """The first choice stays the first choice."""
    net = chain()
    backend.fail("status=503,times=1")
    await answered_by_backup(net, "gpt-4o", stream=False)
    text = await net.use_model(ModelType.TEXT_LARGE, {"prompt": "Why?"})
    assert text == "backend answers: Why?"
