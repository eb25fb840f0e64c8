"""The record of a fallback in the agent's own database, with every adapter there is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import msgspec

from elizaos_plugin_elizanet_fallback.names import PLUGIN_NAME
from elizaos_plugin_elizanet_fallback.parameters import prompt_in
from elizaos_plugin_elizanet_fallback.wording import milliseconds, sanitised

if TYPE_CHECKING:
    from elizaos.runtime import AgentRuntime

_TEXTS = frozenset({"prompt", "input", "text", "texts", "messages", "system", "tools"})


class Fallback(msgspec.Struct, frozen=True):
    """A fallback that answered: which type, what was asked, why it was needed, how long it took.

    `seconds` include the time of the agent's own provider, which failed first.
    """

    key: str
    given: object
    reason: str
    seconds: float
    answer: object


def record_of(runtime: AgentRuntime, done: Fallback) -> dict[str, object]:
    """Return the record; texts are cut and without keys, numbers of a vector are left out."""
    agent = str(runtime.agent_id)
    room = vars(runtime).get("_current_room_id")
    prompt = sanitised(prompt_in(done.given))
    body = {
        "modelType": done.key,
        "modelKey": done.key,
        "provider": PLUGIN_NAME,
        "fallbackReason": done.reason,
        "executionTime": milliseconds(done.seconds),
        "runId": str(runtime.get_current_run_id()),
        "timestamp": time.time_ns() // 1_000_000,
        "prompt": prompt,
        "params": {**_numbers_of(done.given), "prompt": prompt},
        "response": _shown(done.answer),
    }
    return {
        "entityId": agent,
        "roomId": agent if room is None else str(room),
        "type": f"useModel:{done.key}:fallback",
        "body": body,
    }


async def write_record(runtime: AgentRuntime, record: Mapping[str, object]) -> None:
    """Write the record through the host; adapters that want it in pieces get it so."""
    try:
        await runtime.log(dict(record))
    except TypeError:  # the in-memory adapter's signature is not the one the host calls
        adapter: _Adapter | None = vars(runtime).get("_adapter")
        if adapter is None:
            raise
        places = (str(record[name]) for name in ("entityId", "roomId", "type"))
        await adapter.log(record["body"], *places)


class _Adapter(Protocol):
    async def log(self, body: object, entity_id: str, room_id: str, type_: str) -> None: ...


def _numbers_of(given: object) -> dict[str, object]:
    """Return the parameters that say how, not what: sizes, limits, temperatures."""
    if not isinstance(given, Mapping):
        return {}
    plain = str | int | float | bool
    return {
        str(name): sanitised(value) if isinstance(value, str) else value
        for name, value in given.items()
        if name not in _TEXTS and isinstance(value, plain)
    }


def _shown(answer: object) -> object:
    if isinstance(answer, str):
        return sanitised(answer)
    if isinstance(answer, list) and answer and isinstance(answer[0], int | float):
        return "[array]"
    try:
        return sanitised(msgspec.json.encode(answer).decode())
    except (TypeError, ValueError, RecursionError):
        return f"[{type(answer).__name__}]"
