"""The numbers that settings may take, whatever source they come from."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Final, TypeGuard

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?", re.ASCII)
_SIZE: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([kmg]?i?b)", re.ASCII | re.IGNORECASE)
_UNITS: Final = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
}


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`, both included unless `above_low`."""

    kind: str
    low: float
    high: float
    above_low: bool = False
    whole: bool = False

    def __str__(self) -> str:
        low = f"above {self.low:g}" if self.above_low else f"from {self.low:g}"
        joint = "and at most" if self.above_low else "to"
        return f"{self.kind} {low} {joint} {self.high:.15g}"

    def admits(self, value: object) -> TypeGuard[float]:
        """Tell whether this is a number, and one of these."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if isinstance(value, float) and not math.isfinite(value):
            return False
        enough = value > self.low if self.above_low else value >= self.low
        return enough and value <= self.high and (not self.whole or value == int(value))


ONE_DAY_S: Final = 86_400

SECONDS: Final = Range("a number of seconds", 0, ONE_DAY_S, above_low=True)
PAUSE: Final = Range("a number of seconds", 0, ONE_DAY_S)
MILLISECONDS: Final = Range("a number of milliseconds", 0, ONE_DAY_S * 1000, above_low=True)
WHOLE_MILLISECONDS: Final = replace(MILLISECONDS, kind="a whole number of milliseconds", whole=True)
PORT: Final = Range("a port", 1, 65_535, whole=True)
ANY_PORT: Final = Range("a port", 0, 65_535, whole=True)
"""With 0: any free one."""
RETRIES: Final = Range("a whole number", 0, 10, whole=True)
COUNT: Final = Range("a whole number", 1, 1_000_000_000, whole=True)
IN_FLIGHT: Final = Range("a whole number of calls", 1, 1_000_000, whole=True)
WEIGHT: Final = Range("a number", 0.001, 1000)
"""Not less: the square of a rate is multiplied by it, and something is divided by that."""
TIER: Final = Range("a whole number", 1, 1000, whole=True)
DOLLARS: Final = Range("a number of US dollars a million tokens", 0, 1_000_000)
TOKENS: Final = Range("a whole number of tokens", 1, 1_000_000_000, whole=True)
CHARACTERS: Final = Range("a whole number of characters", 1, 1_000_000_000, whole=True)
DIMENSIONS: Final = Range("a whole number", 1, 65_536, whole=True)
BYTES: Final = Range("a whole number of bytes", 1, 2**40, whole=True)
DATABASE_BYTES: Final = replace(BYTES, low=2**20, high=2**50)
"""Not less than a mebibyte: an empty database has some hundred kilobytes."""
DAYS: Final = Range("a number of days", 0, 36_500, above_low=True)


def number_in(text: str) -> float | None:
    """Return the number a variable spells, or None."""
    return float(text) if _NUMBER.fullmatch(text) else None


def size_in(text: str) -> int | None:
    """Return the bytes that a text such as `20MiB` spells, or None."""
    spelled = _SIZE.fullmatch(text.strip())
    if spelled is None:
        return None
    return int(float(spelled[1]) * _UNITS[spelled[2].lower()])


def spelled(size: int) -> str:
    """Return a number of bytes as a file would write it."""
    for unit in ("GiB", "MiB", "KiB"):
        count, rest = divmod(size, _UNITS[unit.lower()])
        if count and not rest:
            return f"{count}{unit}"
    return f"{size}B"
