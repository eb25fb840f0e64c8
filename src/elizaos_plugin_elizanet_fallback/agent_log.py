"""The log lines of one agent: those of the specification, through the host's own logger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elizanet.classify.verdicts import RETRYABLE
from elizanet.errors import CallFailed
from elizanet.model_types import ModelType, model_name
from elizanet.model_types.served import Served
from elizanet.settings import Settings
from elizanet.telemetry import (
    ALERTING,
    AttemptFailed,
    CallAnswered,
    EmbeddingDegraded,
    HealthChanged,
    TelemetryEvent,
    answering,
    describe,
)
from elizaos_plugin_elizanet_fallback.names import PLUGIN_NAME
from elizaos_plugin_elizanet_fallback.wording import (
    facts_of,
    milliseconds,
    operation_of,
    reason_of,
)

if TYPE_CHECKING:
    from elizaos.types.runtime import IAgentRuntime

    from elizanet.router import ProviderHealth

_TAG: Final = "[ElizaNet]"


def say(runtime: IAgentRuntime, level: str, line: str, **fields: object) -> None:
    """Write a line, with fields beside it, through the logger that the runtime has now."""
    getattr(runtime.logger, level)(line, **fields)


class AgentLog:
    """Writes what happened, keys masked."""

    def __init__(self, runtime: IAgentRuntime, settings: Settings) -> None:
        self._runtime = runtime
        self._settings = settings
        self._said_sole = False

    def _say(self, level: str, line: str, **fields: object) -> None:
        say(self._runtime, level, line, **fields)

    # The agent's own provider failed

    def falling_back(self, reason: str) -> None:
        self._say(
            "warning",
            f"[useModel] Primary model failed with {reason.removesuffix('.')}."
            " Attempting fallback to ElizaNet LiteLLM...",
        )

    def fell_back(self, key: str, seconds: float) -> None:
        """`seconds` are counted from the start of the call, the failed provider's included."""
        took = f"{milliseconds(seconds):,}ms"
        self._say(
            "info", f"[useModel] Successfully fell back to ElizaNet LiteLLM for {key} (took {took})"
        )

    def fallback_failed(self, reason: str) -> None:
        self._say("error", f"[useModel] ElizaNet fallback also failed: {reason}")

    # A call of ours

    def requested(self, kind: ModelType) -> None:
        name = model_name(kind, self._settings.model_types)
        route = self._settings.route_for(name)
        provider = self._settings.providers[route.targets[0].provider] if route else None
        limits = self._settings.timeouts_for(route, provider)
        self._say(
            "debug",
            f"{_TAG} {operation_of(kind)} request",
            baseUrl=provider.base_url if provider else None,
            hasApiKey=provider is not None and bool(provider.api_keys),
            timeout=milliseconds(limits.attempt),
            modelType=kind.value,
        )

    def completed(self, kind: ModelType, seconds: float, served: Served) -> None:
        usage = served.usage
        self._say(
            "info",
            f"{_TAG} {operation_of(kind)} completed",
            duration=milliseconds(seconds),
            model=f"{served.provider}/{served.model}",
            tokenUsage=None if usage is None else (
                {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens,
                 "total": usage.total_tokens}
            ),
        )  # fmt: skip

    def failed(self, kind: ModelType, error: Exception) -> None:
        retryable = isinstance(error, CallFailed) and error.failure_class in RETRYABLE
        self._say(
            "error",
            f"{_TAG} {operation_of(kind)} failed: {reason_of(error)}",
            **facts_of(error, retryable=retryable),
        )

    def heard(self, event: TelemetryEvent) -> None:
        """Tell what only the chain knows: who failed in it, and who was asked next."""
        match event:
            case AttemptFailed(_, model, attempt, next_target):
                then = f"; trying {next_target}" if next_target else ""
                level = "error" if attempt.failure_class in ALERTING else "warning"
                self._say(level, f"{_TAG} {model}: {describe(attempt)}{then}")
            case CallAnswered(_, model, attempts, _) if len(attempts) > 1:
                last = answering(attempts)
                self._say(
                    "info",
                    f"{_TAG} {model}: answered by {last.provider}/{last.model}"
                    f" after {len(attempts)} attempts",
                )
            case HealthChanged(subject, what, state, reason):
                level = "error" if state.startswith("quarantined") else "warning"
                self._say(level, f"{_TAG} {subject}: {what} {state}: {reason}")
            case EmbeddingDegraded(marker, reason, probe=False):
                self._say(
                    "warning",
                    f"{_TAG} Embedding degraded to a marker vector ({marker}), which is no"
                    f" embedding: {reason}",
                )

    # The plugin itself

    def sole_provider(self, kind: ModelType) -> None:
        """Say once that this agent has nothing but us."""
        if not self._said_sole:
            self._said_sole = True
            self._say(
                "warning",
                f"{_TAG} {PLUGIN_NAME} is the only provider of {kind}: it answers, but there is"
                " nothing to fall back from. Add the plugin of a model provider.",
            )

    def healthy(self, provider: str, health: ProviderHealth) -> None:
        if health:
            self._say("info", f"{_TAG} Connected to {provider} ({health.reason})")
        else:
            self._say("warning", f"{_TAG} Health check failed: {provider}: {health.reason}")

    def errand_failed(self, error: Exception) -> None:
        self._say(
            "warning",
            f"{_TAG} An event or a record was lost: {type(error).__name__}: {reason_of(error)}",
        )

    def dimensions_differ(self, length: int, own: int) -> None:
        self._say(
            "error",
            f"{_TAG} The fallback's embedding has {length} numbers and this agent's have {own}:"
            f" refused. ELIZANET_EMBEDDING_DIMENSIONS={own} makes them fit",
        )
