"""The value of `model` changes and not one other byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.providers.splice import replace_model

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
