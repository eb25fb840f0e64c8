"""Keys as the file writes them: `env:NAME`, `file:PATH`, or the key itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elizanet.settings.files import UnreadableError, located, read_text
from elizanet.settings.secret import Secret

if TYPE_CHECKING:
    from elizanet.settings.environment import Environment
    from elizanet.settings.table import Table

_REFERENCE: Final = re.compile(r"(env|file):\s*(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SHELL: Final = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[^}]*\})", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_LARGEST_KEY: Final = 16 * 1024


def is_reference(text: str) -> bool:
    """Tell whether a text says where the value is, instead of being it."""
    return bool(_REFERENCE.fullmatch(text))


def flaw(key: str) -> str | None:
    """Return what keeps a text from being a key or a header, or None. Never shows the text."""
    if not key:
        return "is empty"
    if _CONTROL.search(key):
        return "has a line break or another control character in it"
    if not key.isascii():
        return "has a character in it that is not ASCII"
    if key != key.strip():
        return "begins or ends with a blank"
    if len(key) > _LARGEST_KEY:
        return f"is longer than {_LARGEST_KEY} characters"
    return None


def resolve(
    table: Table, environment: Environment, value: object, *below: str | int
) -> Secret | None:
    """Return the secret that `value`, which stands `below` the table, means.

    What is wrong with it is told without showing it. A key that stands in the file itself is
    warned about. Where keys are not to be resolved, a reference is what it says.
    """
    name = table.name_of(*below)
    if not environment.resolve_keys and isinstance(value, str) and is_reference(value):
        return Secret(value)
    try:
        key = _key(value, table.document.folder, environment)
    except ValueError as error:
        table.problem(f"{name} {error}", *below)
        return None
    if why := flaw(key):
        table.problem(f"{name} {why}", *below)
        return None
    if isinstance(value, str) and not is_reference(value):
        place = table.document.place((*table.path, *below))
        table.report.warn(f'{place}: {name} is a key in plain sight; use "env:NAME" or "file:PATH"')
    return Secret(key)


def resolve_all(
    table: Table, environment: Environment, name: str, allowed: str
) -> list[Secret | None]:
    """Return the secrets of the list `name`, each once; None for those that are wrong."""
    keys: list[Secret | None] = []
    for index, value in enumerate(table.items(name, allowed) or ()):
        key = resolve(table, environment, value, name, index)
        if key is not None and key in keys:
            table.problem(f"{table.name_of(name, index)} is there twice", name, index)
            key = None
        keys.append(key)
    return keys


def _key(value: object, folder: Path, environment: Environment) -> str:
    """Return what a value refers to; raises ValueError with the end of a sentence."""
    if not isinstance(value, str):
        raise ValueError('must be a text: "env:NAME", "file:PATH" or the key itself')
    reference = _REFERENCE.fullmatch(value)
    if reference is None:
        if _SHELL.fullmatch(value):
            raise ValueError('looks like a variable of the shell; write it as "env:NAME"')
        return value
    if reference[1].lower() == "file":
        return _from_file(reference[2], folder)
    return _from_variable(reference[2], environment)


def _from_variable(name: str, environment: Environment) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError('must name an environment variable after "env:", as in "env:OPENAI_KEY"')
    value = environment.variable(name)
    if value is None:
        raise ValueError(f"needs the environment variable {name}, which is not set")
    if not value:
        raise ValueError(f"needs the environment variable {name}, which is empty")
    return value


def _from_file(name: str, folder: Path) -> str:
    if not name:
        raise ValueError('must name a file after "file:", as in "file:/run/secrets/openai"')
    try:
        return read_text(located(name, folder)).rstrip("\r\n")
    except UnreadableError as error:
        raise ValueError(f"cannot be read: {error}") from None
