"""One field of an object is read, replaced, put or removed, and not one other byte."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.json_fields import JsonField, decode_loosely, mended

USAGE = JsonField("usage")
KEYS = st.sampled_from(["usage", "us\u0061ge", "Usage", "x", 'usage"', "choices", ""])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS | st.sampled_from(['"usage": null', "usage"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)  # fmt: skip
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=5)


def written(fields: object, indent: int | None) -> bytes:
    return json.dumps(fields, indent=indent).replace("Infinity", "1e3").encode()


def without(fields: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if name != "usage"}


@given(OBJECTS, VALUES, st.sampled_from([None, 1]))
def test_a_field_is_put_in_place_or_first(
    fields: dict[str, object], value: object, indent: int | None
) -> None:
    """Order, spelling and white space of all others stay."""
    body, raw = written(fields, indent), written(value, None)
    put = USAGE.put(body, raw)
    assert json.loads(put) == {**json.loads(body), "usage": json.loads(raw)}
    if "usage" in fields:
        assert USAGE.replaced(body, raw) == put
    elif fields:
        assert put == b'{"usage":' + raw + b"," + body[1:]


@given(OBJECTS, st.sampled_from([None, 1]))
def test_a_field_is_removed_with_its_comma(fields: dict[str, object], indent: int | None) -> None:
    """What is left is the text that would have been written without it, but for white space."""
    body = written(fields, indent)
    removed = USAGE.removed(body)
    assert json.loads(removed) == without(json.loads(body))
    if indent is None:
        assert removed == written(without(fields), None)
    assert USAGE.raw(removed) is None


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b'{"usage":null}', b"{}"),
        (b'{"usage":null,"a":1}', b'{"a":1}'),
        (b'{"a":1,"usage":null}', b'{"a":1}'),
        (b'{"a":1 ,\n "usage" : null\n}', b'{"a":1 \n}'),
        (b'{"a":{"usage":null},"usage":null}', b'{"a":{"usage":null}}'),
        (b'{"usage":null,"a":{"usage":null}}', b'{"a":{"usage":null}}'),
        (b'{"a":{"usage":null}}', b'{"a":{"usage":null}}'),
        (b'{"usage":{"a":[1,"}"]},"a":1}', b'{"a":1}'),
        (b'{"usage":1,"a":1,"usage":null}', b'{"a":1}'),
        (b'{"usage":1,"usage":2,"a":1}', b'{"a":1}'),
        (b'{"us\\u0061ge":null,"b":"\\"usage\\":null"}', b'{"b":"\\"usage\\":null"}'),
        (b'{"a":1}', b'{"a":1}'),
    ],
)
def test_only_the_top_level_field_is_removed(body: bytes, left: bytes) -> None:
    """First, last, alone, twice, spelled with escapes; deeper down it is another field."""
    assert USAGE.removed(body) == left


def test_a_value_is_read_as_it_is_written_or_decoded() -> None:
    """Null is a value, and not the lack of one."""
    body = b'{"a":1,"usage" : {"x": 1.0} }'
    assert USAGE.raw(body) == b'{"x": 1.0}'
    assert USAGE.value(body) == {"x": 1.0}
    assert USAGE.raw(b'{"usage":null}') == b"null"
    assert USAGE.raw(b'{"a":1}') is None
    assert USAGE.value(b'{"a":1}') is None
    assert repr(USAGE) == "<JsonField 'usage'>"


def test_places_are_where_the_field_is() -> None:
    """Key and value, every time the key occurs."""
    body = b'{"usage":1, "a":[{"usage":2}], "usage" : "x"}'
    places = USAGE.places(body)
    assert [body[place.begin : place.end] for place in places] == [b"1", b'"x"']
    assert [body[place.key : place.key + 7] for place in places] == [b'"usage"'] * 2


@pytest.mark.parametrize("body", [b"", b"[]", b'"usage"', b'{"usage":', b'{"usage" 1}', b"\xff"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    """Every method says so in the same way."""
    for method in (USAGE.raw, USAGE.value, USAGE.removed, USAGE.places):
        with pytest.raises(ValueError, match=r"\w"):
            method(body)
    for put in (USAGE.put, USAGE.replaced):
        with pytest.raises(ValueError, match=r"\w"):
            put(body, b"1")


class Texts(msgspec.Struct):
    """For decoding."""

    text: str = ""


DECODE = msgspec.json.Decoder(Texts).decode


@pytest.mark.parametrize(
    ("data", "text"),
    [(b'{"text":"a"}', "a"), (b'{"text":"\\ud83d"}', "\ud83d"), (b'{"text":"a","x":NaN}', "a")],
)
def test_half_a_character_is_decoded(data: bytes, text: str) -> None:
    """Where a provider cuts between surrogates, or writes what only Python reads."""
    assert decode_loosely(data, DECODE, Texts).text == text


@pytest.mark.parametrize("data", [b'{"text":1}', b"{", b"\xff", b'{"a":' + b"[" * 200_000])
def test_what_cannot_be_decoded_is_a_value_error(data: bytes) -> None:
    """Of another shape, cut, no text at all, or nested too deeply."""
    with pytest.raises(ValueError, match=r"\w"):
        decode_loosely(data, DECODE, Texts)


HALF_TEXT = st.text(st.sampled_from('a\\"u\ud83d\ude00\udbff\udc00\n€'), max_size=12)


@given(st.dictionaries(HALF_TEXT, HALF_TEXT | st.lists(HALF_TEXT, max_size=2), max_size=4))
def test_half_characters_are_mended_in_place(fields: dict[str, object]) -> None:
    """The length stays, halves are U+FFFD and whole ones what they are."""
    body = json.dumps(fields).encode()
    readable = mended(body)
    assert len(readable) == len(body)
    assert json.loads(readable) == json.loads(
        re.sub("[\ud800-\udfff]", "\ufffd", json.dumps(json.loads(body), ensure_ascii=False))
    )
    msgspec.json.decode(readable)


@given(OBJECTS, HALF_TEXT, VALUES)
def test_a_field_beside_half_a_character_is_changed_in_the_bytes_as_they_were(
    fields: dict[str, object], cut: str, value: object
) -> None:
    """The halves stay as they were written, in the value that is read as well."""
    raw = written(value, None)
    text = json.dumps(cut).encode()
    body = USAGE.put(written({**fields, "cut": "HERE"}, None), raw).replace(b'"HERE"', text)
    assert USAGE.raw(body) == raw
    assert JsonField("cut").raw(body) == text
    assert USAGE.replaced(body, b"7") == USAGE.put(body, b"7")
    assert json.loads(USAGE.replaced(body, b"7")) == {**json.loads(body), "usage": 7}
    assert json.loads(USAGE.removed(body)) == without(json.loads(body))
    assert text in USAGE.removed(body)


@pytest.mark.parametrize("broken", [rb'"\ud8zz"', rb'"\ud83d', rb'"\ud83d\"', b"\\", rb"\ud83d\\"])
def test_what_is_broken_otherwise_is_not_mended(broken: bytes) -> None:
    """It is refused as before."""
    assert len(mended(broken)) == len(broken)
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(mended(broken))


def test_a_body_of_nothing_but_halves_costs_no_more_than_others() -> None:
    """Some thousand are mended; nobody writes more."""
    body = b'"' + rb"\ud83d" * 20_000 + b'"'
    assert mended(body).count(rb"\ufffd") == 10_000
