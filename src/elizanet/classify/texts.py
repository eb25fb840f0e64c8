"""Sentences: what the prose of an error says.

The rules are in `sentences.txt`, one a line: a cue, and after ` | ` a pattern. The cue is a
literal that every match contains; where there is no pattern it is enough by itself. The
first rule that matches wins, so the order is from the most particular sentence to the most
ordinary one. Patterns see lower-case text in which web addresses and quoted values are
already replaced (see `prose`). A pattern is compiled when its cue first occurs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from elizanet.classify.patterns import compiled
from elizanet.errors import FailureClass

_STEM: Final = re.compile(r"(?<![a-z])[a-z]{4}")
"""The first four letters of a word: enough to find the rules that may apply."""


class TextRule(NamedTuple):
    """One sentence: `pattern` is searched where `cue` occurs; "" means the cue is enough."""

    failure_class: FailureClass
    cue: str
    pattern: str


class TextRules:
    """An ordered list of rules, indexed so that a text meets only those it could match."""

    def __init__(self, rules: Iterable[TextRule]) -> None:
        self._rules = tuple(rules)
        self._by_stem: dict[str, list[int]] = {}
        self._without_stem: list[int] = []
        self._foreign: list[int] = []
        for position, rule in enumerate(self._rules):
            self._place(position, rule.cue)

    def __repr__(self) -> str:
        return f"<TextRules [{len(self._rules)} rules]>"

    def _place(self, position: int, cue: str) -> None:
        stems = _STEM.findall(cue)
        if not cue.isascii():
            self._foreign.append(position)
        elif stems:
            self._by_stem.setdefault(stems[-1], []).append(position)
        else:
            self._without_stem.append(position)

    @lru_cache(1024)  # noqa: B019 - there are two lists, and they live as long as the program
    def of_name(self, name: str) -> FailureClass | None:
        """Return `first_match` of a name spelled as words; the same few come all the time."""
        return self.first_match(name)

    def first_match(self, text: str) -> FailureClass | None:
        """Return the class of the first rule that `text` (lower case) matches."""
        positions = list(self._without_stem)
        for stem in self._by_stem.keys() & set(_STEM.findall(text)):
            positions += self._by_stem[stem]
        if not text.isascii():
            positions += self._foreign
        positions.sort()
        for position in positions:
            failure_class, cue, pattern = self._rules[position]
            if cue in text and (not pattern or compiled(pattern).search(text)):
                return failure_class
        return None


def _read(lines: Iterable[str]) -> Iterator[tuple[str, TextRule]]:
    """Yield (strength, rule) of each line; a line in brackets says what follows."""
    strength, failure_class = "", FailureClass.UNKNOWN
    for line in map(str.strip, lines):
        if line.startswith("["):
            strength, _, name = line.strip("[]").partition(" ")
            failure_class = FailureClass(name)
        elif line and not line.startswith("#"):
            cue, _, pattern = line.partition(" | ")
            yield strength, TextRule(failure_class, cue, pattern)


_RULES: Final = tuple(
    _read(Path(__file__).with_name("sentences.txt").read_text("utf-8").splitlines())
)

STRONG: Final = TextRules(rule for strength, rule in _RULES if strength == "strong")
"""These name one cause."""

WEAK: Final = TextRules(rule for strength, rule in _RULES if strength == "weak")
"""These only hint; codes of any kind and telling statuses know better."""
