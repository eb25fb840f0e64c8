"""LiteLLM's own errors: what each is taken for, and whether the second provider answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from elizanet import AllTargetsFailed, FailureClass, ModelType, Operation, ProviderError

if TYPE_CHECKING:
    from elizanet import Elizanet
    from elizanet.call import Attempt
    from elizanet.testing import Upstream
    from peers.conftest import Chain, Endpoint, Proxy

pytestmark = [
    pytest.mark.peers,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),  # the first test of a session waits for LiteLLM
]

MESSAGES = [{"role": "user", "content": "What is it?"}]

MOVING = [
    ("mock-rate-limit", FailureClass.RATE_LIMIT, 429),
    ("mock-internal-error", FailureClass.OVERLOADED, 500),
    ("mock-overloaded", FailureClass.OVERLOADED, 529),
    ("mock-context-window", FailureClass.CONTEXT_WINDOW_EXCEEDED, 400),
    ("mock-timeout", FailureClass.TIMEOUT, 408),
    ("no-such-model", FailureClass.MODEL_NOT_FOUND, 400),
]


async def first_attempt(net: Elizanet, model: str, *, stream: bool = False) -> Attempt:
    """Ask for the model; the backup must have answered, after one attempt at LiteLLM."""
    fields = {"model": model, "messages": MESSAGES}
    async with await net.send(Operation.CHAT, fields, stream=stream) as answer:
        assert b"backup" in await answer.read()
        first, last = answer.attempts
    assert (first.provider, last.provider, last.failure_class) == ("litellm", "backup", None)
    return first


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize(("model", "failure", "status"), MOVING)
async def test_a_failure_moves_on(
    model: str, failure: FailureClass, status: int, *, stream: bool, chain: Chain
) -> None:
    """Each of LiteLLM's errors is known for what it is, and the second provider answers."""
    first = await first_attempt(chain(), model, stream=stream)
    assert (first.failure_class, first.status) == (failure, status)


async def test_a_missing_key_is_the_operators_fault_and_moves_on(chain: Chain) -> None:
    """401: the caller is served by another provider."""
    first = await first_attempt(chain(key=None), "gpt-4o-mini")
    assert (first.failure_class, first.status) == (FailureClass.AUTH, 401)


async def test_a_wrong_key_is_the_operators_fault_and_moves_on(chain: Chain) -> None:
    """Without a database of keys, LiteLLM says 400 "No connected db." to any key but its own."""
    first = await first_attempt(chain(key="sk-not-the-key"), "gpt-4o-mini")
    assert (first.failure_class, first.status) == (FailureClass.AUTH, 400)


@pytest.mark.parametrize(
    ("model", "failures"),
    [
        ("mock-content-filter", {FailureClass.CONTENT_POLICY, FailureClass.BAD_REQUEST}),
        ("gpt-4o", {FailureClass.BAD_REQUEST}),  # LiteLLM itself refuses: no messages
    ],
)
async def test_a_fault_of_the_request_is_the_answer(
    model: str, failures: set[FailureClass], chain: Chain, backup: Upstream
) -> None:
    """It would fail everywhere: nobody else is asked."""
    fields = (
        {"model": model, "messages": MESSAGES} if model.startswith("mock") else {"model": model}
    )
    with pytest.raises(ProviderError) as raised:
        await chain().send(Operation.CHAT, fields)
    assert raised.value.failure_class in failures
    assert raised.value.status == 400
    assert not backup.requests


async def test_a_missing_message_is_named_in_litellms_own_words(endpoint: Endpoint) -> None:
    """The body of the refusal is kept as LiteLLM wrote it."""
    with pytest.raises(ProviderError, match="Missing required parameter") as raised:
        await endpoint().send(Operation.CHAT, {"model": "gpt-4o-mini"})
    reply = raised.value.reply
    assert reply is not None
    assert json.loads(reply.body)["error"]["param"] == "messages"


async def test_a_rate_limit_is_tried_again_where_it_happened_if_nobody_else_is_left(
    endpoint: Endpoint,
) -> None:
    """A lone provider gets its one repetition; then the call fails with the class of both."""
    with pytest.raises(ProviderError) as raised:
        await endpoint().use_model(
            ModelType.TEXT_SMALL, {"prompt": "What is it?", "model": "mock-rate-limit"}
        )
    assert raised.value.failure_class is FailureClass.RATE_LIMIT
    assert [attempt.status for attempt in raised.value.attempts] == [429, 429]


async def test_the_pause_of_a_cooling_model_is_known(chain: Chain, backend: Upstream) -> None:
    """LiteLLM refuses to ask deployments that have just failed, and says for how long."""
    backend.fail("rate_limit")
    for tries in range(1, 10):  # until every deployment has been set aside
        net = chain(ELIZANET_FALLBACK_ENABLED="false")
        with pytest.raises(ProviderError) as raised:
            await net.send(Operation.CHAT, {"model": "cooling", "messages": MESSAGES})
        if len(backend.requests) < tries:
            break
    assert raised.value.failure_class is FailureClass.RATE_LIMIT
    assert raised.value.verdict.retry_after_s == pytest.approx(5, abs=1)


async def test_when_both_fail_the_error_tells_of_both(chain: Chain, backup: Upstream) -> None:
    """The attempts are listed in their order, each with its class and status."""
    backup.fail("overloaded")
    with pytest.raises(AllTargetsFailed) as raised:
        await chain().use_model(
            ModelType.TEXT_SMALL, {"prompt": "What is it?", "model": "mock-rate-limit"}
        )
    told = [(a.provider, a.failure_class, a.status) for a in raised.value.attempts]
    assert told == [("litellm", "rate_limit", 429), ("backup", "overloaded", 503)]


async def test_no_error_shows_the_key(
    litellm: Proxy, chain: Chain, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither LiteLLM's right key nor a wrong one is in an error, a record or a log line."""
    wrong = "sk-0123456789abcdef0123456789abcdef"
    shown = [repr(chain()), repr(chain(key=wrong).settings)]
    for net in (endpoint(key=wrong), endpoint()):
        with pytest.raises(ProviderError) as raised:
            await net.send(Operation.CHAT, {"model": "no-such-model", "messages": MESSAGES})
        shown += [repr(raised.value), str(raised.value), repr(raised.value.attempts)]
    for key in (wrong, litellm.key):
        assert not any(key in text for text in [*shown, caplog.text])
