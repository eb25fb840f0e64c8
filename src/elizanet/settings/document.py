"""The configuration file as it was read: its values, where they stand, how to speak of them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elizanet.settings import toml
from elizanet.settings.files import UnreadableError, read_text

if TYPE_CHECKING:
    from elizanet.settings.report import Report

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class Document:
    """The values of a file, or none where there is no file or it cannot be read."""

    def __init__(
        self, path: Path, values: Mapping[str, object], lines: Mapping[toml.Path, int]
    ) -> None:
        self.name = path.name
        self.folder = path.parent
        self.values = values
        self._lines = lines

    def line(self, path: toml.Path) -> int:
        """Return the line of a value, or of the nearest table around it."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def place(self, path: toml.Path) -> str:
        """Return `file:line` of a value, or of the nearest table around it."""
        return f"{self.name}:{self.line(path)}"


def dotted(path: toml.Path) -> str:
    """Return a path as TOML would write it, with `[0]` for the first item of an array."""
    written = ""
    for part in path:
        if isinstance(part, int):
            written += f"[{part}]"
        else:
            written += "." * bool(written) + (part if _BARE.fullmatch(part) else dumps(part))
    return written


def read(path: Path, report: Report) -> Document:
    """Read a file; what is wrong with it as a whole is a problem, and it then has no values."""
    try:
        text = read_text(path)
        return Document(path, tomllib.loads(text), toml.locate(text))
    except UnreadableError as error:
        place = f"{path.name}:{error.line}" if error.line else path.name
        report.problem(f"{place}: {error}")
    except RecursionError:
        report.problem(f"{path.name}:1: arrays or tables are nested too deeply")
    except ValueError as error:  # also what int() says of a huge number inside tomllib
        report.problem(_syntax_problem(path.name, text, str(error)))
    return Document(path, {}, {})


def _syntax_problem(name: str, text: str, message: str) -> str:
    found = _PLACE.search(message)
    line = int(found[1]) if found and found[1] else text.rstrip().count("\n") + 1
    what = message[: found.start()] if found else message
    return f"{name}:{line}: this is not TOML: {what[:1].lower()}{what[1:]}"
