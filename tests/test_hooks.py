"""The operator's own functions: what they may change, and that they never lose a call."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from elizanet import ConfigurationError, Elizanet, Hooks, ModelType
from elizanet.classify import Failure
from elizanet.errors import FailureClass, ProviderError, Verdict
from elizanet.operation import Operation
from elizanet.router import Router
from elizanet.settings import Settings
from elizanet.telemetry import HookFailed
from elizanet.testing import HttpReply, ReceivedRequest, Upstream, Wire
from elizanet.testing.reply import json_reply

MakeSettings = Callable[..., Settings]
Body = dict[str, Any]

CHAT = b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}'
HI = {"prompt": "Hi"}
ALL_FOUR = """
def say(failure):
    return "overloaded" if failure.status == 400 else None

def shout(provider, operation, body):
    return {**body, "user": f"{provider} {operation}"}

def sign(provider, operation, answer):
    answer["choices"][0]["message"]["content"] += f" -- {provider}"
    return answer

def well(provider):
    return "closed today" if provider == "backup" else True
"""
NAMED = """
[hooks]
classify = "{0}:say"
transform_request = "{0}:shout"
process_response = "{0}:sign"
health = "{0}:well"
"""


GUIDE = (Path(__file__).parents[1] / "docs" / "resilience.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def paths_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading a hook makes modules of the working directory importable: not in other tests."""
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.fixture
def events() -> list[Any]:
    return []


@pytest.fixture
async def make_router(
    make_settings: MakeSettings, events: list[Any]
) -> AsyncIterator[Callable[..., Router]]:
    """Return a maker of routers with hooks; all are closed at the end."""
    made: list[Router] = []

    def make(*providers: Upstream, extra: str = "", **hooks: Any) -> Router:
        settings = make_settings(*providers, extra=extra)
        made.append(Router(settings, sinks=(events.append,), hooks=Hooks(**hooks)))
        return made[-1]

    yield make
    for router in made:
        await router.aclose()


async def ask(
    router: Router, body: bytes = CHAT, operation: Operation = Operation.CHAT, **options: Any
) -> bytes:
    async with await router.send(operation, "m", body, **options) as answer:
        return await answer.read()


def said(body: bytes) -> str:
    """Return the text of a whole chat answer."""
    text: str = json.loads(body)["choices"][0]["message"]["content"]
    return text


def failures(events: list[Any]) -> list[str]:
    return [event.hook for event in events if isinstance(event, HookFailed)]


def write_module(name: str, source: str) -> None:
    Path(f"{name}.py").write_text(source, encoding="utf-8")


# Where they come from


async def test_hooks_named_in_the_settings_are_all_used(
    primary: Upstream, backup: Upstream, make_router: Callable[..., Router]
) -> None:
    """Beside the working directory, which need not be importable otherwise."""
    write_module("hooks_of_mine", ALL_FOUR)
    primary.fail("bad_request")
    router = make_router(primary, backup, extra=NAMED.format("hooks_of_mine"))
    assert said(await ask(router)) == "backup answers: Hi -- backup"
    assert primary.requests[0].fields["user"] == "primary chat/completions"
    assert backup.requests[0].fields["user"] == "backup chat/completions"
    health = await router.health()
    assert (bool(health["primary"]), health["backup"].reason) == (True, "closed today")


async def test_hooks_given_to_the_library_win(
    primary: Upstream, make_settings: MakeSettings
) -> None:
    """Each by itself: those that are not given are still those of the settings."""
    write_module("hooks_beside", ALL_FOUR)
    hooks = Hooks(transform_request=lambda _provider, _operation, body: {**body, "user": "mine"})
    settings = make_settings(primary, extra=NAMED.format("hooks_beside"))
    async with Elizanet(settings, sinks=(), hooks=hooks) as net:
        assert await net.use_model(ModelType.TEXT_SMALL, HI) == "primary answers: Hi -- primary"
    assert primary.requests[0].fields["user"] == "mine"


