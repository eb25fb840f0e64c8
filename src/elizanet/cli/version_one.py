"""Version 1 of the configuration, one JSON object, as the settings of today."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from elizanet.errors import ConfigurationError
from elizanet.settings import Secret, load_settings
from elizanet.settings.report import mistyped, shown

KEY: Final = "ELIZANET_API_KEY"
NAMES: Final = (
    "ELIZANET_BASE_URL",
    KEY,
    "ELIZANET_TIMEOUT",
    "ELIZANET_SMALL_MODEL",
    "ELIZANET_LARGE_MODEL",
    "ELIZANET_EMBEDDING_MODEL",
    "ELIZANET_EMBEDDING_DIMENSIONS",
    "ELIZANET_IMAGE_MODEL",
    "ELIZANET_FALLBACK_ENABLED",
)
"""The settings that go back to version 1; younger ones never had a camelCase name."""


def _camel_case(name: str) -> str:
    words = name.removeprefix("ELIZANET_").split("_")
    return "elizaNet" + "".join(word.capitalize() for word in words)


FIELDS: Final[Mapping[str, str]] = {
    "elizaNetUrl": "ELIZANET_BASE_URL",
    "elizaNetKey": KEY,
    **{_camel_case(name): name for name in NAMES},
    **{name: name for name in NAMES},
}
"""Field of an old file -> setting. A file may be half migrated, so settings keep their names."""


@dataclass(frozen=True, slots=True)
class Migration:
    """What an old configuration means. The sentences begin with the name of a field."""

    settings: Mapping[str, str | Secret]
    problems: tuple[str, ...]
    """Why values cannot be taken over."""
    unknown: tuple[str, ...]
    """Fields that mean nothing."""


def parse(text: str) -> Mapping[str, object]:
    """Return the fields of an old file. Raises ValueError with the end of a sentence."""
    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"is not JSON: {error.msg} ({place})") from None
    except (ValueError, RecursionError):
        raise ValueError("is no JSON to be read: its numbers or its nesting go too far") from None
    if not isinstance(fields, dict):
        raise ValueError(f"must be one JSON object, not {_kind(fields)}")
    return fields


def migrate(fields: Mapping[str, object]) -> Migration:
    """Translate the fields; each value is judged as it will be when the settings are loaded.

    Null and blank texts count as not set, as they do in every other source of settings.
    """
    given: dict[str, str] = {}
    problems: list[str] = []
    unknown: list[str] = []
    for field, value in fields.items():
        name = FIELDS.get(field)
        if name is None:
            unknown.append(f"{shown(field)} is no field of version 1{mistyped(field, FIELDS)}")
        elif name in given:
            problems.append(f"{field} and {given[name]} both mean {name}; keep one of them")
        elif value is not None and str(value).strip():
            given[name] = field
            problems += (f"{field} {problem}" for problem in _problems(name, value))
    settings: dict[str, str | Secret] = {}
    if not problems:
        values = {name: _text(fields[given[name]]) for name in NAMES if name in given}
        settings = {name: Secret(it) if name == KEY else it for name, it in values.items()}
    return Migration(settings, tuple(problems), tuple(unknown))


def _problems(name: str, value: object) -> list[str]:
    """Return what the loader says of a value: ends of sentences that begin with its name."""
    with TemporaryDirectory() as empty:  # nothing but this value is judged
        try:
            load_settings(explicit={name: value}, environ={}, working_directory=Path(empty))
        except ConfigurationError as error:
            return [problem.removeprefix(f"{name} (explicit) ") for problem in error.problems]
    return []


def _text(value: object) -> str:
    """Return a value that the loader accepts, as the text that it also accepts."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return str(int(value)) if value.is_integer() else f"{Decimal(str(value)):f}"
        case _:
            return str(value).strip()


def _kind(value: object) -> str:
    kinds = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
