"""Moments as people type them: so long ago, or a date."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Any, Final

import click

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION: Final = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?[smhdw])+", re.ASCII)
_PART: Final = re.compile(r"([\d.]+)([smhdw])", re.ASCII)


def duration(text: str) -> float | None:
    """Return the seconds of a text such as 90s, 15m, 1h30m or 7d, None if it is none."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def moment(text: str, now: float) -> float:
    """Return the moment that a text means: so long before `now`, or a date of ISO 8601.

    Both are in seconds since 1970. A date without a zone is local time. Raises `ValueError`.
    """
    ago = duration(text.strip().lower())
    return now - ago if ago is not None else datetime.fromisoformat(text.strip()).timestamp()


class Moment(click.ParamType[float]):
    """An option whose value is a moment."""

    name = "moment"

    def __repr__(self) -> str:
        return "<Moment>"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds since 1970; click tells what is wrong with a value."""
        try:
            return moment(str(value), time.time())
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"{value!r} is neither so long ago (90s, 15m, 1h30m, 7d) nor a date"
                " (2026-11-23, 2026-11-23T14:30)",
                param,
                ctx,
            )


MOMENT: Final = Moment()
