"""The tables of the file that have fixed keys: gateway, time-outs, retry, policy, hooks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Final, TypeVar

from elizanet.errors import FailureClass
from elizanet.settings import address, gateway_check, ranges, references
from elizanet.settings.frozen import FrozenMapping
from elizanet.settings.model import (
    GatewaySettings,
    HookSettings,
    PolicySettings,
    RetrySettings,
    Timeouts,
)
from elizanet.settings.report import nearest, shown
from elizanet.settings.secret import Secret

if TYPE_CHECKING:
    from elizanet.settings.environment import Environment
    from elizanet.settings.table import Table

T = TypeVar("T")
_NAME: Final = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_FUNCTION: Final = re.compile(f"{_NAME}:{_NAME}")
_HOST: Final = "a host name or an IP address"
_SIZE: Final = 'a size such as "20MiB" (B, KB, KiB, MB, MiB, GB or GiB), or a number of bytes'


def either(value: T | None, default: T) -> T:
    """Return what was given, else the default; 0 and False are given."""
    return default if value is None else value


def read_gateway(table: Table, environment: Environment) -> GatewaySettings:
    """Read `[gateway]`."""
    default = GatewaySettings()
    host = table.text("host", _HOST)
    if host is not None and not address.is_host(host):
        table.wrong("host", _HOST)
        host = None
    gateway = GatewaySettings(
        host=either(host, default.host),
        port=either(table.whole("port", ranges.PORT), default.port),
        keys=_read_keys(table, environment),
        max_body=either(_read_size(table, "max_body"), default.max_body),
    )
    if not table.values.get("keys") and (problem := gateway_check.is_open(gateway)):
        table.problem(problem, "host")
    table.finish("gateway")
    return gateway


def _read_keys(table: Table, environment: Environment) -> tuple[Secret, ...]:
    keys: list[Secret] = []
    for index, value in enumerate(table.items("keys", "a list of keys") or ()):
        key = references.resolve(table, environment, value, "keys", index)
        if key in keys:
            table.problem(f"{table.name_of('keys', index)} is there twice", "keys", index)
        elif key is not None:
            keys.append(key)
    return tuple(keys)


def _read_size(table: Table, name: str) -> int | None:
    value = table.get(name)
    size = ranges.size_in(value) if isinstance(value, str) else value
    if ranges.BYTES.admits(size):
        return int(size)
    if value is not None:
        table.wrong(name, _SIZE)
    return None


def read_timeouts(table: Table, pattern: str) -> FrozenMapping[str, float]:
    """Read a table of time-outs: those that are given, in seconds."""
    given = {
        field.name: seconds
        for field in fields(Timeouts)
        if (seconds := table.number(field.name, ranges.SECONDS)) is not None
    }
    table.finish(pattern)
    return FrozenMapping(given)


def read_default_timeouts(table: Table) -> Timeouts:
    """Read `[timeouts]`."""
    given = read_timeouts(table, "timeouts")
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
    table.finish("retry")
    return retry


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
    table.finish("policy")
    return PolicySettings() if names is None else PolicySettings(frozenset(classes))


def read_hooks(table: Table) -> HookSettings:
    """Read `[hooks]`."""
    allowed = '"module:function", as in "my_rules:classify"'
    classify = table.text("classify", allowed)
    if classify is not None and not _FUNCTION.fullmatch(classify):
        table.wrong("classify", allowed)
    table.finish("hooks")
    return HookSettings(classify)
