"""elizanet for elizaOS: an agent whose model provider fails keeps answering.

    from elizaos_plugin_elizanet_fallback import plugin

    AgentRuntime(character, plugins=[get_openai_plugin(), plugin])

The plugin is thin: settings, events, logs and handlers of the host on one side, `Elizanet`
on the other. It works with the unmodified runtime of PyPI `elizaos` 2.0.0a5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elizanet import __version__

if TYPE_CHECKING:
    from elizaos import Plugin

    plugin: Plugin

__all__ = ["__version__", "get_elizanet_fallback_plugin", "plugin"]


def get_elizanet_fallback_plugin() -> Plugin:
    """Return the plugin. One object serves any number of agents, each by itself.

    Raises `ImportError` if `elizaos` is not installed.
    """
    try:
        from elizaos_plugin_elizanet_fallback.definition import PLUGIN  # noqa: PLC0415 -- as above
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "elizaos":
            raise
        raise ImportError(
            "elizaos_plugin_elizanet_fallback works inside elizaOS, and `elizaos` is not"
            " installed: pip install 'elizanet[elizaos]'"
        ) from error
    return PLUGIN


def __getattr__(name: str) -> object:
    """Make `plugin` when it is first asked for, so that the package can be imported alone."""
    if name == "plugin":
        return get_elizanet_fallback_plugin()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
