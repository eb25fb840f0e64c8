"""From a model name to the chain that serves it."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from elizanet import Elizanet, InputError
from elizanet.call import Bound
from elizanet.errors import CallFailed, ConfigurationError, ProviderError
from elizanet.operation import Operation
from elizanet.router import Router
from elizanet.settings import Settings
from elizanet.telemetry import CallEnded, TelemetryEvent
from elizanet.testing import Upstream

MakeSettings = Callable[..., Settings]
CHAT = b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}'

ROUTES = """
[models."gpt-4o"]
chain = ["primary/exact"]
[models."gpt-4*"]
chain = ["backup/*"]
"""


async def answered(router: Router, model: str) -> tuple[str, str]:
    async with await router.send(Operation.CHAT, model, CHAT) as answer:
        await answer.read()
        return answer.head.provider, answer.head.model


async def test_the_most_specific_name_wins(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """An exact name before a glob; `*` keeps the caller's name."""
    async with Router(make_settings(primary, backup, routes=ROUTES)) as router:
        assert await answered(router, "gpt-4o") == ("primary", "exact")
        assert await answered(router, "gpt-4o-mini") == ("backup", "gpt-4o-mini")


async def test_a_model_without_a_chain_is_named_with_the_nearest_one(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """A 404 in OpenAI's words."""
    async with Router(make_settings(primary, backup, routes=ROUTES)) as router:
        with pytest.raises(InputError, match=r"'gpt4o': did you mean 'gpt-4o'\?") as caught:
            await router.send(Operation.CHAT, "gpt4o", CHAT)
    assert (caught.value.code, caught.value.status) == ("model_not_found", 404)


@pytest.mark.parametrize(
    ("asked", "knows", "told"),
    [
        ("GPT-4o", None, ": did you mean 'gpt-4o'?"),
        ("whisper", None, ": served are gpt-4o, gpt-4*"),
        ("whisper", {"gpt-4o"}, ": served are gpt-4o"),
        ("gpt4o", {"gpt-4*"}, ": did you mean 'gpt-4*'?"),
        ("GPT-4o", set(), ""),
    ],
)
async def test_models_are_named_to_who_may_know_them(
    primary: Upstream,
    backup: Upstream,
    make_settings: MakeSettings,
    asked: str,
    knows: set[str] | None,
    told: str,
) -> None:
    """However they are written; who may know none is told none."""
    may_know = None if knows is None else knows.__contains__
    async with Router(make_settings(primary, backup, routes=ROUTES)) as router:
        with pytest.raises(InputError) as caught:
            await router.send(Operation.CHAT, asked, CHAT, may_know=may_know)
    assert str(caught.value) == f"no chain serves the model {asked!r}{told}"


async def test_a_key_in_the_place_of_the_model_is_refused_and_not_repeated(
    primary: Upstream, make_settings: MakeSettings
) -> None:
    """Whatever it looks like: it would reach the provider, the log and the records."""
    extra = '[[gateway.callers]]\nalias = "a"\nkey = "correct horse"\n'
    async with Router(make_settings(primary, extra=extra)) as router:
        with pytest.raises(InputError, match="model is one of the configured keys") as caught:
            await router.send(Operation.CHAT, "correct horse", CHAT)
    assert "horse" not in str(caught.value)
    assert not primary.requests


async def test_the_models_are_those_configured_and_those_globs_match(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """A provider that does not answer takes nothing from the list but its own."""
    async with Router(make_settings(primary, backup, routes=ROUTES)) as router:
        assert await router.list_models() == ["gpt-4o", "gpt-4o-mini"]
        backup.fail("status=503")
        assert await router.list_models() == ["gpt-4o"]


async def test_a_time_out_of_the_caller_can_only_shorten_the_call(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """The configured total holds, for all targets together."""
    primary.fail("hang")
    backup.fail("hang")
    settings = make_settings(primary, backup, extra="[timeouts]\ntotal = 1.0\nconnect = 0.2\n")
    clock = asyncio.get_running_loop().time
    async with Router(settings, sinks=()) as router:
        for given, longest in ((60, 1.2), (0.2, 0.5)):
            began = clock()
            with pytest.raises(CallFailed):
                await router.send(Operation.CHAT, "m", CHAT, timeout=given)
            assert clock() - began < longest


async def test_the_connect_limit_of_a_route_holds(
    primary: Upstream, make_settings: MakeSettings
) -> None:
    """A host that never accepts is left after it, long before the limit of the attempt."""
    with socket.socket() as listener, ExitStack() as fillers:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        routes = (
            f'[providers.silent]\nbase_url = "http://127.0.0.1:{address[1]}"\n'
            '[models."*"]\nchain = ["silent/*", "primary/*"]\ntimeouts = { connect = 0.2 }\n'
        )
        async with (
            Router(make_settings(primary, routes=routes), sinks=()) as router,
            await router.send(Operation.CHAT, "m", CHAT) as answer,
        ):
            first = answer.attempts[0]
    assert first.failure_class == "timeout"
    assert 0.15 < first.duration < 1


async def test_vectors_of_another_length_than_before_are_not_passed_on(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """The first answer settles the length; the next provider is asked instead."""
    body = b'{"model":"text-embedding-3-small","input":"x"}'
    async with Router(make_settings(primary, backup), sinks=()) as router:

        async def embed() -> str:
            async with await router.send(
                Operation.EMBEDDING, "text-embedding-3-small", body
            ) as answer:
                await answer.read()
                return answer.head.provider

        assert await embed() == "primary"
        primary.fail("wrong_dimensions")
        assert await embed() == "backup"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = (", "was never closed"),
        ("raise RuntimeError('boom')", "boom"),
        ("other = 1", "no attribute 'classify'"),
        ("classify = 5", "is not a function"),
    ],
)
async def test_a_hook_that_cannot_be_used_is_a_configuration_error(
    source: str, reason: str, primary: Upstream, make_settings: MakeSettings
) -> None:
    """At the start, in one sentence, whatever the operator's module does."""
    name = f"rules_{abs(hash(source))}"
    Path(f"{name}.py").write_text(source, encoding="utf-8")
    settings = make_settings(primary, extra=f'[hooks]\nclassify = "{name}:classify"\n')
    with pytest.raises(ConfigurationError, match=reason):
        Router(settings)


async def test_a_hook_that_fails_is_reported_and_loses_nothing(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """The built-in verdict stands."""
    Path("failing_rules.py").write_text("def classify(failure):\n    return 1 / 0\n")
    settings = make_settings(primary, backup, extra='[hooks]\nclassify="failing_rules:classify"\n')
    primary.fail("overloaded")
    async with Router(settings) as router:
        assert (await answered(router, "m"))[0] == "backup"
    assert "hooks.classify failed: ZeroDivisionError" in caplog.text


async def test_where_the_operator_has_turned_fallback_off_nobody_else_is_asked(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """And that is told as the reason."""
    settings = replace(make_settings(primary, backup), fallback_enabled=False)
    told: list[TelemetryEvent] = []
    primary.fail("overloaded")
    async with Router(settings, sinks=(told.append,)) as router:
        with pytest.raises(ProviderError):
            await answered(router, "gpt-4o")
    assert backup.requests == []
    assert [e.bound for e in told if isinstance(e, CallEnded)] == [Bound.OPERATOR]


async def test_the_log_tells_the_path_and_no_key(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """Who failed and why, who is asked next, who answered; alerts as errors."""
    key = "sk-planted-abcdefghijklmnop"
    primary.fail(f'auth,message="Incorrect API key provided: {key}"')
    with caplog.at_level(logging.DEBUG, logger="elizanet"):
        async with Elizanet(make_settings(primary, backup)) as net:
            await net.use_model("TEXT_SMALL", "Hello")
        async with Elizanet(make_settings(primary, backup)) as net:
            primary.fail("cut_stream=1")
            with pytest.raises(ProviderError):
                async for _ in net.stream("TEXT_SMALL", "Hello"):
                    pass
            backup.fail("refuse")
            primary.fail("overloaded")
            with pytest.raises(Exception, match="all targets failed"):
                await net.use_model("TEXT_SMALL", "Hello")
    told = caplog.text
    assert key not in told
    assert "primary/gpt-4o-mini 401 auth" in told
    assert "trying backup/gpt-4o-mini" in told
    assert "answered by backup/gpt-4o-mini, attempt 2" in told
    assert "stream broke" in told
    assert "no answer (attempts: 3)" in told
    assert {r.levelname for r in caplog.records if "401 auth" in r.message} == {"ERROR"}
