"""The value of `model` changes and not one other byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.call import Form
from elizanet.providers.splice import replace_model, replace_model_in_form

KEYS = st.sampled_from(["model", "models", "Model", "messages", "x", "\u006dodel", 'mo"del', ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(['"model": "a"', "model"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(
    st.dictionaries(KEYS, VALUES, max_size=5), VALUES, st.text(st.characters(exclude_categories=["Cs"])),
    st.booleans(), st.sampled_from([None, 1, 3]),
)  # fmt: skip
def test_only_the_top_level_model_changes(
    fields: dict[str, object], old: object, new: str, ascii_only: bool, indent: int | None
) -> None:
    """Whatever else is in the body, however it is written, stays as it was."""
    fields["model"] = old
    body = json.dumps(fields, ensure_ascii=ascii_only, indent=indent).encode()
    replaced = replace_model(body, new)
    assert json.loads(replaced) == {**fields, "model": new}
    marker = json.dumps({**fields, "model": "\0"}, ensure_ascii=ascii_only, indent=indent)
    before, _, after = marker.encode().partition(b'"\\u0000"')
    assert replaced.startswith(before)
    assert replaced.endswith(after)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"a","n":1.0e0}', b'{"model":"new","n":1.0e0}'),
        (b' {\t"model" :\n"a" } ', b' {\t"model" :\n"new" } '),
        (b'{"m\\u006fdel":"a"}', b'{"m\\u006fdel":"new"}'),
        (b'{"m\\u006fdel":"a","x":{"model":"a"}}', b'{"m\\u006fdel":"new","x":{"model":"a"}}'),
        (b'{"m\\u006fdel":"new","x":{"model":"a"}}', b'{"m\\u006fdel":"new","x":{"model":"a"}}'),
        (b'{"model":"a","model":"b"}', b'{"model":"new","model":"new"}'),
        (b'{"x":[{"model":1},{"model":2}],"model":null}', b'{"x":[{"model":1},{"model":2}],"model":"new"}'),
        (b'{"model":{"deep":["}",{}]},"y":"\\"model\\":\\"a\\""}', b'{"model":"new","y":"\\"model\\":\\"a\\""}'),
        (b'{"big":123456789012345678901234567890,"model":"a"}', b'{"big":123456789012345678901234567890,"model":"new"}'),
    ],
)  # fmt: skip
def test_unusual_spellings_survive(body: bytes, expected: bytes) -> None:
    """White space, escapes, duplicate keys and numbers stay as the caller wrote them."""
    assert replace_model(body, "new") == expected


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'"model"', b'{"model":', b'{"x":{"model":1}}']
)
def test_a_body_without_the_field_is_refused(body: bytes) -> None:
    """There is nothing to replace, and nothing is invented."""
    with pytest.raises(ValueError, match=r"\w"):
        replace_model(body, "new")


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_else(body: bytes) -> None:
    """Arbitrary bytes end in a ValueError or in a body that names the model."""
    try:
        replaced = replace_model(body, "new")
    except ValueError:
        return
    assert b'"new"' in replaced


@pytest.mark.parametrize(
    ("body", "model", "expected"),
    [
        (b'{"input":"a"}', "implied", b'{"input":"a"}'),
        (b'{"input":"a"}', "other", b'{"model":"other","input":"a"}'),
        (b' { "input":"a"}', "other", b' {"model":"other", "input":"a"}'),
        (b"{ }", "other", b'{"model":"other" }'),
        (b'{"model":"implied"}', "implied", b'{"model":"implied"}'),
        (b'{"model":"asked"}', "other", b'{"model":"other"}'),
        (b'{"model":null}', "implied", b'{"model":"implied"}'),
        (b'{"a":{"model":"x"}}', "other", b'{"model":"other","a":{"model":"x"}}'),
    ],
)
def test_a_model_that_is_only_implied_is_added_where_another_is_wanted(
    body: bytes, model: str, expected: bytes
) -> None:
    """What the provider would take anyway is left out as it was."""
    assert replace_model(body, model, "implied") == expected


def test_without_a_model_to_imply_one_has_to_be_there() -> None:
    """A mistake of whoever made the call."""
    with pytest.raises(ValueError, match="model"):
        replace_model(b'{"input":"a"}', "other")


def test_in_a_form_only_the_place_of_the_model_changes() -> None:
    """And nothing at all where it is the same already."""
    there, absent = Form("", 2, 5), Form("", 1, 1, b"[", b"]")
    body = b"ab-x-cd"
    assert replace_model_in_form(body, there, "y\u00e9") == "aby\u00e9cd".encode()
    assert replace_model_in_form(body, there, "-x-") is body
    assert replace_model_in_form(b"abcd", absent, "y", "implied") == b"a[y]bcd"
    assert replace_model_in_form(b"abcd", absent, "implied", "implied") == b"abcd"
