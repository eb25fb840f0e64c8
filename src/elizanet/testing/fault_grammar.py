"""Cutting a fault's text into its name and options."""

from __future__ import annotations

from elizanet.errors import ConfigurationError

_CLOSING = {"{": "}", "[": "]"}
_QUOTES = "'\""


def split_spec(spec: str) -> list[tuple[str, str | None]]:
    """Cut `NAME[=ARGUMENT][,option[=value]...]` into pairs; None where nothing follows.

    A comma inside a quoted value, or inside a value that is a JSON object or array, does
    not separate. Raises `ConfigurationError` if a quote or bracket is not closed.
    """
    pairs: list[tuple[str, str | None]] = []
    start = 0
    while start <= len(spec):
        end = _end_of_part(spec, start)
        name, equals, value = spec[start:end].partition("=")
        pairs.append((name.strip(), _unquoted(value) if equals else None))
        start = end + 1
    return pairs


def _end_of_part(spec: str, start: int) -> int:
    """Where the part that begins at `start` ends: at a comma, or at the end of the text."""
    comma = _find(spec, ",", start)
    equals = _find(spec, "=", start)
    value = spec[equals + 1 : equals + 2]
    if equals > comma or not value or value not in {*_CLOSING, *_QUOTES}:
        return comma
    closed = _closing(spec, equals + 1)
    if closed is None:
        raise ConfigurationError(f"The fault {spec!r} is wrong: a {value} is not closed.")
    return _find(spec, ",", closed)


def _closing(spec: str, start: int) -> int | None:
    """Where the quote or bracket at `start` is closed; brackets in JSON strings do not count."""
    opened = spec[start]
    if opened in _QUOTES:
        end = spec.find(opened, start + 1)
        return None if end < 0 else end
    depth, in_string, escaped = 0, False, False
    for position in range(start, len(spec)):
        character = spec[position]
        if escaped or (in_string and character == "\\"):
            escaped = not escaped
        elif character == '"':
            in_string = not in_string
        elif not in_string:
            depth += (character in _CLOSING) - (character in _CLOSING.values())
            if depth == 0:
                return position
    return None


def _find(spec: str, character: str, start: int) -> int:
    found = spec.find(character, start)
    return len(spec) if found < 0 else found


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] in _QUOTES and value[-1] == value[0]:
        return value[1:-1]
    return value
