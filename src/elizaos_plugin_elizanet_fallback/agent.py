"""What the plugin holds for one agent: its chains, its log, and what it still has to tell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from elizanet import Elizanet
from elizanet.errors import STOPPING, ElizanetError
from elizanet.model_types import ModelType
from elizanet.model_types.served import Served
from elizanet.settings import Settings
from elizanet.telemetry import EmbeddingDegraded, TelemetryEvent
from elizaos_plugin_elizanet_fallback.agent_log import AgentLog
from elizaos_plugin_elizanet_fallback.errands import Errands
from elizaos_plugin_elizanet_fallback.names import TOKENIZERS, served_types
from elizaos_plugin_elizanet_fallback.parameters import Request, request_for
from elizaos_plugin_elizanet_fallback.primary import Primary
from elizaos_plugin_elizanet_fallback.usage_events import tell_degraded, tell_used

if TYPE_CHECKING:
    from elizaos.types.runtime import IAgentRuntime

_DRAIN_S: Final = 2.0
"""Seconds that events and records under way have when the agent stops."""

_asked: ContextVar[bool] = ContextVar("elizanet_asked", default=False)


@contextmanager
def asked() -> Iterator[None]:
    """Mark a call as meant for the plugin: pinned to it, or a fallback."""
    token = _asked.set(True)
    try:
        yield
    finally:
        _asked.reset(token)


class AgentFallback:
    """Answers the model calls of one agent. Close it.

    Raises `ConfigurationError` for a hook in the settings that cannot be loaded.
    """

    def __init__(self, runtime: IAgentRuntime, settings: Settings) -> None:
        self.runtime = runtime
        self.settings = settings
        self.served = served_types(settings.models)
        self.log = AgentLog(runtime, settings)
        self.errands = Errands(self.log.errand_failed)
        self.net = Elizanet(settings, sinks=(self.log.heard, self._hear))
        self.primary = Primary(settings.primary_timeout, self.log.heard)
        self.alone_for: set[str] = set()
        """The model types for which the agent has no provider but us."""
        self.degraded = 0
        self.closed = False
        self._failures: WeakSet[ElizanetError] = WeakSet()
        self._health: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<AgentFallback {state} {self.net!r} degraded={self.degraded} {self.errands!r}>"

    def is_own_failure(self, error: Exception) -> bool:
        """Tell whether the plugin itself raised this: there is nothing behind it to ask."""
        return isinstance(error, ElizanetError) and error in self._failures

    def falls_back_on(self, error: Exception) -> bool:
        """Tell whether the plugin answers for a provider that failed like this."""
        verdict = self.net.judge(error)
        usual = verdict.failure_class not in STOPPING
        if verdict.fallback is not usual:  # a rule of the operator's has decided
            return verdict.fallback
        return verdict.failure_class in self.settings.fallback_on

    async def answer(self, kind: ModelType, given: object) -> object:
        """Answer a call as the host's handler of that model type. Raises `ElizanetError`."""
        if kind in TOKENIZERS:
            return await self.net.use_model(kind, request_for(kind, given, None))
        told: list[Served] = []
        began = self._begin(kind)
        try:
            request = request_for(kind, given, self._system_prompt())
            answer = await self.net.use_model(kind, request, on_served=told.append)
        except ElizanetError as error:
            self._failed(kind, error)
            raise
        if told:
            await self._used(kind, began, told[-1], request, answer)
        return answer

    async def stream(self, kind: ModelType, given: object) -> AsyncGenerator[str, None]:
        """Yield the pieces of a text as the host's handler of that type does."""
        told: list[Served] = []
        pieces: list[str] = []
        began = self._begin(kind)
        try:
            request = request_for(kind, given, self._system_prompt())
            async with aclosing(self.net.stream(kind, request, on_served=told.append)) as stream:
                async for piece in stream:
                    pieces.append(piece)
                    yield piece
        except ElizanetError as error:
            self._failed(kind, error)
            raise
        if told:
            await self._used(kind, began, told[-1], request, "".join(pieces))

    def start_health_check(self) -> None:
        """Ask the providers of the chains for their models, beside everything else."""
        self._health = asyncio.get_running_loop().create_task(self._check_health())

    async def aclose(self) -> None:
        """End what is under way, and close the connections. May be repeated."""
        self.closed = True
        if self._health is not None:
            self._health.cancel()
            await asyncio.gather(self._health, return_exceptions=True)
        await self.errands.aclose(_DRAIN_S)
        await self.net.aclose()

    async def _check_health(self) -> None:
        for provider, health in (await self.net.health_check()).items():
            self.log.healthy(provider, health)

    def _begin(self, kind: ModelType) -> float:
        if not _asked.get():
            self.alone_for.add(kind)
            self.log.sole_provider(kind)
        self.log.requested(kind)
        return time.perf_counter()

    def _failed(self, kind: ModelType, error: ElizanetError) -> None:
        self._failures.add(error)
        self.log.failed(kind, error)

    async def _used(
        self,
        kind: ModelType,
        began: float,
        served: Served,
        request: Request | str | None,
        answer: object,
    ) -> None:
        self.log.completed(kind, time.perf_counter() - began, served)
        text = answer if isinstance(answer, str) else ""
        self.errands.start(tell_used(self.runtime, kind, served, request, text))
        await asyncio.sleep(0)  # listeners that need not wait hear of it before the answer is out

    def _hear(self, event: TelemetryEvent) -> None:
        if isinstance(event, EmbeddingDegraded) and not event.probe:
            self.degraded += 1
            self.errands.start(tell_degraded(self.runtime, event))

    def _system_prompt(self) -> str | None:
        system = getattr(getattr(self.runtime, "character", None), "system", None)
        return system if isinstance(system, str) and system else None
