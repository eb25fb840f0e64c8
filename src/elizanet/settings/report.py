"""What reading the settings found: problems, warnings, and where each value came from."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from json import dumps
from typing import Final

from elizanet.errors import ConfigurationError
from elizanet.settings.origin import Origin

_LONGEST_SHOWN: Final = 80
_KEY: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:sk|pk|rk|gsk|xai|nvapi|pplx|ghp)[-_](?=[\w.-]*[0-9])[\w.-]{6,}"
    r"|(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{20,})",
    re.ASCII,
)
"""What a key looks like: a known beginning, or a long run of letters and digits. A host, which
`elizanet.redact` takes out of the words of a provider, is what the operator has to see here."""
_PASSWORD: Final = re.compile(r"(?<=://)\S*(?=@)")


class Report:
    """Collects until everything was looked at, so that all problems are told at once."""

    def __init__(self) -> None:
        self._problems: dict[str, int] = {}
        self._warnings: dict[str, None] = {}
        self.origins: dict[str, Origin] = {}

    def problem(self, sentence: str, line: int = sys.maxsize) -> None:
        """Add a problem; the same one is told once, and those of a file by its lines."""
        self._problems.setdefault(_sayable(sentence), line)

    def warn(self, sentence: str) -> None:
        """Add a warning; the same one is told once."""
        self._warnings.setdefault(_sayable(sentence))

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self._warnings)

    def raise_problems(self) -> None:
        """Raise ConfigurationError if there was any problem."""
        if self._problems:
            raise ConfigurationError(sorted(self._problems, key=self._problems.__getitem__))


def _sayable(sentence: str) -> str:
    """Return a sentence without what looks like a key, and without what a terminal obeys."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in without_keys(sentence)
    )


def shown(value: object) -> str:
    """Return a value as a sentence may quote it: short, on one line, without keys."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() if abs(value) >= 10**_LONGEST_SHOWN:
            return "a huge number"
        case int() | float():
            return repr(value)
        case str():
            return _quoted(value)
        case dict():
            return "a table"
        case list() | tuple():
            return "a list"
        case _:
            return f"a {type(value).__name__}"


def _quoted(text: str) -> str:
    whole = without_keys(
        without_password(text)
    )  # before it is cut: half a key is not known for one
    short = whole if len(whole) <= _LONGEST_SHOWN else whole[:_LONGEST_SHOWN] + "..."
    return dumps(short, ensure_ascii=False)


def one_of(words: Iterable[str]) -> str:
    """Return the words that are allowed as a sentence names them: `"a", "b" or "c"`."""
    *others, last = (f'"{word}"' for word in words)
    return f"{', '.join(others)} or {last}" if others else last


def without_keys(text: str) -> str:
    """Return a text without what looks like a key."""
    return _KEY.sub("****", text)


def without_password(url: str) -> str:
    """Return a URL without its user name and password."""
    return _PASSWORD.sub("****", url)


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean ...?`, or what is allowed where nothing is near."""
    if near := mistyped(name, allowed):
        return near
    known = ", ".join(sorted(allowed))
    return f"; allowed here: {known}" if known else ""


def mistyped(name: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """Return `; did you mean ...?` if a name is at least this like another (1 is equal)."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = get_close_matches(name.casefold(), by_folded, n=1, cutoff=likeness)
    return f'; did you mean "{by_folded[close[0]]}"?' if close else ""
