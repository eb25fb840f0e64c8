"""JSON of others: one field of an object read or changed in its bytes, and not one other byte.

What somebody else wrote may hold numbers, escapes, key order and white space that decoding
and encoding again would change, and the field's name may also occur deeper down or inside a
text. The fast way takes a unique occurrence and verifies by decoding that it was the one; the
exact way walks the tokens of the text, at top level only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

_STRING: Final = rb'"(?:[^"\\]++|\\.)*+"'
_TOKEN: Final = re.compile(_STRING + rb"|[{}\[\],:]|[^\s{}\[\],:\"]++", re.DOTALL)
_SCALAR: Final = rb"(" + _STRING + rb"|[^\s{}\[\],:\"]++)"
_SPACE: Final = rb"[ \t\r\n]*"
_HIGH: Final = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW: Final = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF: Final = rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
_SURROGATE: Final = re.compile(_HALF)
_UP_TO_A_HALF: Final = re.compile(
    rb"((?:[^\\]++|%b%b|(?!%b)\\.|\\\Z)*+)(%b|\Z)" % (_HIGH, _LOW, _HALF, _HALF), re.DOTALL
)
_MOST_HALVES: Final = 10_000

_decode_any = msgspec.json.Decoder().decode
_decode_string = msgspec.json.Decoder(str).decode
_check_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

T = TypeVar("T")


def decode_loosely(data: bytes, decode: Callable[[bytes], T], kind: type[T]) -> T:
    """Decode with `decode`, and what is not JSON only to a strict decoder all the same.

    That is half a surrogate pair, escaped, from providers that cut a text between its UTF-16
    units, and `NaN`. `kind` is what `decode` gives. Raises `ValueError`.
    """
    try:
        return _shallow(decode, data)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return msgspec.convert(_shallow(json.loads, data), kind)


def mended(data: bytes) -> bytes:
    """Return JSON of the same length in which half surrogate pairs, escaped, are U+FFFD.

    They are JSON by its grammar, and no text: strict decoders refuse the whole. The places of
    everything are the same in both, so what was found in this can be changed in the other. Of
    more than 10,000 halves some stay.
    """
    if _SURROGATE.search(data) is None:
        return data
    return _UP_TO_A_HALF.sub(_with_half_mended, data, _MOST_HALVES)


def decode_mended(data: bytes, decode: Callable[[bytes], T]) -> T:
    """Decode with `decode`, reading half surrogate pairs as U+FFFD. Raises what that raises."""
    try:
        return decode(data)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return decode(mended(data))


def _with_half_mended(found: re.Match[bytes]) -> bytes:
    return found[1] + (b"\\ufffd" if found[2] else b"")


class Place(NamedTuple):
    """Where a field is: its key begins at `key`, its value is `[begin:end]`."""

    name: str
    key: int
    begin: int
    end: int


class JsonField:
    """The top-level field `name` of JSON objects.

    Every method raises `ValueError` for bytes that are not a JSON object.
    """

    __slots__ = ("_decode", "_key", "_pattern", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._key = msgspec.json.encode(name)
        self._pattern = re.compile(
            re.escape(self._key) + _SPACE + b":" + _SPACE + _SCALAR, re.DOTALL
        )
        value = ("value", msgspec.Raw | msgspec.UnsetType, msgspec.UNSET)
        holder = msgspec.defstruct("Holder", [value], rename={"value": name})
        self._decode = msgspec.json.Decoder(holder).decode

    def __repr__(self) -> str:
        return f"<JsonField {self.name!r}>"

    def raw(self, body: bytes) -> bytes | None:
        """Return the bytes of the value, or None if there is no such field."""
        try:
            value: msgspec.Raw | msgspec.UnsetType = _shallow(self._decode, body).value  # type: ignore[attr-defined]
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            places = self.places(body)
            return body[places[-1].begin : places[-1].end] if places else None
        return None if value is msgspec.UNSET else bytes(value)

    def value(self, body: bytes) -> Any:
        """Return the decoded value; None also if there is no such field."""
        raw = self.raw(body)
        return None if raw is None else _shallow(_any_in, raw)

    def replaced(self, body: bytes, value: bytes) -> bytes:
        """Return `body` with this value. Raises `ValueError` also if there is no such field."""
        start = body.find(self._key)
        if start >= 0 and body.rfind(self._key) == start:
            only = self._pattern.match(body, start)
            if only is not None and self.raw(body) == only[1]:
                changed = b"".join((body[: only.start(1)], value, body[only.end(1) :]))
                # Only a key with an escape could be the field, too, and end up as its value.
                if body.find(b"\\") < 0 or self.raw(changed) == value:
                    return changed
        return self._replaced_exactly(body, value)

    def put(self, body: bytes, value: bytes) -> bytes:
        """Return `body` with this value: in place of the old one, or as the first field."""
        if self.raw(body) is not None:
            return self.replaced(body, value)
        start = body.index(b"{") + 1
        comma = b"" if body[start:].lstrip().startswith(b"}") else b","
        return b"".join((body[:start], self._key, b":", value, comma, body[start:]))

    def removed(self, body: bytes) -> bytes:
        """Return `body` without the field, and without the comma that belongs to it."""
        only = self._pattern.search(body)
        if only is not None and body.count(self._key, only.end(1)) == 0:
            before = body[: only.start()].rstrip()
            if before.endswith(b","):
                changed = before[:-1] + body[only.end(1) :]
                if self.raw(body) == only[1] and self.raw(changed) is None:
                    return changed
        return self._removed_exactly(body)

    def places(self, body: bytes) -> list[Place]:
        """Return where the field is; a key that occurs twice is two places."""
        return [place for place in _places(body) if place.name == self.name]

    def _replaced_exactly(self, body: bytes, value: bytes) -> bytes:
        pieces = []
        copied = 0
        for place in self.places(body):
            pieces += [body[copied : place.begin], value]
            copied = place.end
        if not pieces:
            raise ValueError(f"the body has no field `{self.name}`")
        return b"".join((*pieces, body[copied:]))

    def _removed_exactly(self, body: bytes) -> bytes:
        places = list(_places(body))
        mine = next((i for i, place in enumerate(places) if place.name == self.name), None)
        if mine is None:
            return body
        start, end = places[mine].key, places[mine].end
        if mine > 0:
            start = places[mine - 1].end
        elif len(places) > 1:
            end = places[1].key
        return self._removed_exactly(body[:start] + body[end:])


_any_in = partial(decode_mended, decode=_decode_any)
_object_in = partial(decode_mended, decode=_check_object)
_string_in = partial(decode_mended, decode=_decode_string)


def _shallow(decode: Callable[[bytes], T], data: bytes) -> T:
    """Decode. Raises `ValueError`, also for what is nested too deeply to be read."""
    try:
        return decode(data)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None


def _places(body: bytes) -> Iterator[Place]:
    """Yield where each top-level field is, in order."""
    _shallow(_object_in, body)  # the walk trusts its text
    depth = begin = end = 0
    key: re.Match[bytes] | None = None
    for token in _TOKEN.finditer(body):
        text = token[0]
        if depth == 1 and text in b",}":
            if key is not None:
                yield Place(_string_in(key[0]), key.start(), begin, end)
            key, begin = None, 0
        elif depth == 1 and key is None:
            key = token
        elif key is not None and not begin and text != b":":
            begin = token.start()
        if text in b"{[":
            depth += 1
        elif text in b"}]":
            depth -= 1
        end = token.end()
