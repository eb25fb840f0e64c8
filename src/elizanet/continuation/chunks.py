"""The events of a chat stream, or of completions, as a continuation reads and rewrites them."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from elizanet.call import Event, EventKind

REASONING: Final = frozenset({"reasoning", "reasoning_content", "thinking"})
"""The names under which a delta carries reasoning as text."""

_ONCE: Final = REASONING | {"role"}
"""What a second stream does not tell again."""
_PLAIN: Final = _ONCE | {"content"}

Fields = dict[str, Any]
"""A JSON object whose values are decoded only as far as they are looked at."""


class Choice(msgspec.Struct):
    """One choice of a chunk."""

    index: int = 0
    delta: dict[str, Any] | None = None
    text: str | None = None
    finish_reason: Any = None
    logprobs: Any = None


class Chunk(msgspec.Struct):
    """One event of a stream."""

    choices: list[Choice] | None = None
    usage: dict[str, Any] | None = None

    @property
    def choice(self) -> Choice:
        """The only choice, or an empty one."""
        return self.choices[0] if self.choices else _NO_CHOICE

    @property
    def said(self) -> str:
        """The text that is added."""
        delta = self.choice.delta
        content = self.choice.text if delta is None else delta.get("content")
        return content if isinstance(content, str) else ""

    @property
    def is_several(self) -> bool:
        """There is more than one answer in the stream."""
        return self.choice.index != 0 or len(self.choices or ()) > 1

    @property
    def refuses(self) -> bool:
        return bool((self.choice.delta or {}).get("refusal"))

    @property
    def is_finished(self) -> bool:
        return bool(self.choice.finish_reason)

    @property
    def is_plain(self) -> bool:
        """Nothing but text is added, and reasoning as text, to one answer."""
        delta = self.choice.delta or {}
        strange = any(value and name not in _PLAIN for name, value in delta.items())
        structured = not isinstance(delta.get("content"), str | None)
        return not (strange or structured or self.choice.logprobs or self.is_several)

    @property
    def has_role_or_reasoning(self) -> bool:
        delta = self.choice.delta or {}
        return any(delta.get(name) for name in _ONCE)

    @property
    def is_silent(self) -> bool:
        """Nothing is added that a second stream has to tell: a start, reasoning, a ping."""
        tells = self.said or self.is_finished or not self.is_plain
        return not tells and (bool(self.choices) or not self.usage)


_NO_CHOICE: Final = Choice()
_decode_chunk = msgspec.json.Decoder(Chunk).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def chunk_in(data: bytes) -> Chunk | None:
    """Return the chunk, or None if the event is no object: a comment, or `[DONE]`.

    Raises `ValueError` for an object of another shape. To msgspec half a surrogate pair is
    not JSON, but some providers cut a character in two.
    """
    if not data.startswith(b"{"):
        return None
    try:
        return _decode_chunk(data)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return msgspec.convert(json.loads(data), Chunk)


def fields_in(data: bytes) -> Fields:
    """Return the fields of a chunk; their values stay as they were written."""
    try:
        return dict(_decode_fields(data))
    except msgspec.DecodeError:
        return dict(json.loads(data))


def value_of(fields: Fields, name: str) -> Any:
    """Return one value, decoded; None if there is none."""
    value = fields.get(name)
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value


def choices_with_text(fields: Fields, text: str) -> Any:
    """Return the choices of a chunk that adds `text`, and neither a role nor reasoning."""
    choices = value_of(fields, "choices")
    for choice in choices:
        if isinstance(delta := choice.get("delta"), dict):
            kept = {name: value for name, value in delta.items() if name not in _ONCE}
            choice["delta"] = kept | {"content": text} if "content" in delta else kept
        else:
            choice["text"] = text
    return choices


def rewritten(event: Event, fields: Fields, kind: EventKind) -> Event:
    """Return the event with other fields; what is around its data stays as it was."""
    try:
        data = msgspec.json.encode(fields)
    except UnicodeEncodeError:  # half a surrogate pair: it becomes an escape again
        data = json.dumps(fields, separators=(",", ":")).encode()
    if event.data in event.raw:
        raw = event.raw.replace(event.data, data, 1)
    else:  # several lines of data, or an event that the caller does not see
        lines = b"".join(b"data: %b\n" % line for line in data.splitlines())
        raw = lines + b"\n" if event.raw else b""
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
