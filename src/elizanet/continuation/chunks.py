"""The events of a chat stream, or of completions, as a continuation reads and rewrites them."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from elizanet.call import Event, EventKind
from elizanet.json_fields import JsonField, decode_loosely
from elizanet.sse import with_data

REASONING: Final = frozenset({"reasoning", "reasoning_content", "thinking"})
"""The names under which a delta carries reasoning as text."""

_ONCE: Final = REASONING | {"role"}
"""What a second stream does not tell again."""


class Piece(msgspec.Struct, frozen=True):
    """What one event of a stream brings.

    `text`: what is added to the only answer. `is_plain`: nothing else is, but a role, and
    reasoning as text (`once`: what a second stream does not tell again). `is_several`: there
    is more than one answer. `has_choices`: it is not usage alone, or something around it.
    """

    text: str = ""
    usage: dict[str, Any] | None = None
    has_choices: bool = False
    is_finished: bool = False
    is_plain: bool = True
    is_several: bool = False
    refuses: bool = False
    once: bool = False

    @property
    def is_silent(self) -> bool:
        """A second stream need not tell it: a start, reasoning, a ping."""
        if not self.has_choices:
            return not self.usage
        return self.is_plain and not (self.text or self.is_finished)


class _Choice(msgspec.Struct):
    index: int = 0
    delta: dict[str, Any] | None = None
    text: str | None = None
    finish_reason: Any = None
    logprobs: Any = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: dict[str, Any] | None = None


IDENTITY: Final = ("id", "created", "model")
"""The fields that are the same in every event of a stream."""

_FIELDS: Final = {name: JsonField(name) for name in (*IDENTITY, "choices", "usage")}
_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def piece_in(data: bytes) -> Piece | None:
    """Return what the event brings, or None if it is no object: a comment, or `[DONE]`.

    Raises `ValueError` for an object of another shape, and for what is not UTF-8: a decoder sees
    that only in the fields that it looks at.
    """
    if not data.startswith(b"{"):
        return None
    data.decode()
    chunk = decode_loosely(data, _decode_chunk, _Chunk)
    return _piece(chunk.choices, chunk.usage) if chunk.choices else Piece("", chunk.usage)


def _piece(choices: list[_Choice], usage: dict[str, Any] | None) -> Piece:
    choice = choices[0]
    delta = {"content": choice.text} if choice.delta is None else choice.delta
    text = delta.get("content") or ""
    is_several = choice.index != 0 or len(choices) > 1
    is_plain = isinstance(text, str) and not choice.logprobs and not is_several
    once = False
    for name, value in delta.items():
        if value and name != "content":
            known = name in _ONCE
            once |= known
            is_plain &= known
    return Piece(
        text if isinstance(text, str) else "",
        usage,
        has_choices=True,
        is_finished=bool(choice.finish_reason),
        is_plain=is_plain,
        is_several=is_several,
        refuses=bool(delta.get("refusal")),
        once=once,
    )


def values_in(data: bytes, *names: str) -> dict[str, Any]:
    """Return the values of those of the named fields that the chunk has."""
    try:
        fields = _decode_fields(data)
    except msgspec.DecodeError:
        fields = json.loads(data)
    found = {name: fields[name] for name in names if name in fields}
    return {
        name: msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value
        for name, value in found.items()
    }


def choices_with_text(data: bytes, text: str) -> Any:
    """Return the choices of a chunk, but adding `text`, and neither a role nor reasoning."""
    choices = values_in(data, "choices")["choices"]
    for choice in choices:
        if isinstance(delta := choice.get("delta"), dict):
            kept = {name: value for name, value in delta.items() if name not in _ONCE}
            choice["delta"] = kept | {"content": text} if "content" in delta else kept
        else:
            choice["text"] = text
    return choices


def rewritten(event: Event, changes: dict[str, Any], kind: EventKind) -> Event:
    """Return the event with other values for some of its fields; every other byte stays."""
    data = event.data
    try:
        for name, value in changes.items():
            data = _FIELDS[name].replaced(data, msgspec.json.encode(value))
    except (msgspec.DecodeError, UnicodeEncodeError):  # half a surrogate pair becomes an escape
        data = json.dumps(json.loads(event.data) | changes, separators=(",", ":")).encode()
    # an event that the caller does not see has no bytes, and gets none
    raw = with_data(event.raw, event.data, data) if event.raw else b""
    return Event(raw, data, kind)


def added(first: Any, second: Any) -> Any:
    """Return the sum of two usages, for each number that is known of either."""
    if isinstance(first, dict) and isinstance(second, dict):
        both = {name: added(first[name], second[name]) for name in first if name in second}
        return {**first, **second, **both}
    if _is_number(first) and _is_number(second):
        return first + second
    return first if second is None else second


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
