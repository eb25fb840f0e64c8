"""The plugin object that the host takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from elizaos import Plugin
from elizaos.types.runtime import IAgentRuntime

from elizanet.model_types import STREAMED, ModelType
from elizaos_plugin_elizanet_fallback.host_settings import SETTINGS
from elizaos_plugin_elizanet_fallback.names import HANDLED, PLUGIN_NAME, PRIORITY
from elizaos_plugin_elizanet_fallback.registration import agent_of, init
from elizaos_plugin_elizanet_fallback.self_tests import SUITE

_Handler = Callable[[IAgentRuntime, object], Awaitable[object]]
_StreamHandler = Callable[[IAgentRuntime, object], AsyncIterator[str]]


def _handler(kind: ModelType) -> _Handler:
    async def answer(runtime: IAgentRuntime, params: object) -> object:
        return await agent_of(runtime).answer(kind, params)

    return answer


def _stream_handler(kind: ModelType) -> _StreamHandler:
    def stream(runtime: IAgentRuntime, params: object) -> AsyncIterator[str]:
        return agent_of(runtime).stream(kind, params)

    return stream


PLUGIN: Final = Plugin(
    name=PLUGIN_NAME,
    description="ElizaNet LiteLLM fallback plugin for rate limiting and network errors",
    priority=PRIORITY,
    init=init,
    config=dict.fromkeys(SETTINGS),
    models={kind.value: _handler(kind) for kind in HANDLED},
    streamingModels={kind.value: _stream_handler(kind) for kind in sorted(STREAMED)},
    tests=[SUITE],
)
"""The plugin. It holds nothing of an agent, so that one object serves any number of them."""
