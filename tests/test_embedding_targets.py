"""Embeddings stay with one model, whatever its providers call it; everything else moves on."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from elizanet.errors import CallFailed, FailureClass, ProviderError
from elizanet.operation import Operation
from elizanet.router import Router
from elizanet.settings import Settings
from elizanet.telemetry import CallEnded, TelemetryEvent
from elizanet.testing import Upstream

MakeSettings = Callable[..., Settings]

ASKED = json.dumps({"model": "vectors", "input": "Hi"}).encode()
CHAT = b'{"model":"vectors","messages":[{"role":"user","content":"Hi"}]}'


def route(*targets: str, pattern: str = "vectors", allowed: str = "false") -> str:
    chain = ", ".join(t if t.startswith("{") else f'"{t}"' for t in targets)
    return f'[models."{pattern}"]\nchain = [{chain}]\nallow_mixed_embeddings = {allowed}\n'


async def embedded(router: Router, model: str = "vectors") -> str:
    async with await router.send(Operation.EMBEDDING, model, ASKED) as answer:
        await answer.read()
        return f"{answer.head.provider}/{answer.head.model}"


async def test_embeddings_do_not_move_to_another_model(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """Their vectors could not be compared; names that say nothing of embeddings are no excuse."""
    primary.fail("status=503")
    told: list[TelemetryEvent] = []
    settings = make_settings(primary, backup, routes=route("primary/prod", "backup/minilm-l6"))
    async with Router(settings, sinks=(told.append,)) as router:
        with pytest.raises(ProviderError) as caught:
            await embedded(router)
        assert (caught.value.status, caught.value.provider) == (503, "primary")
        assert not backup.requests
        async with await router.send(Operation.CHAT, "vectors", CHAT) as answer:
            assert answer.head.provider == "backup"
    ended = next(event for event in told if isinstance(event, CallEnded))
    assert [str(skipped) for skipped in ended.passed_over] == ["backup/minilm-l6: other_model"]


async def test_who_was_never_asked_instead_is_told_only_when_it_was_their_turn(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """An answer of the first target has passed nobody over, and is no fallback."""
    told: list[TelemetryEvent] = []
    targets = [f'{{ target = "{name}", tier = 1 }}' for name in ("primary/prod", "backup/other")]
    settings = make_settings(primary, backup, routes=route(*targets))
    async with Router(settings, sinks=(told.append,)) as router:
        assert {await embedded(router) for _ in range(20)} == {"primary/prod"}
    ends = [event for event in told if isinstance(event, CallEnded)]
    assert not any(end.passed_over or end.first_choice for end in ends)


async def test_a_refused_first_target_is_waited_for_and_not_replaced(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """Its gate is shut: the caller is told so, with the time, and not of the other model."""
    primary.fail("rate_limit,retry-after=60")
    settings = make_settings(primary, backup, routes=route("primary/prod", "backup/other"))
    told: list[TelemetryEvent] = []
    async with Router(settings, sinks=(told.append,)) as router:
        for _ in range(2):
            with pytest.raises(CallFailed) as caught:
                await embedded(router)
            assert caught.value.failure_class is FailureClass.RATE_LIMIT
    assert not backup.requests
    end = [event for event in told if isinstance(event, CallEnded)][-1]
    assert [skipped.reason for skipped in end.passed_over] == ["rate_limited", "other_model"]


@pytest.mark.parametrize(
    ("first", "second", "model"),
    [
        ("primary/minilm", "backup/sentence/MiniLM", "vectors"),
        ("primary/*", "backup/*", "vectors"),
        ("primary/vectors", "backup/*", "vectors"),
    ],
)
async def test_embeddings_move_to_the_same_model_elsewhere(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings,
    first: str, second: str, model: str,
) -> None:  # fmt: skip
    """By the last segment of the names, in any case, with the caller's name in place of `*`."""
    primary.fail("status=503")
    settings = make_settings(primary, backup, routes=route(first, second))
    async with Router(settings) as router:
        assert (await embedded(router, model)).startswith("backup/")


async def test_a_star_is_what_the_caller_asked_for(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """So the same chain moves one model and not another."""
    primary.fail("status=503")
    settings = make_settings(primary, backup, routes=route("primary/*", "backup/one", pattern="*"))
    async with Router(settings) as router:
        assert await embedded(router, "one") == "backup/one"
        with pytest.raises(ProviderError):
            await embedded(router, "two")


async def test_the_operator_may_say_that_other_names_are_the_same_model(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """A deployment has a name of its own: `allow_mixed_embeddings` is their word for it."""
    primary.fail("status=503")
    settings = make_settings(
        primary, backup, routes=route("primary/small", "backup/my-deployment", allowed="true")
    )
    async with Router(settings) as router:
        assert await embedded(router) == "backup/my-deployment"