@pytest.mark.parametrize(
    ("source", "name", "reason"),
    [
        (None, "there_is_none:say", "cannot be loaded: No module named 'there_is_none'"),
        ("", "no_function:say", "cannot be loaded: module 'no_function' has no attribute 'say'"),
        ("say = 1", "no_callable:say", "is not a function"),
        ("1 / 0", "it_raises:say", "cannot be loaded: division by zero"),
        ("def say(:", "no_python:say", "cannot be loaded: invalid syntax (no_python.py, line 1)"),
    ],
)
def test_a_hook_that_cannot_be_loaded_is_named(
    source: str | None, name: str, reason: str, make_settings: MakeSettings
) -> None:
    """When the library starts, and not with the first call."""
    if source is not None:
        write_module(name.partition(":")[0], source)
    settings = make_settings(extra=f'[hooks]\nclassify = "{name}"\n', routes="")
    with pytest.raises(ConfigurationError) as caught:
        Router(settings)
    assert str(caught.value) == f'hooks.classify = "{name}" {reason}'


@pytest.mark.parametrize("hook", ["classify", "transform_request", "process_response"])
def test_only_the_health_hook_may_be_a_coroutine_function(
    hook: str, make_settings: MakeSettings
) -> None:
    """The others stand in the way of every call, and none of them may wait."""

    async def slow(*_given: object) -> None:
        raise NotImplementedError

    with pytest.raises(ConfigurationError, match=f"^hooks.{hook} is a coroutine function; only"):
        Router(make_settings(routes=""), hooks=Hooks(**{hook: slow}))  # type: ignore[arg-type]


# Requests


async def test_a_request_hook_sees_what_each_provider_would_get(
    primary: Upstream, backup: Upstream, make_settings: MakeSettings
) -> None:
    """The model has the target's name already; what is changed for one, others do not get."""
    seen: list[Body] = []

    def mark(provider: str, operation: str, body: Body) -> Body | None:
        seen.append({**body, "by": provider, "at": operation})
        return {**body, "temperature": 0} if provider == "primary" else None

    chain = '[models."*"]\nchain = ["primary/a-model", "backup/*"]\n'
    settings = make_settings(primary, backup, routes=chain)
    primary.fail("status=503")
    async with Router(settings, sinks=(), hooks=Hooks(transform_request=mark)) as router:
        await ask(router)
    assert [(b["by"], b["at"], b["model"]) for b in seen] == [
        ("primary", "chat/completions", "a-model"),
        ("backup", "chat/completions", "m"),
    ]
    assert primary.requests[0].fields["temperature"] == 0
    assert backup.requests[0].body == CHAT


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_hook_may_choose_another_model(
    stream: bool, primary: Upstream, make_router: Callable[..., Router]
) -> None:
    """It is the name that goes upstream, and the one that the answer's headers tell."""
    router = make_router(primary, transform_request=lambda _p, _o, body: {**body, "model": "big"})
    body = json.dumps({**json.loads(CHAT), "stream": stream}).encode()
    async with await router.send(Operation.CHAT, "m", body, stream=stream) as answer:
        await answer.read()
        assert answer.head.model == "big"
    assert primary.requests[0].model == "big"


def _raises(*_given: object) -> Any:
    raise LookupError("no rule for sk-abcdefghijklmnopqrstuvwxyz0123")


@pytest.mark.parametrize(
    "hook",
    [
        _raises,
        lambda *_: [1],
        lambda *_: "a text",
        lambda _p, _o, body: {**body, "user": object()},
        lambda _p, _o, body: {**body, "model": 4},
        lambda _p, _o, body: {"messages": body["messages"]},
        lambda _p, _o, body: {**body, "stream": True},
    ],
    ids=["raises", "list", "text", "no-json", "wrong-model", "no-model", "stream"],
)
async def test_a_request_hook_that_fails_changes_nothing(
    hook: Any, primary: Upstream, make_router: Callable[..., Router], events: list[Any]
) -> None:
    """It is reported and counted each time, and the provider gets what the caller sent."""
    router = make_router(primary, transform_request=hook)
    for count in (1, 2):
        assert said(await ask(router)) == "primary answers: Hi"
        assert router.hooks.failures == count
    assert failures(events) == ["transform_request"] * 2
    assert {request.body for request in primary.requests} == {CHAT}


