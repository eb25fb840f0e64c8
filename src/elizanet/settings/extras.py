"""`providers.NAME.headers`, `providers.NAME.paths` and `providers.NAME.limits`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from elizanet.operation import Operation
from elizanet.settings import ranges, references
from elizanet.settings.frozen import FrozenMapping
from elizanet.settings.model import RateLimits
from elizanet.settings.secret import Secret

if TYPE_CHECKING:
    from elizanet.settings.environment import Environment
    from elizanet.settings.table import Table

KINDS: Final = (*(operation.value for operation in Operation), "models")
"""The kinds of request that can have a path of their own."""

_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_PATH: Final = re.compile(r"/[!\"$-;=@-~]*", re.ASCII)
_SENSITIVE: Final = re.compile(r"auth|key|token|secret|cookie|password|credential", re.IGNORECASE)
_OURS: Final = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-length", "content-type"),
        *("expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""Headers that belong to the single request or its connection."""


def read_headers(table: Table, environment: Environment) -> FrozenMapping[str, str | Secret]:
    """Read headers; those that may hold a key are secrets."""
    headers: dict[str, str | Secret] = {}
    names: set[str] = set()
    for name in table.values:
        value = _header(name, table, environment)
        if name.lower() in names:
            table.problem(f"{table.name_of(name)} is there twice, in another spelling", name)
        names.add(name.lower())
        if value is not None:
            headers[name] = value
    return FrozenMapping(headers)


def _header(name: str, table: Table, environment: Environment) -> str | Secret | None:
    value = table.get(name)
    if not _HEADER.fullmatch(name):
        table.problem(f"{table.name_of(name)} is not the name of a header", name)
    elif name.lower() in _OURS:
        table.problem(f"{table.name_of(name)} is set for each request and cannot be given", name)
    elif not isinstance(value, str) or references.is_reference(value) or _SENSITIVE.search(name):
        return references.resolve(table, environment, value, name)
    elif why := references.flaw(value):
        table.problem(f"{table.name_of(name)} {why}", name)
    else:
        return value
    return None


def read_paths(table: Table) -> FrozenMapping[str, str]:
    """Read paths of one's own for kinds of request."""
    allowed = 'a path from the root of the host, as in "/custom/images"'
    paths: dict[str, str] = {}
    for kind in KINDS:
        path = table.text(kind, allowed)
        if path is not None and _PATH.fullmatch(path) is None:
            table.wrong(kind, allowed)
        elif path is not None:
            paths[kind] = path
    table.finish()
    return FrozenMapping(paths)


def read_limits(table: Table) -> RateLimits:
    """Read what we allow ourselves towards a provider."""
    limits = RateLimits(table.whole("rpm", ranges.COUNT), table.whole("tpm", ranges.COUNT))
    table.finish()
    return limits
