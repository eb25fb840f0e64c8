"""The operator's own functions, named `module:function` in the settings."""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path

from elizanet.classify import Rule
from elizanet.errors import ConfigurationError

logger = logging.getLogger("elizanet")


def load_hook(name: str) -> Rule:
    """Import the function; modules beside the working directory are found too.

    Raises `ConfigurationError` with the reason it cannot be used.
    """
    module_name, _, function_name = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        hook: Rule = getattr(importlib.import_module(module_name), function_name)
    except Exception as error:  # the operator's own code runs here, and may raise anything
        message = f'hooks.classify = "{name}" cannot be loaded: {error}'
        raise ConfigurationError(message) from error
    if not callable(hook):
        raise ConfigurationError(f'hooks.classify = "{name}" is not a function')
    return hook


def report_hook_failure(error: Exception) -> None:
    """Tell the operator that a hook of theirs failed; the call goes on without it."""
    logger.error("hooks.classify failed: %s: %s", type(error).__name__, error)