async def test_the_report_of_a_hook_has_no_keys(
    primary: Upstream, make_router: Callable[..., Router], events: list[Any]
) -> None:
    """Whatever its exception says."""
    await ask(make_router(primary, transform_request=_raises))
    (event,) = (event for event in events if isinstance(event, HookFailed))
    assert event.reason.startswith("LookupError: no rule for ")
    assert "abcdefghijklmnop" not in event.reason


async def test_a_request_that_names_no_model_reaches_the_hook(
    primary: Upstream, make_router: Callable[..., Router]
) -> None:
    """Where OpenAI's API means one; the hook may leave it out as the caller did."""
    seen: list[Body] = []

    def keep(_provider: str, _operation: str, body: Body) -> Body:
        seen.append(body)
        return {"prompt": "A dog"}

    router = make_router(primary, transform_request=keep)
    async with await router.send(Operation.IMAGE, "dall-e-2", b'{"prompt":"A cat"}') as answer:
        await answer.read()
    assert seen == [{"prompt": "A cat"}]
    assert primary.requests[0].json == {"prompt": "A dog"}


async def test_a_body_that_is_no_object_is_the_provider_s_to_refuse(
    primary: Upstream, make_router: Callable[..., Router], events: list[Any]
) -> None:
    """The hook does not see it, and the failure is the same as without a hook."""
    router = make_router(primary, transform_request=_raises)
    with pytest.raises(ProviderError) as caught:
        await ask(router, b'["no object"]')
    assert caught.value.failure_class is FailureClass.BAD_REQUEST
    assert failures(events) == []


# Answers


def upper(_provider: str, _operation: str, answer: Body) -> Body | None:
    """Write every piece of text in capitals; leave alone what has none."""
    for choice in answer["choices"]:
        delta = choice.get("delta", choice.get("message"))
        if delta.get("content"):
            delta["content"] = delta["content"].upper()
            return answer
    return None


async def test_a_whole_answer_passes_through_the_hook(
    primary: Upstream, make_settings: MakeSettings
) -> None:
    """And nothing of it is seen by the hook for requests, or the other way round."""
    async with Elizanet(
        make_settings(primary), sinks=(), hooks=Hooks(process_response=upper)
    ) as net:
        assert await net.use_model(ModelType.TEXT_SMALL, HI) == "PRIMARY ANSWERS: HI"
    assert primary.requests[0].fields["messages"] == [{"role": "user", "content": "Hi"}]


async def test_a_stream_passes_through_the_hook_event_by_event(
    primary: Upstream, make_router: Callable[..., Router]
) -> None:
    """What it leaves alone keeps its bytes: the start, the finish, `[DONE]`."""
    body = json.dumps({**json.loads(CHAT), "stream": True}).encode()
    plain, loud = make_router(primary), make_router(primary, process_response=upper)
    before = (await ask(plain, body, stream=True)).split(b"\n\n")
    after = (await ask(loud, body, stream=True)).split(b"\n\n")
    assert len(before) == len(after)
    changed = [new for old, new in zip(before, after, strict=True) if _same(old) != _same(new)]
    texts = [json.loads(event.removeprefix(b"data: ")) for event in changed]
    assert [t["choices"][0]["delta"]["content"] for t in texts] == ["PRIMARY", " ANSWERS:", " HI"]
    assert after[-2:] == [b"data: [DONE]", b""]


def _same(event: bytes) -> bytes:
    """Return an event without what differs from answer to answer."""
    if not event.startswith(b"data: {"):
        return event
    fields = json.loads(event.removeprefix(b"data: "))
    return json.dumps({**fields, "id": "", "created": 0}).encode()


async def test_a_response_hook_that_fails_in_a_stream_loses_no_word(
    primary: Upstream, make_router: Callable[..., Router], events: list[Any]
) -> None:
    """The events that it fails for are passed on as they came, the others as it wants them."""

    def moody(provider: str, operation: str, answer: Body) -> Body | None:
        if "answers" in json.dumps(answer):
            raise KeyError("answers")
        return upper(provider, operation, answer)

    body = json.dumps({**json.loads(CHAT), "stream": True}).encode()
    whole = await ask(make_router(primary, process_response=moody), body, stream=True)
    chunks = [json.loads(line[6:]) for line in whole.split(b"\n\n") if line.startswith(b"data: {")]
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks)
    assert text == "PRIMARY answers: HI"
    assert failures(events) == ["process_response"]


