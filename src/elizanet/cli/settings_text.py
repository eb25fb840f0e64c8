"""Settings as a `.env`, as JSON, as `elizanet.toml`: texts that load again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from json import dumps
from typing import Final

from elizanet.cli.version_one import KEY

_BARE: Final = re.compile(r"[A-Za-z0-9_./:@%+,-]+", re.ASCII)
_ESCAPED: Final = re.compile(r'["$\\]')


def as_env(settings: Mapping[str, str]) -> str:
    """Return the lines of a `.env`; a shell reads them the same way."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in settings.items())


def as_json(settings: Mapping[str, str]) -> str:
    """Return one JSON object of texts, as the settings of an agent's character are."""
    return dumps(dict(settings), indent=2, ensure_ascii=False) + "\n"


def as_toml(settings: Mapping[str, str]) -> str:
    """Return the table of the provider `elizanet`, with a reference in the place of its key.

    Raises ValueError with a sentence that names the settings which only variables have.
    """
    if homeless := [name for name in settings if name not in _LINES]:
        verb = "have" if len(homeless) > 1 else "has"
        raise ValueError(
            f"{' and '.join(homeless)} {verb} no place in elizanet.toml; use --format env"
        )
    lines = [_LINES[name](value) for name, value in settings.items()]
    return "\n".join(["[providers.elizanet]", *lines, ""])


FORMS: Final[Mapping[str, Callable[[Mapping[str, str]], str]]] = {
    "env": as_env,
    "toml": as_toml,
    "json": as_json,
}

_LINES: Final[Mapping[str, Callable[[str], str]]] = {
    "ELIZANET_BASE_URL": lambda url: f"base_url = {dumps(url, ensure_ascii=False)}",
    KEY: lambda _key: f'api_key = "env:{KEY}"',
    "ELIZANET_TIMEOUT": lambda ms: f"timeouts = {{ attempt = {float(ms) / 1000!r} }}",
}
"""Setting -> its line in the table of the provider."""


def _quoted(value: str) -> str:
    if _BARE.fullmatch(value):
        return value
    if "'" not in value:
        return f"'{value}'"
    return '"' + _ESCAPED.sub(r"\\\g<0>", value) + '"'
