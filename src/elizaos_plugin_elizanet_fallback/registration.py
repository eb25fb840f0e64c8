"""How the plugin enters a runtime, and how it leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, cast

from elizaos.types.service import Service

from elizanet.errors import ConfigurationError
from elizaos_plugin_elizanet_fallback.agent import AgentFallback
from elizaos_plugin_elizanet_fallback.agent_log import say
from elizaos_plugin_elizanet_fallback.host_settings import mistakes_in, settings_of
from elizaos_plugin_elizanet_fallback.interception import Interception
from elizaos_plugin_elizanet_fallback.names import PLUGIN_NAME, PRIORITY, key_of
from elizaos_plugin_elizanet_fallback.wording import reason_of

if TYPE_CHECKING:
    from elizaos.runtime import AgentRuntime
    from elizaos.types.runtime import IAgentRuntime

_AGENT: Final = "_elizanet_fallback"
"""The attribute of a runtime that holds its `AgentFallback`."""
_INTERCEPTION: Final = "_elizanet_fallback_interception"
"""The attribute that says the plugin is registered: its `Interception`, None if it is off."""

_Register = Callable[..., None]


async def init(config: Mapping[str, object], runtime: IAgentRuntime) -> None:
    """Stand behind the model calls of a runtime; called by the host.

    Never raises: an agent without its fallback is better than no agent. What is wrong is
    logged, one line each.
    """
    if _INTERCEPTION in vars(runtime):
        return
    vars(runtime)[_INTERCEPTION] = None
    served: frozenset[str] = frozenset()
    try:
        served = await _enter(config, cast("AgentRuntime", runtime))
    except ConfigurationError as error:
        for problem in error.problems:
            say(runtime, "error", f"[ElizaNet] The fallback is off: {problem}")
    except Exception as error:  # noqa: BLE001 -- the boundary to the host; see above
        words = f"{type(error).__name__}: {reason_of(error)}"
        say(runtime, "error", f"[ElizaNet] The fallback is off: {words}")
    for name in ("register_model", "register_streaming_model"):
        vars(runtime)[name] = _registering(getattr(runtime, name), served)


def agent_of(runtime: IAgentRuntime) -> AgentFallback:
    """Return what the plugin holds for a runtime; for one it has not entered, make it.

    Raises `ConfigurationError`.
    """
    agent: AgentFallback | None = vars(runtime).get(_AGENT)
    if agent is None:
        agent = vars(runtime)[_AGENT] = AgentFallback(runtime, settings_of(runtime, {}))
    return agent


async def _enter(config: Mapping[str, object], runtime: AgentRuntime) -> frozenset[str]:
    """Set everything up; return the model types that are to be registered."""
    settings = settings_of(runtime, config)
    for mistake in mistakes_in(runtime):
        say(runtime, "warning", f"[ElizaNet] {mistake}")
    if not settings.fallback_enabled:
        say(runtime, "info", "[ElizaNet] The fallback is disabled (ELIZANET_FALLBACK_ENABLED)")
        return frozenset()
    agent = AgentFallback(runtime, settings)
    await runtime.register_service(ElizanetFallbackService)
    vars(runtime)[_AGENT] = agent
    interception = vars(runtime)[_INTERCEPTION] = Interception(runtime, agent)
    interception.install()
    agent.start_health_check()
    return agent.served


def _registering(register: _Register, served: frozenset[str]) -> _Register:
    """Return a `register_model` that gives our handlers, once each, the lowest priority.

    The host ignores a plugin's priority: without this, a plugin that is listed first would
    answer every call.
    """
    left = set(served)

    def register_with_priority(
        model_type: object, handler: object, provider: str, priority: int = 0
    ) -> None:
        if provider != PLUGIN_NAME:
            register(model_type, handler, provider, priority)
        elif key_of(model_type) in left:
            left.discard(key_of(model_type))
            register(model_type, handler, provider, PRIORITY)

    return register_with_priority


class ElizanetFallbackService(Service):
    """Closes the connections of one agent's fallback when the agent stops."""

    service_type = PLUGIN_NAME

    @property
    def capability_description(self) -> str:
        """What the host shows of the service."""
        return "Answers model calls whose provider is rate limited, overloaded or unreachable"

    @classmethod
    async def start(cls, runtime: IAgentRuntime) -> ElizanetFallbackService:
        """Return the service; what it closes exists already."""
        return cls(runtime)

    async def stop(self) -> None:
        """Give the runtime its own methods back and close everything."""
        own = vars(self.runtime)
        interception: Interception | None = own.pop(_INTERCEPTION, None)
        agent: AgentFallback | None = own.pop(_AGENT, None)
        if interception is not None:
            interception.remove()
        if agent is not None:
            await agent.aclose()