@pytest.mark.parametrize("answer", [_raises, lambda *_: 1, lambda *_: {"a": object()}])
async def test_a_response_hook_that_fails_changes_nothing(
    answer: Any, primary: Upstream, make_router: Callable[..., Router], events: list[Any]
) -> None:
    """The answer is the provider's, byte for byte."""
    whole = await ask(make_router(primary, process_response=answer))
    assert said(whole) == "primary answers: Hi"
    assert failures(events) == ["process_response"]


async def test_blanks_before_an_answer_are_no_reason_to_pass_the_hook(
    primary: Upstream, make_router: Callable[..., Router]
) -> None:
    """Some providers send them to keep the connection alive."""
    good = {"choices": [{"message": {"content": "late"}, "finish_reason": "stop"}]}

    async def slow(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.reply(HttpReply(body=b"\n\n" + json.dumps(good).encode()))

    primary.script(slow)
    assert said(await ask(make_router(primary, process_response=upper))) == "LATE"


async def test_half_a_character_passes_through_the_hook(
    primary: Upstream, make_router: Callable[..., Router], events: list[Any]
) -> None:
    """Providers cut texts between the halves of an emoji; both arrive."""
    half = b'{"choices":[{"delta":{"content":"%b"},"finish_reason":null}]}'
    end = b'{"choices":[{"delta":{},"finish_reason":"stop"}]}'

    async def emoji(_request: ReceivedRequest, wire: Wire) -> None:
        parts = (half % b"a\\ud83d", half % b"\\ude00b", end, b"[DONE]")
        raw = b"".join(b"data: %b\n\n" % part for part in parts)
        await wire.reply(HttpReply(body=raw, content_type="text/event-stream"))

    primary.script(emoji)
    body = json.dumps({**json.loads(CHAT), "stream": True}).encode()
    whole = await ask(make_router(primary, process_response=upper), body, stream=True)
    assert b"A\\ud83d" in whole
    assert b"\\ude00B" in whole
    assert failures(events) == []


async def test_sound_passes_by(
    primary: Upstream, make_router: Callable[..., Router], events: list[Any]
) -> None:
    """It is no JSON, and comes in pieces that mean nothing."""
    body = b'{"model":"m","input":"Hi","voice":"alloy"}'
    router = make_router(primary, process_response=_raises)
    plain = await ask(make_router(primary), body, Operation.SPEECH)
    assert await ask(router, body, Operation.SPEECH) == plain
    assert failures(events) == []


# What an error means


async def test_the_operator_s_rule_comes_first(
    primary: Upstream, backup: Upstream, make_router: Callable[..., Router]
) -> None:
    """A refusal that this provider gives when it is overloaded moves the call on."""

    def rule(failure: Failure) -> Verdict | None:
        if failure.provider == "primary" and failure.status == 400:
            return Verdict(FailureClass.OVERLOADED, fallback=True, retry_same_provider=False)
        return None

    primary.fail("bad_request")
    router = make_router(primary, backup, classify=rule)
    assert said(await ask(router)) == "backup answers: Hi"


@pytest.mark.parametrize("rule", [_raises, lambda _failure: "overload", lambda _failure: 3])
async def test_a_rule_that_fails_leaves_the_usual_meaning(
    rule: Any,
    primary: Upstream,
    backup: Upstream,
    make_router: Callable[..., Router],
    events: list[Any],
) -> None:
    """Neither the call nor the verdict is lost."""
    primary.fail("rate_limit")
    router = make_router(primary, backup, classify=rule)
    async with await router.send(Operation.CHAT, "m", CHAT) as answer:
        await answer.read()
        assert answer.attempts[0].failure_class is FailureClass.RATE_LIMIT
    assert failures(events) == ["classify"] == ["classify"] * router.hooks.failures


# Health


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("answer", "healthy", "reason"),
    [
        (True, True, "by the health hook"),
        (False, False, "by the health hook"),
        ("no sk-planted-a1b2c3d4e5f6g7 here", False, "no [redacted] here"),
        ("maintenance until noon", False, "maintenance until noon"),
        (None, True, "3 models"),
    ],
)
async def test_the_health_hook_decides_if_it_has_an_opinion(
    is_async: bool,
    answer: bool | str | None,
    healthy: bool,
    reason: str,
    make_router: Callable[..., Router],
) -> None:
    """As a function and as a coroutine function; with None the provider is asked."""
    asked: list[str] = []

    def well(provider: str) -> bool | str | None:
        asked.append(provider)
        return answer

    async def slowly_well(provider: str) -> bool | str | None:
        await asyncio.sleep(0)
        return well(provider)

    async with Upstream("one", models=["a", "b", "c"]) as one:
        router = make_router(one, health=slowly_well if is_async else well)
        health = (await router.health())["one"]
        assert (bool(health), health.reason) == (healthy, reason)
        assert asked == ["one"]
        assert len(one.requests) == (answer is None)


