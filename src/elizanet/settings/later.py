"""What the configuration reserves and this version does not do yet.

A reserved key is refused, so that nobody relies on what does nothing; where a value asks for
exactly what happens anyway, it may be written. The issue that builds a key deletes its line.
"""

from __future__ import annotations

from typing import Final

_NO_VALUE: Final = object()

RESERVED: Final[dict[str, object]] = {
    "records": _NO_VALUE,
    "health.interval": 0,
    "ELIZANET_DB": "none",
}
"""The path of each reserved setting, `*` for any name, and the one value it may have."""


def is_reserved(path: str) -> bool:
    """Tell whether a setting is reserved."""
    return path in RESERVED


def holds_reserved(path: str) -> bool:
    """Tell whether a table has nothing but reserved settings."""
    return any(reserved.startswith(f"{path}.") for reserved in RESERVED)


def reserved_in(path: str) -> list[str]:
    """Return the reserved names that may stand in a table (the root's path is empty)."""
    prefix = f"{path}." if path else ""
    inside = (name for name in RESERVED if name.startswith(prefix) and not name.isupper())
    return list(dict.fromkeys(name.removeprefix(prefix).partition(".")[0] for name in inside))


def refusal(path: str, value: object) -> str | None:
    """Return why a reserved setting may not have this value, or None if it may."""
    allowed = RESERVED[path]
    if allowed is _NO_VALUE:
        return "is not available yet"
    if value == allowed and isinstance(value, bool) == isinstance(allowed, bool):
        return None
    spelled = str(allowed).lower() if isinstance(allowed, bool) else repr(allowed)
    return f"is not available yet; it may only be {spelled.replace(chr(39), chr(34))}"
