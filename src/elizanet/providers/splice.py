"""Replace the value of `model` in a JSON body and not one other byte.

A caller's body may hold numbers, escapes, key order and white space that decoding and
encoding again would change, and `"model"` may also occur deeper down or inside a prompt. The
fast way takes a unique occurrence and verifies by decoding, before and after, that it was
the one; the exact way walks the tokens of the text, at top level only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

_STRING: Final = rb'"(?:[^"\\]++|\\.)*+"'
_MODEL_FIELD: Final = re.compile(rb'"model"[ \t\r\n]*:[ \t\r\n]*(' + _STRING + rb")", re.DOTALL)
_TOKEN: Final = re.compile(_STRING + rb"|[{}\[\],:]|[^\s{}\[\],:\"]++", re.DOTALL)


class _Model(msgspec.Struct):
    model: Any = None


_decode_model = msgspec.json.Decoder(_Model).decode
_decode_string = msgspec.json.Decoder(str).decode


def replace_model(body: bytes, model: str) -> bytes:
    """Return `body` with `model` as the value of its top-level `model`.

    Raises `ValueError` if the body is not a JSON object with such a field.
    """
    value = msgspec.json.encode(model)
    fields = _MODEL_FIELD.finditer(body)
    only = next(fields, None)
    if only is not None and next(fields, None) is None:
        replaced = b"".join((body[: only.start(1)], value, body[only.end(1) :]))
        was_it = _decode_model(body).model == _decode_string(only[1])
        if was_it and _decode_model(replaced).model == model:
            return replaced
    return _replace_exactly(body, value)


def _replace_exactly(body: bytes, value: bytes) -> bytes:
    msgspec.json.decode(body, type=dict[str, msgspec.Raw])  # the walk below trusts its text
    pieces = []
    copied = 0
    for start, end in _model_values(body):
        pieces += [body[copied:start], value]
        copied = end
    if not pieces:
        raise ValueError("the request body has no field `model`")
    return b"".join((*pieces, body[copied:]))


def _model_values(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each value of a top-level key `model` begins and ends."""
    depth = 0
    at_key = ours = False
    begin = end = 0
    for match in _TOKEN.finditer(body):
        token = match[0]
        if depth == 1 and token in b",}":
            if ours and begin:
                yield begin, end
            ours, begin, at_key = False, 0, token == b","
        elif depth == 1 and at_key and token != b":":
            ours = _decode_string(token) == "model"
        elif depth == 1 and token == b":":
            at_key = False
        elif ours and not begin:
            begin = match.start()
        if token in b"{[":
            depth += 1
            at_key = at_key or depth == 1
        elif token in b"}]":
            depth -= 1
        end = match.end()
