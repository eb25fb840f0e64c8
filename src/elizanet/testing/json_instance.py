"""A JSON value that satisfies a JSON schema, for schemas as structured output uses them.

Covers `type` (also a list), `properties`, `items`, `enum`, `const`, `anyOf`/`oneOf` (the
first branch), `allOf`, `$ref` into the same document, and the bounds of numbers, strings and
arrays. `pattern` is not followed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

Schema = Mapping[str, object]

DEEPEST_OPTIONAL = 4
"""Levels below which optional parts are left out, so that recursive schemas end."""

DEEPEST = 64
MOST_VALUES = 10_000
LONGEST_TEXT = 100_000
LONGEST_CHAIN = 16
"""Bounds for schemas without a finite instance, or with an absurd one."""

_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
}


def instance_of(schema: Schema) -> object:
    """Make one instance of the schema, always the same."""
    return _Generator(schema).make(schema, 0)


def requested_schema(response_format: object) -> Schema | None:
    """The schema a `response_format` asks for, if it names one."""
    wanted = response_format if isinstance(response_format, dict) else {}
    named = wanted.get("json_schema")
    schema = named.get("schema") if isinstance(named, dict) else None
    return schema if isinstance(schema, dict) else None


class _Generator:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._values_left = MOST_VALUES
        self._makers: dict[str, Callable[[Schema, int], object]] = {
            "object": self._object,
            "array": self._array,
            "string": _string,
            "integer": _integer,
            "number": _number,
            "boolean": lambda _schema, _depth: True,
            "null": lambda _schema, _depth: None,
        }

    def make(self, schema: object, depth: int) -> object:
        self._values_left -= 1
        if not isinstance(schema, dict) or depth > DEEPEST or self._values_left < 0:
            return None
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        choices = schema.get("enum")
        if isinstance(choices, list) and choices:
            return choices[0]
        return self._makers.get(_type_of(schema), self._object)(schema, depth)

    def _resolved(self, schema: Schema, depth: int) -> Schema:
        """The schema with `$ref`, `allOf` and the first branch of a choice merged in."""
        merged = dict(schema)
        for _ in range(LONGEST_CHAIN):
            parts = self._next_parts(merged, depth)
            if not parts:
                break
            for part in parts:
                merged = _merge(merged, part)
        return merged

    def _next_parts(self, schema: dict[str, object], depth: int) -> list[Schema]:
        reference = schema.pop("$ref", None)
        if isinstance(reference, str):
            return [self._referenced(reference)]
        for key in ("allOf", "anyOf", "oneOf"):
            branches = schema.pop(key, None)
            if isinstance(branches, list) and branches:
                if key == "allOf":
                    return [b for b in branches if isinstance(b, dict)]
                return [_branch(branches, depth)]
        return []

    def _referenced(self, reference: str) -> Schema:
        found: object = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}

    def _object(self, schema: Schema, depth: int) -> object:
        properties = schema.get("properties")
        required = schema.get("required")
        wanted = list(properties) if isinstance(properties, dict) else []
        needed = required if isinstance(required, list) else []
        if depth >= DEEPEST_OPTIONAL:
            wanted = [name for name in wanted if name in needed]
        wanted += [name for name in needed if name not in wanted]
        schemas = properties if isinstance(properties, dict) else {}
        return {name: self.make(schemas.get(name), depth + 1) for name in wanted}

    def _array(self, schema: Schema, depth: int) -> object:
        least = min(_whole(schema.get("minItems"), 0), MOST_VALUES)
        most = _whole(schema.get("maxItems"), max(least, 1))
        count = max(least, min(1, most) if depth < DEEPEST_OPTIONAL else 0)
        return [self.make(schema.get("items"), depth + 1) for _ in range(count)]


def _type_of(schema: Schema) -> str:
    named = schema.get("type")
    if isinstance(named, list):
        named = next((name for name in named if name != "null"), "null")
    if isinstance(named, str):
        return named
    return "array" if "items" in schema else "object"


def _branch(branches: list[object], depth: int) -> Schema:
    """The first branch; deep inside, null if that is one, so that recursion ends."""
    usable = [branch for branch in branches if isinstance(branch, dict)]
    if depth >= DEEPEST_OPTIONAL:
        usable.sort(key=lambda branch: branch.get("type") != "null")
    return usable[0] if usable else {}


def _merge(base: dict[str, object], part: Schema) -> dict[str, object]:
    merged = {**base, **part}
    for key in ("properties", "required"):
        ours, theirs = base.get(key), part.get(key)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            merged[key] = {**ours, **theirs}
        elif isinstance(ours, list) and isinstance(theirs, list):
            merged[key] = [*ours, *(name for name in theirs if name not in ours)]
    return merged


def _string(schema: Schema, _depth: int) -> object:
    text = _FORMATS.get(str(schema.get("format")), "text")
    least = min(_whole(schema.get("minLength"), 0), LONGEST_TEXT)
    most = _whole(schema.get("maxLength"), max(least, len(text)))
    return text.ljust(least, "x")[:most]


def _integer(schema: Schema, depth: int) -> object:
    number = _number(schema, depth)
    return math.ceil(number) if isinstance(number, float) else number


def _number(schema: Schema, _depth: int) -> object:
    """The multiple nearest to one inside the bounds; where none is, the middle of them."""
    least, above = _bound(schema, "minimum"), _bound(schema, "exclusiveMinimum")
    most, below = _bound(schema, "maximum"), _bound(schema, "exclusiveMaximum")
    step = _bound(schema, "multipleOf") or 1
    number: int | float = step
    if above is not None and number <= above:
        number = step * (math.floor(above / step) + 1)
    if least is not None and number < least:
        number = step * math.ceil(least / step)
    if below is not None and number >= below:
        number = step * (math.ceil(below / step) - 1)
    if most is not None and number > most:
        number = step * math.floor(most / step)
    low = least if above is None else above
    high = most if below is None else below
    if low is not None and high is not None and not low <= number <= high:
        return (low + high) / 2
    return number


def _bound(schema: Schema, name: str) -> int | float | None:
    value = schema.get(name)
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _whole(value: object, default: int) -> int:
    return value if isinstance(value, int) and value >= 0 else default
