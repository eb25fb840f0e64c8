"""A table of the configuration file, read key by key.

Each reader returns the value, or None where the key is absent or its value is wrong; what is
wrong is told to the report. `finish` refuses the keys that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeVar, cast

from elizanet.settings import ranges
from elizanet.settings.document import Document, dotted
from elizanet.settings.origin import Origin
from elizanet.settings.report import Report, nearest, one_of, shown

if TYPE_CHECKING:
    from elizanet.settings.ranges import Range
    from elizanet.settings.toml import Path

Word = TypeVar("Word", bound=str)
_SIZE: Final = 'a size such as "20MiB" (B, KB, KiB, MB, MiB, GB or GiB), or a number of bytes'


class Table:
    """Some keys of `document` below `path`."""

    def __init__(
        self,
        document: Document,
        report: Report,
        path: Path = (),
        values: Mapping[str, object] | None = None,
    ) -> None:
        self.document = document
        self.report = report
        self.path = path
        self.values = document.values if values is None else values
        self._known: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def problem(self, sentence: str, *below: str | int) -> None:
        """Tell what is wrong with this table, or with what is `below` it."""
        path = (*self.path, *below)
        self.report.problem(f"{self.document.place(path)}: {sentence}", self.document.line(path))

    def name_of(self, *below: str | int) -> str:
        """Return the full name of a setting of this table."""
        return dotted((*self.path, *below))

    def wrong(self, name: str, allowed: str, *below: str | int) -> None:
        """Tell that a value is not what is allowed."""
        value = self.values[name]
        for part in below:
            value = cast(list[object], value)[cast(int, part)]
        where = self.name_of(name, *below)
        self.problem(f"{where} is {shown(value)}; it must be {allowed}", name, *below)

    def get(self, name: str) -> object | None:
        """Return a value as it is, and note where it stands."""
        self._known.add(name)
        value = self.values.get(name)
        if value is not None:
            self.note(self.name_of(name), name)
        return value

    def note(self, row: str, *below: str | int) -> None:
        """Note that what `describe` calls `row` stands below this table."""
        self.report.origins[row] = Origin("file", self.document.place((*self.path, *below)))

    def text(self, name: str, allowed: str = "a text") -> str | None:
        value = self.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is not None:
            self.wrong(name, allowed)
        return None

    def flag(self, name: str) -> bool | None:
        value = self.get(name)
        if isinstance(value, bool):
            return value
        if value is not None:
            self.wrong(name, "true or false")
        return None

    def number(self, name: str, allowed: Range) -> float | None:
        value = self.get(name)
        if allowed.admits(value):
            return value
        if value is not None:
            self.wrong(name, str(allowed))
        return None

    def whole(self, name: str, allowed: Range) -> int | None:
        number = self.number(name, allowed)
        return None if number is None else int(number)

    def size(self, name: str, allowed: Range) -> int | None:
        """Return a number of bytes, spelled with or without a unit."""
        value = self.get(name)
        size = ranges.size_in(value) if isinstance(value, str) else value
        if allowed.admits(size):
            return int(size)
        if value is not None:
            smallest = f", at least {ranges.spelled(int(allowed.low))}" if allowed.low > 1 else ""
            self.wrong(name, f"{_SIZE}{smallest}")
        return None

    def word(self, name: str, allowed: tuple[Word, ...]) -> Word | None:
        """Return one of the words that are allowed."""
        value = self.get(name)
        if value in allowed:
            return allowed[allowed.index(value)]
        if value is not None:
            self.wrong(name, one_of(allowed))
        return None

    def number_or_word(
        self, name: str, numbers: Range, words: tuple[Word, ...]
    ) -> float | Word | None:
        """Return a number, or one of the words that are allowed in its place."""
        value = self.get(name)
        if isinstance(value, str) and value in words:
            return words[words.index(value)]
        if numbers.admits(value):
            return value
        if value is not None:
            self.wrong(name, f"{one_of(words)}, or {numbers}")
        return None

    def items(self, name: str, allowed: str) -> list[object] | None:
        """Return the items of an array."""
        value = self.get(name)
        if isinstance(value, list):
            return value
        if value is not None:
            self.wrong(name, allowed)
        return None

    def table(self, name: str) -> Table:
        """Return the table of this name, an empty one where there is none."""
        self._known.add(name)
        value = self.values.get(name, {})
        if not isinstance(value, dict):
            self.wrong(name, "a table")
            value = {}
        return self.below(value, name)

    def tables(self) -> Iterator[tuple[str, Table]]:
        """Go through the tables of a table whose keys are names of the operator's choice."""
        for name, value in self.values.items():
            below = self.table(name)
            if isinstance(value, dict):
                yield name, below

    def below(self, values: Mapping[str, object], *path: str | int) -> Table:
        """Return a reader of a table that stands below this one."""
        return Table(self.document, self.report, (*self.path, *path), values)

    def finish(self) -> None:
        """Refuse what nobody has read."""
        for name in self.values:
            if name not in self._known:
                hint = nearest(name, self._known)
                self.problem(f"unknown key {self.name_of(name)}{hint}", name)
