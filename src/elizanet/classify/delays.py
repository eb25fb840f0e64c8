"""The delay a provider states, in seconds.

In order of precision: `retry-after-ms`, `retry-after`, a sentence or a field of the body, and
last the reset header of the counter that has nothing left. Absolute times are read against
the `date` header of the same answer where there is one, else against our own clock.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from elizanet.classify.patterns import compiled, has_any

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_MONTHS: Final = "janfebmaraprmayjunjulaugsepoctnovdec"
_HTTP_DATE: Final = r"(?i)(\d{1,2})[ -]([a-z]{3})[a-z]{0,6}[ -](\d{4}) (\d\d):(\d\d):(\d\d)"
_CHINESE: Final = {"毫秒": 0.001, "秒": 1.0, "分": 60.0, "小时": 3600.0, "天": 86_400.0}
_RUN: Final = (
    r"(?:\d{1,12}(?:\.\d{1,12})?[ -]?(?:milliseconds?|millis|msecs?|ms|seconds?|secs?|s"
    r"|minutes?|mins?|m|hours?|hrs?|hr|h|days?|d|weeks?|w)(?![a-z])(?:,? ?(?:and )?)"
    r"|\d{1,12}(?:\.\d{1,12})?(?:h|m|d)(?=\d))"
)
_SENTENCE: Final = (
    r"(?:try(?:ing)? (?:it |this )?(?:again|later)|retry(?:ing)?(?:[-_ ]?after)?|wait(?:ing)?"
    r"|resets?|available(?: again)?|resumes?|back|refresh(?:es)?|cool ?down)"
    r"(?: (?:your|the|this|request|requests|again|up|will|be|at least|about|approximately|for|in"
    r"|after|within|another|until|is|of|a|minimum|period|time|remaining)){0,6}[\"']? ?[:=~≈]? ?\(?"
    rf"((?:{_RUN}){{1,5}})"
    r"|retry(?:[-_ ]?after| in)[\"']?[:=]? ?(\d{1,9}(?:\.\d{1,9})?)(?=[.,;)\"'\]}]|$)"
)
_CUES: Final = (
    "again", "retry", "wait", "reset", "later", "available", "resume", "back", "refresh", "cool",
)  # fmt: skip
"""One of these is in every text that `_SENTENCE` matches."""
_DIGIT: Final = re.compile(r"\d")
_STEP: Final = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)[ -]?([a-z]*)")
_AFTER: Final = r"(\d{1,9}(?:\.\d{1,9})?) ?(毫秒|秒|分|小时|天)钟?(?:之?后|以后|再|内)"
_GO: Final = re.compile(r"(?:\d{1,12}(?:\.\d{1,12})?(?:ms|h|m|s|d))+")
_NUMBER: Final = re.compile(r"\d{1,15}(?:\.\d{1,15})?")
_EPOCH_S: Final = 1e9
_EPOCH_MS: Final = 1e12
_NEVER: Final = 1e15
"""A number of seconds is below the first, a Unix time in seconds below the second."""


def stated_delay(
    headers: Mapping[str, str],
    fields: Iterable[tuple[str, object]],
    sentences: Iterable[str],
    now: float,
) -> float | None:
    """Return the delay in seconds, None if none is stated. `now` is a Unix time in seconds."""
    if headers and (date := _date(headers.get("date", ""))) is not None:
        now = date
        dated = True
    else:
        dated = False
    for delay in (
        _scaled(headers.get("retry-after-ms"), 0.001),
        _retry_after(headers.get("retry-after"), now, dated=dated),
        # LiteLLM's names for the same headers of the provider behind it
        _scaled(headers.get("llm_provider-retry-after-ms"), 0.001),
        _retry_after(headers.get("llm_provider-retry-after"), now, dated=dated),
        next(filter(_known, map(delay_in_text, sentences)), None),
        next(filter(_known, (_field(name, value, now) for name, value in fields)), None),
        _reset(headers, now, dated=dated),
    ):
        if delay is not None:
            return delay
    return None


def empty_allowance(headers: Iterable[tuple[str, str]], now: float) -> float | None:
    """Return the seconds until an allowance that an answer calls empty is filled again.

    None if no `x-ratelimit-remaining-*` header is 0, as in nearly every answer. Names are lower
    case; `now` is a Unix time in seconds.
    """
    for name, value in headers:
        if value == "0" and "remaining" in name and "limit" in name:
            return _reset(dict(headers), now, dated=False)
    return None


def _known(delay: float | None) -> bool:
    return delay is not None


def _scaled(value: str | None, factor: float) -> float | None:
    text = (value or "").strip()
    return float(text) * factor if _NUMBER.fullmatch(text) else None


def _date(text: str) -> float | None:
    """Read an HTTP date, such as `Wed, 21 Oct 2026 07:28:00 GMT`."""
    found = compiled(_HTTP_DATE).search(text)
    if found is None:
        return None
    day, month, year, hour, minute, second = found.groups()
    place, between = divmod(_MONTHS.find(month.lower()), 3)
    if place < 0 or between:
        return None
    try:
        moment = datetime(
            int(year), place + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC
        )
    except ValueError:
        return None
    return moment.timestamp()


def _until(moment: float, now: float, *, dated: bool) -> float | None:
    """Return the seconds until a moment. One in the past counts only beside a date."""
    left = moment - now
    if left < 0:
        return 0.0 if dated else None
    return left


def _retry_after(value: str | None, now: float, *, dated: bool) -> float | None:
    if value is None:
        return None
    seconds = _scaled(value, 1.0)
    if seconds is not None and seconds < _EPOCH_S:
        return seconds
    if _GO.fullmatch(value.strip()):
        return duration(value)
    moment = seconds if seconds is not None else _date(value)
    return None if moment is None else _until(moment, now, dated=dated)


def delay_in_text(text: str) -> float | None:
    """Return the delay a sentence states: "Please try again in 1m26.4s", "请 30 秒后重试"."""
    if not _DIGIT.search(text):
        return None
    found = compiled(_SENTENCE).search(text) if has_any(text, _CUES) else None
    if found:
        return duration(found[1] or found[2])
    chinese = None if text.isascii() else compiled(_AFTER).search(text)
    return float(chinese[1]) * _CHINESE[chinese[2]] if chinese else None


def duration(text: str) -> float | None:
    """Return the seconds of "2m59.56s", "6hr 29min", "46 seconds" or a bare number."""
    total = sum(float(number) * _unit(name) for number, name in _STEP.findall(text))
    return total if math.isfinite(total) else None


def _unit(name: str) -> float:
    """Return the seconds in a unit, however it is spelled; a bare number is in seconds."""
    if name.startswith(("ms", "milli")):
        return 0.001
    return _UNITS.get(name[:1], 1.0)


def _field(name: str, value: object, now: float) -> float | None:
    """Read a field of the body, such as RetryInfo's `retryDelay: "58s"`."""
    if isinstance(value, str):
        value = value.strip().lower()
        if _GO.fullmatch(value):
            return duration(value)
        if not _NUMBER.fullmatch(value):
            return None
        value = float(value)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < _NEVER:
        return None
    if value >= _EPOCH_S:
        return _until(_seconds(value), now, dated=False)
    return value / 1000 if name.endswith("ms") else float(value)


def _seconds(epoch: float) -> float:
    return epoch / 1000 if epoch >= _EPOCH_MS else epoch


def _reset(headers: Mapping[str, str], now: float, *, dated: bool) -> float | None:
    """Return the longest wait among the counters that have nothing left."""
    waits = []
    counted = any("remaining" in name for name in headers)
    for name, value in headers.items():
        if "reset" in name and "limit" in name:
            left = headers.get(name.replace("reset", "remaining"))
            if (left is None and not counted) or _scaled(left, 1.0) == 0:
                waits.append(_moment(value.strip(), now, dated=dated))
    return max((wait for wait in waits if wait is not None), default=None)


def _moment(value: str, now: float, *, dated: bool) -> float | None:
    if _GO.fullmatch(value):
        return duration(value)
    if (number := _scaled(value, 1.0)) is not None:
        return _until(_seconds(number), now, dated=dated) if number >= _EPOCH_S else number
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        date = _date(value)
        return None if date is None else _until(date, now, dated=dated)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _until(moment.timestamp(), now, dated=dated)
