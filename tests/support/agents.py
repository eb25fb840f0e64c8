"""Real elizaOS agents for tests: the unmodified runtime, real plugins, and what they logged."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from inspect import getclosurevars
from pathlib import Path
from typing import cast
from uuid import uuid4

from elizaos import AgentRuntime, ChannelType, Character, Content, Memory, Plugin
from elizaos.logger import Logger
from elizaos.types.database import IDatabaseAdapter
from elizaos.types.model import LLMMode
from elizaos_plugin_openai.plugin import create_openai_elizaos_plugin

from elizanet.testing import ReceivedRequest, Upstream, Wire
from elizanet.testing.reply import json_reply
from elizaos_plugin_elizanet_fallback import plugin as fallback

OPENAI_KEY = "sk-planted-openai-key-0123456789"
ELIZANET_KEY = "sk-planted-elizanet-key-9876543210"


@dataclass
class LogBook:
    """Stands where a runtime's logger is, and remembers every line."""

    lines: list[tuple[str, str, Mapping[str, object]]] = field(default_factory=list)

    def _add(self, level: str, message: str, fields: Mapping[str, object]) -> None:
        self.lines.append((level, message, fields))

    def debug(self, message: str, *args: object, **fields: object) -> None:
        self._add("debug", message, fields)

    def info(self, message: str, *args: object, **fields: object) -> None:
        self._add("info", message, fields)

    def warning(self, message: str, *args: object, **fields: object) -> None:
        self._add("warning", message, fields)

    warn = warning

    def error(self, message: str, *args: object, **fields: object) -> None:
        self._add("error", message, fields)

    def said(self, text: str, level: str | None = None) -> list[str]:
        """Return the lines with that text in them."""
        return [line for at, line, _ in self.lines if text in line and level in (None, at)]

    def fields_of(self, text: str) -> Mapping[str, object]:
        """Return the fields of the first line with that text."""
        return next(fields for _, line, fields in self.lines if text in line)


async def close_openai(plugin: Plugin) -> None:
    """Close the openai plugin's client: it has no way to do so itself."""
    handler = (plugin.models or {})["TEXT_LARGE"]
    get_client = getclosurevars(handler).nonlocals["_get_client"]
    if (client := getclosurevars(get_client).nonlocals["_client"]) is not None:
        await client.close()


def openai_plugin() -> Plugin:
    """Return a fresh openai plugin; it reads its environment at its first call."""
    return create_openai_elizaos_plugin()


@asynccontextmanager
async def running(
    *plugins: Plugin,
    settings: Mapping[str, object] | None = None,
    character: object = None,
    adapter: object = None,
    llm_mode: LLMMode | None = None,
    check_should_respond: bool | None = None,
) -> AsyncIterator[AgentRuntime]:
    """Run an agent with these plugins, by default openai and then ours; stop it at the end."""
    used = list(plugins or (openai_plugin(), fallback))
    runtime = AgentRuntime(
        cast("Character | None", character) or Character(name="Ada", bio="An agent"),
        adapter=cast("IDatabaseAdapter | None", adapter),
        plugins=used,
        settings=cast("dict[str, str | bool | int | float | None]", dict(settings or {})),
        llm_mode=llm_mode,
        check_should_respond=check_should_respond,
    )
    runtime._logger = cast("Logger", LogBook())
    await runtime.initialize()
    try:
        yield runtime
    finally:
        await runtime.stop()
        for plugin in used:
            if plugin.name == "openai":
                await close_openai(plugin)


def configure(toml: str) -> None:
    """Write the `elizanet.toml` that the next agent finds."""
    Path("elizanet.toml").write_text(toml, encoding="utf-8")


def log_of(runtime: AgentRuntime) -> LogBook:
    """Return what the agent logged."""
    return cast("LogBook", runtime.logger)


def calls(upstream: Upstream) -> int:
    """Count the model calls a provider received; health checks are none."""
    return len(bodies(upstream))


def bodies(upstream: Upstream) -> list[Mapping[str, object]]:
    """Return the bodies of the model calls a provider received."""
    return [r.fields for r in upstream.requests if r.endpoint != "models"]


async def pieces(stream: AsyncIterator[str]) -> Sequence[str]:
    """Return all pieces of a stream."""
    return [piece async for piece in stream]


def message_to(agent: AgentRuntime, text: str) -> Memory:
    """Return a message as a chat sends it."""
    content = Content(text=text, source="cli", channel_type=ChannelType.DM.value)
    return Memory(entity_id=str(uuid4()), room_id=str(uuid4()), content=content)


async def reply_as_the_host_asks(request: ReceivedRequest, wire: Wire) -> None:
    """Answer a chat as a good model does: in the host's XML, with the codes of its prompt."""
    messages = request.fields.get("messages")
    prompt = str(messages[-1]["content"]) if isinstance(messages, list) else ""
    codes = dict(re.findall(r"(initial|middle|end) code: (\S+)", prompt))
    echoed = "".join(f"<one_{n}_code>{c}</one_{n}_code>" for n, c in codes.items())
    text = (
        "<thought>t</thought><actions>REPLY</actions><providers></providers><text>I am up.</text>"
    )
    message = {"role": "assistant", "content": f"<response>{echoed}{text}</response>"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    await wire.reply(json_reply({"object": "chat.completion", "model": "m", "choices": [choice]}))
