"""The tables of the file that hold for every call: time-outs, retry, hedge, policy, hooks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from elizanet.errors import FailureClass
from elizanet.settings import ranges
from elizanet.settings.frozen import FrozenMapping
from elizanet.settings.model import (
    HealthSettings,
    HedgeSettings,
    HookSettings,
    PolicySettings,
    RecordSettings,
    RetrySettings,
    StreamSettings,
    Timeouts,
)
from elizanet.settings.report import nearest, shown

if TYPE_CHECKING:
    from elizanet.settings.table import Table

T = TypeVar("T")
_NAME: Final = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_FUNCTION: Final = re.compile(f"{_NAME}:{_NAME}")
_HEDGE_AFTER: Final[tuple[Literal["auto", "p95", "off"], ...]] = ("auto", "p95", "off")
_CAPTURE: Final[tuple[Literal["off", "errors", "all"], ...]] = ("off", "errors", "all")
_ON_BREAK: Final[tuple[Literal["error", "continue"], ...]] = ("error", "continue")


def either(value: T | None, default: T) -> T:
    """Return what was given, else the default; 0 and False are given."""
    return default if value is None else value


def read_timeouts(table: Table) -> FrozenMapping[str, float]:
    """Read a table of time-outs: those that are given, in seconds."""
    given = {
        field.name: seconds
        for field in fields(Timeouts)
        if (seconds := table.number(field.name, ranges.SECONDS)) is not None
    }
    table.finish()
    return FrozenMapping(given)


def read_default_timeouts(table: Table) -> Timeouts:
    """Read `[timeouts]`."""
    given = read_timeouts(table)
    check_timeouts(table, given, Timeouts())
    return replace(Timeouts(), **given)


def check_timeouts(table: Table, given: Mapping[str, float], around: Timeouts) -> None:
    """Refuse a given time for connecting that is longer than the whole call."""
    whole = given.get("total", around.total)
    connect = given.get("connect", around.connect)
    if connect > whole and "connect" in given:
        table.problem(
            f"{table.name_of('connect')} is {connect:g} s, longer than the whole call "
            f"(total = {whole:g} s)",
            "connect",
        )


def read_retry(table: Table) -> RetrySettings:
    """Read `[retry]`."""
    default = RetrySettings()
    retry = RetrySettings(
        same_provider=either(table.whole("same_provider", ranges.RETRIES), default.same_provider),
        max_wait=either(table.number("max_wait", ranges.PAUSE), default.max_wait),
    )
    table.finish()
    return retry


def read_hedge(table: Table) -> HedgeSettings:
    """Read `[hedge]`."""
    after = table.number_or_word("after", ranges.SECONDS, _HEDGE_AFTER)
    table.finish()
    return HedgeSettings(either(after, HedgeSettings().after))


def read_stream(table: Table) -> StreamSettings:
    """Read `[stream]`."""
    default = StreamSettings()
    stream = StreamSettings(
        on_break=either(table.word("on_break", _ON_BREAK), default.on_break),
        fold_unary=either(table.flag("fold_unary"), default.fold_unary),
        count_usage=either(table.flag("count_usage"), default.count_usage),
    )
    table.finish()
    return stream


def read_policy(table: Table) -> PolicySettings:
    """Read `[policy]`."""
    names = table.items("fall_back_on", "a list of failure classes")
    known = [member.value for member in FailureClass if member is not FailureClass.CANCELLED]
    classes: set[FailureClass] = set()
    for index, name in enumerate(names or ()):
        if name in known:
            classes.add(FailureClass(name))
            continue
        sentence = f"{shown(name)} is not a failure class{nearest(str(name), known)}"
        if name == FailureClass.CANCELLED:
            sentence = '"cancelled" cannot be fallen back on: the caller has gone'
        table.problem(f"{table.name_of('fall_back_on', index)}: {sentence}", "fall_back_on", index)
    table.finish()
    return PolicySettings() if names is None else PolicySettings(frozenset(classes))


def read_records(table: Table) -> RecordSettings:
    """Read `[records]`."""
    default = RecordSettings()
    records = RecordSettings(
        capture=either(table.word("capture", _CAPTURE), default.capture),
        keep_days=either(table.number("keep_days", ranges.DAYS), default.keep_days),
        max_size=either(table.size("max_size", ranges.DATABASE_BYTES), default.max_size),
    )
    table.finish()
    return records


def read_health(table: Table) -> HealthSettings:
    """Read `[health]`."""
    interval = table.number("interval", ranges.PAUSE)
    table.finish()
    return HealthSettings(either(interval, HealthSettings().interval))


def read_hooks(table: Table) -> HookSettings:
    """Read `[hooks]`."""
    hooks = {field.name: _function(table, field.name) for field in fields(HookSettings)}
    table.finish()
    return HookSettings(**hooks)


def _function(table: Table, name: str) -> str | None:
    allowed = f'"module:function", as in "my_rules:{name}"'
    function = table.text(name, allowed)
    if function is not None and not _FUNCTION.fullmatch(function):
        table.wrong(name, allowed)
    return function
