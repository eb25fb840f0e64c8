"""From the deltas of a stream to the whole they make up.

How a value is added to what is known, for fields that have a meaning here and for those that
do not: texts are joined; objects are merged; items of a list are merged with those of the same
`index`, and others are appended; of anything else the last one holds. What names a thing (`id`,
`type`, `role`) is no text: the first one holds. Null adds nothing.
"""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]

_NAMES: Final = frozenset({"id", "type", "role"})


class Text:
    """A text in pieces: joining them one by one would copy a long one again and again."""

    __slots__ = ("pieces",)

    def __init__(self, *pieces: str) -> None:
        self.pieces = list(pieces)

    def __repr__(self) -> str:
        return f"<Text of {len(self.pieces)} pieces>"

    def __str__(self) -> str:
        return "".join(self.pieces)

    def __bool__(self) -> bool:
        return any(self.pieces)


def merged(known: Json, delta: Json) -> Json:
    """Add an object to an object, which is changed and returned."""
    for name, value in delta.items():
        known[name] = _sum(name, known.get(name), value)
    return known


def updated(known: Json, told: Json) -> Json:
    """Take the fields of an object that is told again and again: the last value holds."""
    for name, value in told.items():
        if value is not None or name not in known:
            known[name] = value
    return known


def _sum(name: str, old: Any, new: Any) -> Any:
    if new is None:
        return old
    if name == "content" and (isinstance(old, list) or isinstance(new, list)):
        return _parts(old) + _parts(new)
    match old, new:
        case None, str() if name not in _NAMES and name != "name":
            return Text(new)
        case Text(), str():
            old.pieces.append(new)
            return old
        case str(), str():
            return _named(name, old, new)
        case ((None | list()), list()):
            return _joined(name, old or [], new)
        case ((None | dict()), dict()):
            return merged(old or {}, new)
    return new


def _named(name: str, old: str, new: str) -> str:
    if name in _NAMES:
        return old or new
    return old if old == new else old + new  # some providers repeat the name of a function


def _joined(name: str, known: list[Any], new: list[Any]) -> list[Any]:
    for item in new:
        grows = isinstance(item, dict) and (name == "tool_calls" or _index(item) is not None)
        place = _place(known, item) if grows else None
        if place is not None:
            merged(known[place], item)
        else:
            known.append(merged({}, item) if grows else item)
    return known


def _place(known: list[Any], item: Json) -> int | None:
    """Return which known item goes on with this one; None if it begins another one.

    A tool call with another id and a function's name is another one, whatever its index says:
    there are providers that give the index 0 to all. One without an index goes on with the
    last, unless it has a name of its own.
    """
    begins = bool((item.get("function") or {}).get("name"))
    index = _index(item)
    if index is None:
        goes_on = bool(known) and isinstance(known[-1], dict) and not begins
        return len(known) - 1 if goes_on else None
    same = (place for place, each in enumerate(known) if _index(each) == index)
    place = max(same, default=None)
    ids = {item.get("id"), known[place].get("id")} if place is not None else set()
    return None if begins and len(ids - {None, ""}) > 1 else place


def _index(item: Any) -> int | None:
    index = item.get("index") if isinstance(item, dict) else None
    return index if isinstance(index, int) else None


def _parts(content: Any) -> list[Any]:
    """Return content as a list of parts; some providers mix it with plain text."""
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []
