"""Several keys of a provider, our own limits towards it, and who is asked first: by settings."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from elizanet.call import Bound
from elizanet.errors import AllTargetsFailed, CallFailed, FailureClass
from elizanet.operation import Operation
from elizanet.router import Router
from elizanet.settings import load_settings
from elizanet.telemetry import HealthChanged
from elizanet.testing import HttpReply, ReceivedRequest, Upstream, Wire
from elizanet.testing.reply import json_reply

CHAT = b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}'
KEYS = ("sk-first-0123456789", "sk-second-0123456789")
TWO_KEYS = 'api_keys = ["sk-first-0123456789", "sk-second-0123456789"]'


class World:
    """A router over upstreams whose chance is known, and what was told about them."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self._stack = AsyncExitStack()

    async def router(self, *tables: str, extra: str = "") -> Router:
        path = Path("keys.toml")
        path.write_text("\n".join([*tables, extra]), encoding="utf-8")
        settings = load_settings(config_file=path, environ={})
        chance = random.Random(5)
        router = Router(settings, sinks=(self.events.append,), chance=chance)
        return await self._stack.enter_async_context(router)

    async def aclose(self) -> None:
        await self._stack.aclose()

    def health(self) -> list[tuple[str, str, str]]:
        found = (event for event in self.events if isinstance(event, HealthChanged))
        return [(event.subject, event.what, event.state) for event in found]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.aclose()


def provider(upstream: Upstream, *settings: str) -> str:
    return "\n".join(
        [f"[providers.{upstream.name}]", f'base_url = "{upstream.base_url}"', *settings]
    )


def chain(*targets: str, name: str = "*") -> str:
    return f'[models."{name}"]\nchain = [{", ".join(targets)}]'


PRIMARY_ONLY = chain('"primary/*"')
BOTH = chain('"primary/*"', '"backup/*"')


async def ask(router: Router, body: bytes = CHAT, **options: Any) -> str:
    """Return which provider answered."""
    async with await router.send(Operation.CHAT, "m", body, **options) as answer:
        await answer.read()
        return answer.head.provider


def keys_of(upstream: Upstream) -> list[str]:
    """Return the keys of the requests, in order."""
    return [r.header("authorization").removeprefix("Bearer ") for r in upstream.requests]


def accepting(*accepted: str, otherwise: str) -> Callable[[ReceivedRequest, Wire], Any]:
    """A provider that accepts some keys, and answers `otherwise` (a status) to others."""
    good = {"choices": [{"message": {"content": "good"}, "finish_reason": "stop"}]}

    async def answer(request: ReceivedRequest, wire: Wire) -> None:
        key = request.header("authorization").removeprefix("Bearer ")
        if key in accepted:
            await wire.reply(json_reply(good))
            return
        status, _, code = otherwise.partition(" ")
        refused = json_reply({"error": {"message": "no", "code": code}}, int(status))
        await wire.reply(refused.with_headers(("retry-after", "40")))

    return answer


# Keys


async def test_the_keys_of_a_provider_share_the_calls(primary: Upstream, world: World) -> None:
    """Evenly, by chance; the answer does not say which, the attempt has an alias for it."""
    router = await world.router(provider(primary, TWO_KEYS), PRIMARY_ONLY)
    for _ in range(40):
        await ask(router)
    count = Counter(keys_of(primary))
    assert set(count) == set(KEYS)
    assert min(count.values()) >= 10
    states = router.states()
    assert sorted(state.key for state in states) == ["primary key 1", "primary key 2"]
    assert not any(key in repr((states, world.events)) for key in KEYS)


@pytest.mark.parametrize("otherwise", ["401 invalid_api_key", "403 forbidden", "402 no_credit"])
@pytest.mark.parametrize("good", KEYS)
async def test_a_refused_key_rests_and_the_other_serves(
    good: str, otherwise: str, primary: Upstream, backup: Upstream, world: World
) -> None:
    """Each call is answered by the first choice; the refused key is asked once."""
    primary.script(accepting(good, otherwise=otherwise))
    router = await world.router(provider(primary, TWO_KEYS), provider(backup), BOTH)
    for _ in range(20):
        assert await ask(router) == "primary"
    bad = next(key for key in KEYS if key != good)
    assert keys_of(primary).count(bad) == 1
    ((subject, what, state),) = world.health()
    assert f"primary key {KEYS.index(bad) + 1}" in subject
    assert (what, state) == ("target" if "403" in otherwise else "key", "quarantined for 600 s")


async def test_another_key_of_the_first_choice_is_no_fallback(
    primary: Upstream, backup: Upstream, world: World
) -> None:
    """Neither in the call that found out, nor while the refused key rests."""
    primary.script(accepting(KEYS[1], otherwise="401 invalid"))
    router = await world.router(provider(primary, TWO_KEYS), provider(backup), BOTH)
    for _ in range(10):
        async with await router.send(Operation.CHAT, "m", CHAT) as answer:
            assert answer.fallback is None


async def test_a_key_at_its_limit_hands_over_to_the_other(
    primary: Upstream, backup: Upstream, world: World
) -> None:
    """The call that found out is answered by the same provider, and so are those after it."""
    primary.script(accepting(KEYS[1], otherwise="429 rate_limit_exceeded"))
    router = await world.router(provider(primary, TWO_KEYS), provider(backup), BOTH)
    for _ in range(20):
        assert await ask(router) == "primary"
    assert keys_of(primary).count(KEYS[0]) == 1
    states = {state.key: state for state in router.states() if state.provider == "primary"}
    assert states["primary key 1"].state == "rate_limited"
    assert states["primary key 1"].again_in == pytest.approx(40, abs=2)
    assert states["primary key 2"].state == "closed"


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        ("status=503", 1),
        ("status=500", 2),
        ("close", 2),
        ("hang", 1),
        ("html200", 1),
        ("model_not_found", 1),
    ],
)
async def test_what_is_wrong_with_a_provider_is_wrong_for_each_of_its_keys(
    fault: str, requests: int, primary: Upstream, backup: Upstream, world: World
) -> None:
    """The call moves to another provider; where it is repeated, it is with the same key."""
    primary.fail(fault)
    limits = "timeouts = { attempt = 0.2 }"
    router = await world.router(provider(primary, TWO_KEYS, limits), provider(backup), BOTH)
    assert await ask(router) == "backup"
    assert len(keys_of(primary)) == requests
    assert len(set(keys_of(primary))) == 1


async def test_when_every_key_is_refused_the_next_provider_answers(
    primary: Upstream, backup: Upstream, world: World
) -> None:
    """Both are asked once, and then the provider is left alone."""
    primary.fail("auth")
    router = await world.router(provider(primary, TWO_KEYS), provider(backup), BOTH)
    assert [await ask(router) for _ in range(5)] == ["backup"] * 5
    assert sorted(keys_of(primary)) == sorted(KEYS)


async def test_when_every_key_of_the_only_provider_is_refused_the_caller_is_told(
    primary: Upstream, world: World
) -> None:
    """With the provider's own error; and no key has to be guessed from the text."""
    primary.fail("auth")
    router = await world.router(provider(primary, TWO_KEYS), PRIMARY_ONLY)
    for requests in (2, 2, 2):
        with pytest.raises(CallFailed) as caught:
            await ask(router)
        assert caught.value.failure_class is FailureClass.AUTH
        assert not any(key in str(caught.value) for key in KEYS)
        assert len(keys_of(primary)) == requests


async def test_a_call_without_fallback_tries_one_key(primary: Upstream, world: World) -> None:
    """It goes to the first choice and no further."""
    primary.fail("auth")
    router = await world.router(provider(primary, TWO_KEYS), PRIMARY_ONLY)
    with pytest.raises(CallFailed):
        await ask(router, bound=Bound.CALLER)
    assert len(keys_of(primary)) == 1


# Limits of our own


async def test_our_own_limit_counts_the_requests_of_all_keys(
    primary: Upstream, backup: Upstream, world: World
) -> None:
    """Beyond it calls go to the next provider, and nobody waits."""
    limited = provider(primary, TWO_KEYS, "limits = { rpm = 3 }")
    router = await world.router(limited, provider(backup), BOTH)
    assert [await ask(router) for _ in range(5)] == ["primary"] * 3 + ["backup"] * 2


async def test_our_own_limit_holds_for_a_provider_whatever_the_model(
    primary: Upstream, backup: Upstream, world: World
) -> None:
    """Two chains that lead to the same provider share its limit."""
    limited = provider(primary, "limits = { rpm = 3 }")
    other = chain('"primary/*"', '"backup/*"', name="other")
    router = await world.router(limited, provider(backup), BOTH, other)
    answered = []
    for model in ("m", "other", "m", "other"):
        async with await router.send(Operation.CHAT, model, CHAT) as answer:
            answered.append(answer.head.provider)
    assert answered == ["primary"] * 3 + ["backup"]


async def test_our_own_limit_with_nobody_else_is_a_rate_limit(
    primary: Upstream, world: World
) -> None:
    """The caller is told at once when to come back, and the provider is not asked."""
    router = await world.router(provider(primary, "limits = { rpm = 2 }"), PRIMARY_ONLY)
    await ask(router)
    await ask(router)
    with pytest.raises(AllTargetsFailed) as caught:
        await ask(router)
    assert caught.value.failure_class is FailureClass.RATE_LIMIT
    assert [skipped.reason for skipped in caught.value.skipped] == ["own_limit"]
    assert caught.value.retry_after_s == pytest.approx(30, abs=1)
    assert len(primary.requests) == 2


async def test_a_prompt_larger_than_what_is_left_goes_elsewhere(
    primary: Upstream, backup: Upstream, world: World
) -> None:
    """Four bytes are taken for a token; smaller ones still fit."""
    limited = provider(primary, "limits = { tpm = 1_000 }")
    router = await world.router(limited, provider(backup), BOTH)
    large = json.dumps({**json.loads(CHAT), "user": "x" * 3_000}).encode()
    primary.script(_using(500))
    assert [await ask(router, large), await ask(router, large)] == ["primary", "backup"]
    assert await ask(router) == "primary"


@pytest.mark.parametrize("stream", [False, True])
async def test_the_tokens_that_were_used_count(
    stream: bool, primary: Upstream, backup: Upstream, world: World
) -> None:
    """As the provider tells them, for prompt and answer together."""
    limited = provider(primary, "limits = { tpm = 1_000 }")
    router = await world.router(limited, provider(backup), BOTH)
    primary.script(_using(1_200))
    body = json.dumps({**json.loads(CHAT), "stream": stream}).encode()
    answered = [await ask(router, body, stream=stream) for _ in range(2)]
    assert answered == ["primary", "backup"]


def _using(tokens: int) -> Callable[[ReceivedRequest, Wire], Any]:
    """A provider whose every answer has taken so many tokens."""
    usage = {"prompt_tokens": 10, "completion_tokens": tokens - 10, "total_tokens": tokens}

    async def answer(request: ReceivedRequest, wire: Wire) -> None:
        said = {"delta" if request.stream else "message": {"content": "good"}}
        fields = {"choices": [{**said, "finish_reason": "stop"}], "usage": usage}
        if request.stream:
            events = b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(fields).encode()
            await wire.reply(HttpReply(body=events, content_type="text/event-stream"))
        else:
            await wire.reply(json_reply(fields))

    return answer


# Tiers and weights


async def test_targets_of_one_tier_share_the_load_by_weight(
    primary: Upstream, backup: Upstream, world: World
) -> None:
    """The heavier one gets more of it, the lighter one some."""
    router = await world.router(
        provider(primary),
        provider(backup),
        chain(
            '{ target = "primary/*", tier = 1, weight = 4 }',
            '{ target = "backup/*", tier = 1 }',
        ),
    )
    answered = Counter([await ask(router) for _ in range(60)])
    assert answered["primary"] >= 30
    assert answered["backup"] >= 1


async def test_a_lower_tier_comes_first_whatever_its_place(
    primary: Upstream, backup: Upstream, world: World
) -> None:
    """And only where all of it fail the next tier is asked."""
    router = await world.router(
        provider(primary),
        provider(backup),
        chain('{ target = "backup/*", tier = 7 }', '{ target = "primary/*", tier = 2 }'),
    )
    assert [await ask(router) for _ in range(5)] == ["primary"] * 5
    primary.fail("status=503")
    assert await ask(router) == "backup"


async def test_a_plain_list_is_an_order_of_preference(
    primary: Upstream, backup: Upstream, world: World
) -> None:
    """However busy the first one is."""
    router = await world.router(provider(primary), provider(backup), BOTH)
    answered = await asyncio.gather(*(ask(router) for _ in range(30)))
    assert set(answered) == {"primary"}