async def _raises_later(_provider: str) -> bool:
    raise OSError("no route")


@pytest.mark.parametrize("hook", [_raises, _raises_later, lambda _provider: 1, lambda _p: {}])
async def test_a_health_hook_that_fails_leaves_the_usual_check(
    hook: Any, primary: Upstream, make_router: Callable[..., Router], events: list[Any]
) -> None:
    """The provider is asked, and the hook reported."""
    router = make_router(primary, health=hook)
    assert (await router.health())["primary"]
    assert failures(events) == ["health"]
    assert len(primary.requests) == 1


async def test_a_health_hook_without_end_does_not_hold_up_the_check(
    primary: Upstream, make_router: Callable[..., Router], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the time that a provider has."""

    async def never(_provider: str) -> bool:
        await asyncio.Event().wait()
        raise NotImplementedError

    monkeypatch.setattr("elizanet.router.HEALTH_LIMIT_S", 0.05)
    health = (await make_router(primary, health=never).health())["primary"]
    assert (bool(health), health.reason) == (False, "the health hook gave no answer within 0.05 s")


async def test_without_a_hook_nothing_stands_in_the_way(
    primary: Upstream, make_router: Callable[..., Router]
) -> None:
    """A health or a classify hook costs a request nothing: bytes are not decoded for it."""
    provider = object()
    for hooks in ({}, {"health": lambda _p: True}, {"classify": lambda _f: None}):
        assert make_router(primary, **hooks).hooks.around(provider) is provider  # type: ignore[arg-type]


# The guide


def block_with(line: str) -> str:
    """Return the example of the guide that has this line in it."""
    blocks = re.findall(r"^```\w+\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    (found,) = (block for block in blocks if line in block.splitlines())
    return str(found)


async def busy_and_thinking(request: ReceivedRequest, wire: Wire) -> None:
    """A relay that is busy with one model, and tells its thoughts with every other one."""
    if request.model == "busy":
        await wire.reply(json_reply({"error": {"message": "engine busy"}}, 400))
        return
    message = {"content": "Hi!", "reasoning_content": "The user says Hi."}
    await wire.reply(json_reply({"choices": [{"message": message, "finish_reason": "stop"}]}))


async def test_the_hooks_of_the_guide_do_what_it_says(make_router: Callable[..., Router]) -> None:
    """Each of the four, loaded as the guide says."""
    write_module("my_hooks", block_with("def classify(failure):"))
    extra = block_with('classify = "my_hooks:classify"')
    async with Upstream("relay") as relay, Upstream("groq") as groq:
        relay.script(busy_and_thinking)
        router = make_router(relay, groq, extra=extra)
        short = json.dumps({**json.loads(CHAT), "store": True, "max_tokens": 9}).encode()
        assert json.loads(await ask(router, short))["choices"][0]["message"] == {"content": "Hi!"}
        assert relay.requests[0].body == short
        async with await router.send(Operation.CHAT, "busy", short) as answer:
            assert said(await answer.read()) == "groq answers: Hi"
            assert answer.attempts[0].failure_class is FailureClass.OVERLOADED
        assert groq.requests[0].fields["model"] == "llama-3.1-8b-instant"
        assert "store" not in groq.requests[0].fields
        relay.heal()
        Path("groq.maintenance").touch()
        health = await router.health()
        assert (bool(health["relay"]), health["groq"].reason) == (True, "under maintenance")
    assert router.hooks.failures == 0
