"""TOML with positions: the line of every key and array item of a document.

`tomllib` decides what is valid and what it means; this module only says where it stands. It
walks text that `tomllib` has accepted, so it may take the grammar for granted.
"""

from __future__ import annotations

import re
import tomllib
from typing import Final

Path = tuple[str | int, ...]
"""Keys, and the indices of array items, from the root."""

_BLANK: Final = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BARE: Final = r"(?P<bare>[A-Za-z0-9_-]+)"
_BASIC: Final = r'"(?:[^"\\]|\\.)*"'
_LITERAL: Final = r"'[^']*'"
_KEY: Final = re.compile(rf"[ \t]*(?:{_BARE}|{_BASIC}|{_LITERAL})[ \t]*")
_STRING: Final = re.compile(
    rf'"""(?:[^\\]|\\.)*?"{{3,5}}|\'\'\'.*?\'{{3,5}}|{_BASIC}|{_LITERAL}', re.DOTALL
)
_SCALAR: Final = re.compile(r"[^,\]}#\n]+")


def locate(text: str) -> dict[Path, int]:
    """Return the line number of everything in a valid document, its tables included."""
    return _Locator(text.replace("\r\n", "\n")).locate()


class _Locator:
    """A walk over the text; `_position` is the next character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._line = 1
        self._counted = 0
        self._lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}
        """How many tables each array of tables has so far."""

    def locate(self) -> dict[Path, int]:
        table: Path = ()
        self._skip_blank()
        while self._position < len(self._text):
            if self._accept("[["):
                table = self._array_of_tables()
            elif self._accept("["):
                table = self._enter(self._key())
                self._accept("]")
            else:
                self._assignment(table)
            self._skip_blank()
        return self._lines

    def _array_of_tables(self) -> Path:
        *parents, last = self._key()
        path = (*self._enter(parents), last)
        self._note(path)
        index = self._tables[path] = self._tables.get(path, 0) + 1
        self._accept("]]")
        return self._note((*path, index - 1))

    def _enter(self, key: list[str]) -> Path:
        """Follow a table header: a name of an array of tables means its latest table."""
        path: Path = ()
        for part in key:
            path = self._note((*path, part))
            if count := self._tables.get(path):
                path = (*path, count - 1)
        return path

    def _assignment(self, table: Path) -> None:
        path = table
        for part in self._key():
            path = self._note((*path, part))
        self._accept("=")
        self._skip_blank()
        self._value(path)

    def _value(self, path: Path) -> None:
        if self._accept("["):
            index = 0
            while not self._closed_by("]"):
                self._value(self._note((*path, index)))
                index += 1
        elif self._accept("{"):
            while not self._closed_by("}"):
                self._assignment(path)
        else:
            self._take(_STRING) or self._take(_SCALAR)

    def _closed_by(self, bracket: str) -> bool:
        """Pass the end of an array or inline table, or go to its next item."""
        self._skip_blank()
        self._accept(",")
        self._skip_blank()
        return self._accept(bracket)

    def _key(self) -> list[str]:
        key = [self._key_part()]
        while self._accept("."):
            key.append(self._key_part())
        return key

    def _key_part(self) -> str:
        found = self._take(_KEY)
        if found is None:
            raise ValueError(f"no key at line {self._here()}")
        return found["bare"] or next(iter(tomllib.loads(f"{found[0].strip()}=0")))

    def _note(self, path: Path) -> Path:
        self._lines.setdefault(path, self._here())
        return path

    def _here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._position)
        self._counted = self._position
        return self._line

    def _skip_blank(self) -> None:
        self._take(_BLANK)

    def _accept(self, token: str) -> bool:
        accepted = self._text.startswith(token, self._position)
        self._position += len(token) * accepted
        return accepted

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._position)
        self._position = found.end() if found else self._position
        return found
