"""MODEL_USED and EMBEDDING_GENERATION_FAILED, as listeners of either naming hear them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from elizanet import tokens
from elizanet.model_types import ModelType
from elizanet.model_types.served import Served, Usage
from elizanet.telemetry import EmbeddingDegraded
from elizaos_plugin_elizanet_fallback.names import PLUGIN_NAME
from elizaos_plugin_elizanet_fallback.parameters import Request, prompt_in, words_in
from elizaos_plugin_elizanet_fallback.wording import sanitised

if TYPE_CHECKING:
    from elizaos.types.runtime import IAgentRuntime

MODEL_USED: Final = "MODEL_USED"
EMBEDDING_FAILED: Final = "EMBEDDING_GENERATION_FAILED"
_COUNTED: Final = 100_000
"""Characters of which tokens are counted; what is longer is reckoned from those."""


async def tell_used(
    runtime: IAgentRuntime,
    kind: ModelType,
    served: Served,
    request: Request | str | None,
    answer: str,
) -> None:
    """Tell that a model was used. Tokens that the provider did not count are estimated."""
    usage, estimated = served.usage, served.usage is None
    if usage is None:
        usage = await asyncio.to_thread(_estimated, words_in(request), answer, served.model)
    payload = {
        "runtime": runtime,
        "source": PLUGIN_NAME,
        "provider": PLUGIN_NAME,
        "type": kind.value,
        "prompt": sanitised(prompt_in(request)),
        "model": f"{served.provider}/{served.model}",
        "tokens": {
            "prompt": usage.prompt_tokens,
            "completion": usage.completion_tokens,
            "total": usage.total_tokens,
            "estimated": estimated,
        },
    }
    await _emit(runtime, MODEL_USED, payload)


async def tell_degraded(runtime: IAgentRuntime, degraded: EmbeddingDegraded) -> None:
    """Tell that an agent was given a marker vector instead of an embedding."""
    payload = {
        "runtime": runtime,
        "source": PLUGIN_NAME,
        "provider": PLUGIN_NAME,
        "type": ModelType.TEXT_EMBEDDING.value,
        "marker": degraded.marker,
        "error": sanitised(degraded.reason),
    }
    await _emit(runtime, EMBEDDING_FAILED, payload)


async def _emit(runtime: IAgentRuntime, name: str, payload: Mapping[str, object]) -> None:
    """Emit under TypeScript's name and under this host's; each of them is told in any case."""
    failure: Exception | None = None
    for event in (name, f"EVENT_TYPE_{name}"):
        try:
            await runtime.emit_event(event, dict(payload))
        except Exception as error:  # noqa: BLE001 -- a listener is foreign code; raised below
            failure = error
    if failure is not None:
        raise failure


def _estimated(asked: str, answer: str, model: str) -> Usage:
    said, answered = _count(asked, model), _count(answer, model)
    return Usage(said, answered, said + answered)


def _count(text: str, model: str) -> int:
    counted = tokens.count(text[:_COUNTED], model)
    return counted if len(text) <= _COUNTED else counted * len(text) // _COUNTED
