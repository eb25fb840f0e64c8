"""The argument and options of a fault: what may be written, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

LONGEST_DELAY = 86_400.0 * 365

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument or option.

    `read` turns text into a value or raises `ValueError`; `wanted` says what it takes.
    `default` is the value if it is absent, `bare` the text it stands for when it is
    written without a value (None: it needs one). `help` says what it does.
    """

    name: str
    read: Callable[[str], Value]
    wanted: str
    help: str
    default: Value = None
    bare: str | None = None


@dataclass(frozen=True, slots=True)
class Values:
    """The values of one fault, read with their types."""

    by_name: Mapping[str, Value]

    def integer(self, name: str) -> int:
        return cast(int, self.by_name[name])

    def optional_integer(self, name: str) -> int | None:
        return None if self.by_name[name] is None else self.integer(name)

    def number(self, name: str) -> float:
        return cast(float, self.by_name[name])

    def text(self, name: str) -> str | None:
        value = self.by_name[name]
        return None if value is None else str(value)

    def flag(self, name: str) -> bool:
        return self.by_name[name] is True


def count(
    name: str, help_text: str, default: int | None = None, *, least: int = 0, most: int = 2**40
) -> Parameter:
    """A whole number."""

    def read(text: str) -> Value:
        number = int(text) if text.isascii() and text.isdigit() else -1
        if not least <= number <= most:
            raise ValueError(text)
        return number

    bounds = f"of at least {least}" if most == 2**40 else f"from {least} to {most}"
    return Parameter(name, read, f"a whole number {bounds}", help_text, default)


def number(
    name: str, help_text: str, default: float | None, wanted: str, most: float = 86_400.0
) -> Parameter:
    """A number from 0 to `most`."""

    def read(text: str) -> Value:
        value = float(text)
        if not 0 <= value <= most:
            raise ValueError(text)
        return value

    return Parameter(name, read, wanted, help_text, default)


def seconds(name: str, help_text: str, default: float | None = None) -> Parameter:
    """A duration of at most a day."""
    return number(name, help_text, default, "a number of seconds")


def choice(
    name: str, help_text: str, allowed: tuple[str, ...], default: str | None = None,
    bare: str | None = None,
) -> Parameter:  # fmt: skip
    """One of several words."""

    def read(text: str) -> Value:
        if text not in allowed:
            raise ValueError(text)
        return text

    told = f"{help_text}: {', '.join(allowed)}"
    return Parameter(name, read, f"one of {', '.join(allowed)}", told, default, bare)


def flag(name: str, help_text: str) -> Parameter:
    """On if it is written, or `yes` or `no`."""

    def read(text: str) -> Value:
        return {"yes": True, "no": False}[text]

    return Parameter(name, read, "yes or no", help_text, default=False, bare="yes")


def text(name: str, help_text: str) -> Parameter:
    """Any text."""
    return Parameter(name, str, "a text", help_text)


def delay_header(name: str, help_text: str) -> Parameter:
    """The value of a retry-after header: any text, or `date+` and seconds."""

    def read(given: str) -> Value:
        if given.startswith("date+") and not 0 <= float(given[5:]) <= LONGEST_DELAY:
            raise ValueError(given)
        return _one_line(given)

    return Parameter(name, read, "one line of text, or date+SECONDS", help_text)


def header(name: str, help_text: str) -> Parameter:
    """A whole header, `name: value`."""

    def read(given: str) -> Value:
        key, colon, _ = _one_line(given).partition(":")
        if not colon or not key.strip():
            raise ValueError(given)
        return given

    return Parameter(name, read, "one line 'name: value'", help_text)


def _one_line(given: str) -> str:
    if any(character in given for character in "\r\n\0"):
        raise ValueError(given)
    return given


def content(name: str, help_text: str) -> Parameter:
    """A text, or `@` and the name of a file that holds it."""

    def read(given: str) -> Value:
        if not given.startswith("@"):
            return given
        try:
            return Path(given[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(given) from error

    return Parameter(name, read, "a text, or @ and a file of UTF-8 text", help_text)
