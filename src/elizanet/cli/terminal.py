"""What depends on where the output goes: colour, control characters, the width of a screen."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_CONTROLS: Final = dict.fromkeys((*range(32), *range(127, 160)), "�")
_OBEYED: Final = _CONTROLS | {ord("\n"): "\n", ord("\t"): "\t", ord("\r"): None}


def printable(text: str) -> str:
    """Return a text without what could steer a terminal; line ends and tabs stay."""
    return text.translate(_OBEYED)


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a person watches the stream, on a terminal that can move its cursor."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def colour() -> bool | None:
    """Return False where `NO_COLOR` forbids colour, else None: only on a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def console(*, stderr: bool = False) -> Console:
    """Return a console for tables; `NO_COLOR` takes every style away, bold ones too."""
    from elizanet.cli.screen import Screen  # noqa: PLC0415 -- not every command draws

    plain = colour() is False
    return Screen(stderr=stderr, highlight=False, color_system=None if plain else "auto")
