"""Figures as people read them: times, tokens, costs, shares."""

from __future__ import annotations

import math
from typing import Final

_FEW_MS: Final = 0.00995
_MINUTE_S: Final = 60
_LONG_S: Final = 9_999.5
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400
_TWO_DAYS_S: Final = 2 * _DAY_S
_LEAST_S: Final = 0.00005
_CENT: Final = 0.01
_LEAST_DOLLARS: Final = 0.0000005
_TEN_THOUSAND: Final = 10_000
_MILLION: Final = 1_000_000


def seconds(value: float) -> str:
    """Say how long something took, in three digits or so, and seven characters at most."""
    if value < _LEAST_S:
        return "<0.1 ms"
    if value < _FEW_MS:
        return f"{value * 1000:.1f} ms"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < _MINUTE_S:
        return f"{value:.3g} s"
    return f"{value:.0f} s" if value < _LONG_S else f"{value / _HOUR_S:.3g} h"


def span(value: float) -> str:
    """Say how long something lasts, in whole seconds, minutes, hours or days."""
    value = round(value)
    if value < _MINUTE_S:
        return f"{value} s"
    if value < _HOUR_S:
        return _two(value, _MINUTE_S, "min", 1, "s")
    if value < _TWO_DAYS_S:
        return _two(value, _HOUR_S, "h", _MINUTE_S, "min")
    return _two(value, _DAY_S, "d", _HOUR_S, "h")


def count(value: int) -> str:
    """Say a number, in thousands or millions where it is long."""
    if value < _TEN_THOUSAND:
        return f"{value:,}"
    if value < _MILLION:
        return f"{value / 1000:.1f}k"
    return f"{value / _MILLION:.2f}M"


def tokens(asked: int | None, answered: int | None, *, estimated: bool = False) -> str:
    """Say the tokens of a prompt and of its answer, nothing if they were not counted."""
    if asked is None and answered is None:
        return ""
    return f"{'~' if estimated else ''}{count(asked or 0)}+{count(answered or 0)}"


def dollars(value: float | None) -> str:
    """Say a cost in US dollars, nothing if it is not known."""
    if value is None:
        return ""
    sign, value = "-" if value < 0 else "", abs(value)
    if 0 < value < _LEAST_DOLLARS:
        return f"{sign}<$0.000001"
    if value >= 1:
        return f"{sign}${value:,.2f}"
    if value >= _CENT or not value:
        return f"{sign}${value:.4f}"
    digits = 1 - math.floor(math.log10(value))  # two that mean something
    return f"{sign}${value:.{digits}f}"


def share(part: int, whole: int) -> str:
    """Say a share in percent; only what is exactly all or nothing is 100 % or 0 %."""
    if not whole:
        return ""
    percent = 100 * part / whole
    if part in (0, whole):
        return f"{percent:.0f} %"
    return f"{min(99.9, max(0.1, percent)):.1f} %"


def _two(value: int, large: int, large_name: str, small: int, small_name: str) -> str:
    whole, rest = divmod(round(value / small) * small, large)
    told = f"{whole} {large_name}"
    return f"{told} {rest // small} {small_name}" if rest else told
