"""Every situation an agent with the plugin was tried in, run for real, and what came of it.

The table in docs/elizaos.md is made of these by `scripts/elizaos_situations.py`; a test runs
them again and holds the table against what happens.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from elizaos import AgentRuntime

from elizanet import DegradedVector, ElizanetError
from elizanet.testing import Upstream
from elizaos_plugin_elizanet_fallback import plugin as fallback
from support.agents import (
    OPENAI_KEY,
    calls,
    message_to,
    openai_plugin,
    reply_as_the_host_asks,
    running,
)

PARAMS: Mapping[str, Mapping[str, object]] = {
    "TEXT_EMBEDDING": {"text": "hi"},
    "TEXT_TOKENIZER_ENCODE": {"prompt": "hi"},
}


@dataclass(frozen=True)
class Situation:
    """What is called, and what is wrong; faults are those of `elizanet.testing`."""

    name: str
    fails: str | None = None
    kind: str = "TEXT_SMALL"
    elizanet_fails: str | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    pinned: str | None = None
    plugins: str = "openai, fallback"


def _faults(kind: str, faults: Mapping[str, str], group: str) -> list[Situation]:
    return [Situation(f"{group}: {name}", fault, kind) for name, fault in faults.items()]


SITUATIONS: tuple[Situation, ...] = (
    *_faults("TEXT_SMALL", {
        "works": "slow=0",
        "429, rate limit": "rate_limit",
        "429, `insufficient_quota`": "quota",
        "402": "status=402",
        "408": "status=408",
        "500": "status=500",
        "502": "status=502",
        "503": "status=503",
        "503, an HTML page": "status=503,html",
        "504": "status=504",
        "520": "status=520",
        "529": "status=529",
        "connection refused": "refuse",
        "closed without an answer": "close",
        "TCP reset": "reset",
        "silent until its client gives up": "hang",
        "answer cut in the middle": "cut",
        "bytes that are not HTTP": "garbage",
        "400": "bad_request",
        "401": "auth",
        "403": "status=403",
        "404, unknown model": "model_not_found",
        "422": "status=422",
        "content filter": "content_policy",
        "prompt too long": "context",
        "200 with an HTML page": "html200",
        "200 with half of the JSON": "not_json200",
        "200 without a choice": "no_choices",
    }, "text"),
    *_faults("TEXT_SMALL_STREAM", {
        "works": "slow=0",
        "429 before the first piece": "rate_limit",
        "503 before the first piece": "status=503",
        "401 before the first piece": "auth",
        "connection refused": "refuse",
        "silent until its client gives up": "hang",
        "cut before the first piece": "cut_stream=0",
        "cut after two pieces": "cut_stream=2",
        "HTML instead of a stream": "html200",
    }, "stream"),
    *_faults("TEXT_EMBEDDING", {
        "works": "slow=0",
        "429": "rate_limit",
        "503": "status=503",
        "silent until its client gives up": "hang",
        "401": "auth",
    }, "embedding"),
    Situation("a type nobody else serves: IMAGE", kind="IMAGE"),
    Situation("a type nobody else serves: OBJECT_SMALL", kind="OBJECT_SMALL"),
    Situation("a type nobody else serves: TEXT_TOKENIZER_ENCODE", kind="TEXT_TOKENIZER_ENCODE"),
    Situation("a message to the agent, its provider at 429", "rate_limit", "message"),
    Situation("a message to the agent, without the plugin", "rate_limit", "message",
              plugins="openai"),
    Situation("the plugin listed first, provider works", "slow=0", plugins="fallback, openai"),
    Situation("the plugin listed first, provider at 503", "status=503",
              plugins="fallback, openai"),
    Situation("the plugin listed twice, provider at 503", "status=503",
              plugins="openai, fallback, fallback"),
    Situation("the plugin alone", plugins="fallback"),
    Situation("the plugin alone, ElizaNet at 400", elizanet_fails="bad_request",
              plugins="fallback"),
    Situation('`provider="openai"`, at 503', "status=503", pinned="openai"),
    Situation("the same, ELIZANET_FALLBACK_PINNED=true", "status=503", pinned="openai",
              settings={"ELIZANET_FALLBACK_PINNED": "true"}),
    Situation('`provider="elizanet-fallback"`', pinned="elizanet-fallback"),
    Situation("ELIZANET_FALLBACK_ENABLED=false, provider at 503", "status=503",
              settings={"ELIZANET_FALLBACK_ENABLED": "false"}),
    Situation("ELIZANET_MODELS=TEXT_SMALL,TEXT_LARGE, an embedding at 503", "status=503",
              "TEXT_EMBEDDING", settings={"ELIZANET_MODELS": "TEXT_SMALL,TEXT_LARGE"}),
    Situation("ELIZANET_FALLBACK_ON=auth, provider at 401", "auth",
              settings={"ELIZANET_FALLBACK_ON": "auth"}),
    Situation("a setting that is wrong (ELIZANET_TIMEOUT=soon), provider at 503", "status=503",
              settings={"ELIZANET_TIMEOUT": "soon"}),
    Situation("both down: text", "status=503", elizanet_fails="refuse"),
    Situation("both down: stream", "status=503", "TEXT_SMALL_STREAM", elizanet_fails="refuse"),
    Situation("both down: embedding", "status=503", "TEXT_EMBEDDING", elizanet_fails="refuse"),
    Situation("both down: embedding, ELIZANET_EMBEDDING_ON_FAILURE=raise", "status=503",
              "TEXT_EMBEDDING", elizanet_fails="refuse",
              settings={"ELIZANET_EMBEDDING_ON_FAILURE": "raise"}),
    Situation("ElizaNet's vectors have another length", "status=503", "TEXT_EMBEDDING",
              elizanet_fails="wrong_dimensions"),
    Situation("ElizaNet's stream is cut after two pieces", "status=503", "TEXT_SMALL_STREAM",
              elizanet_fails="cut_stream=2"),
)  # fmt: skip


async def outcome_of(situation: Situation) -> str:
    """Run a situation in the real runtime; return what came of it, and who was asked how often."""
    async with (
        Upstream("primary", api_key=OPENAI_KEY) as primary,
        Upstream("elizanet") as elizanet,
    ):
        primary.faults = (situation.fails,) if situation.fails else ()
        elizanet.faults = (situation.elizanet_fails,) if situation.elizanet_fails else ()
        async with _agent(situation, primary, elizanet) as agent:
            if situation.kind == "message":
                elizanet.script(reply_as_the_host_asks)
            said = await _said(situation, agent, elizanet)
        return f"{said} | {calls(primary)} | {calls(elizanet)}"


async def _said(situation: Situation, agent: AgentRuntime, elizanet: Upstream) -> str:
    received: list[object] = []
    try:
        async for piece in _asked(situation, agent):
            received.append(piece)  # noqa: PERF401 -- kept when an error follows
    except Exception as error:  # noqa: BLE001 -- the outcome that is looked for
        name = type(error).__name__
        whose = "ElizaNet's" if isinstance(error, ElizanetError) else "the provider's"
        beside = ", ElizaNet's beside it" if getattr(error, "__notes__", ()) else ""
        begun = "the beginning, then " if received else ""
        return f"{begun}{whose} error (`{name}`){beside}"
    return _named(received, elizanet)


def _named(received: list[object], elizanet: Upstream) -> str:
    first = received[0] if received else None
    if isinstance(first, DegradedVector):
        return f"a marker vector ({first[0]})"
    if first is None:
        return "an empty text"
    if first == "silence":
        return "no reply"
    if isinstance(first, list) and isinstance(first[0], int):
        return "answered by the plugin, offline"
    return "**answered by ElizaNet**" if calls(elizanet) else "answered by the provider"


async def _asked(situation: Situation, agent: AgentRuntime) -> AsyncIterator[object]:
    params = dict(PARAMS.get(situation.kind, {"prompt": "one two three"}))
    if situation.kind == "message":
        result = await agent.message_service.handle_message(agent, message_to(agent, "Up?"))
        yield result.response_content.text if result.did_respond else "silence"
    elif situation.kind.endswith("_STREAM"):
        async for piece in agent.use_model_stream(situation.kind, params, situation.pinned):
            yield piece
    else:
        yield await agent.use_model(situation.kind, params, situation.pinned)


@asynccontextmanager
async def _agent(
    situation: Situation, primary: Upstream, elizanet: Upstream
) -> AsyncIterator[AgentRuntime]:
    environment = {
        "OPENAI_API_KEY": OPENAI_KEY,
        "OPENAI_BASE_URL": primary.base_url,
        "OPENAI_TIMEOUT": "1",
        "ELIZANET_BASE_URL": elizanet.base_url,
    }
    makers: dict[str, Any] = {"openai": openai_plugin, "fallback": lambda: fallback}
    plugins = [makers[name]() for name in situation.plugins.split(", ")]
    with _variables(environment), _impatient_openai():
        async with running(
            *plugins, settings=situation.settings, check_should_respond=False
        ) as agent:
            yield agent


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            with suppress(KeyError):
                del os.environ[name]
            if value is not None:
                os.environ[name] = value


@contextmanager
def _impatient_openai() -> Iterator[None]:
    """The openai plugin asks a silent server three times, and sleeps seven seconds between."""

    async def no_sleep(_seconds: float) -> None:
        pass

    with patch("elizaos_plugin_openai.client.asyncio", SimpleNamespace(sleep=no_sleep)):
        yield
