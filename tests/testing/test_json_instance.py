"""Instances of JSON schemas: they satisfy the schema they were made from."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.testing.json_instance import instance_of, requested_schema

NODE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "value": {"type": "number"},
        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
    },
    "required": ["value", "next", "children"],
    "additionalProperties": False,
}

SCHEMAS: list[dict[str, Any]] = [
    {"type": "object"},
    {},
    {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"]},
    {"type": "array", "items": {"type": "boolean"}, "minItems": 3, "maxItems": 4},
    {"type": "array", "items": {"type": "null"}, "maxItems": 0},
    {"type": "array"},
    {"items": {"enum": ["x", "y"]}, "type": ["null", "array"]},
    {"type": ["null", "string"], "minLength": 10},
    {"type": "string", "maxLength": 2},
    {"type": "string", "format": "date-time"},
    {"type": "string", "format": "uuid"},
    {"type": "integer", "minimum": 5},
    {"type": "integer", "maximum": -5},
    {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 3},
    {"type": "integer", "minimum": 4.5, "multipleOf": 5},
    {"type": "number", "exclusiveMaximum": 0, "multipleOf": 0.5},
    {"type": "number", "minimum": 0.25, "maximum": 0.75},
    {"const": {"a": [1]}},
    {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    {"oneOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]},
    {"type": "object", "allOf": [
        {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
        {"properties": {"b": {"type": "string"}}, "required": ["b"]},
    ]},
    {"$ref": "#/$defs/node", "$defs": {"node": NODE}},
    {"$ref": "#/definitions/a~1b", "definitions": {"a/b": {"type": "boolean"}}},
]  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_an_instance_satisfies_its_schema(schema: dict[str, Any]) -> None:
    """Each feature that is promised is followed, and always in the same way."""
    instance = instance_of(schema)
    jsonschema_rs.validate(schema, instance)
    assert instance_of(schema) == instance


def leaves() -> st.SearchStrategy[dict[str, Any]]:
    number = st.integers(-1000, 1000)
    return st.one_of(
        st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"enum": [3, "x"]}]),
        st.builds(lambda low: {"type": "integer", "minimum": low}, number),
        st.builds(lambda high: {"type": "number", "exclusiveMaximum": high}, number),
        st.builds(lambda least: {"type": "string", "minLength": least}, st.integers(0, 50)),
    )


def objects(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    properties = st.dictionaries(st.text(max_size=5), inner, max_size=4)
    return properties.map(
        lambda p: {
            "type": "object",
            "properties": p,
            "required": list(p)[::2],
            "additionalProperties": False,
        }
    )


@given(
    st.recursive(
        leaves(),
        lambda inner: st.one_of(
            objects(inner),
            st.builds(lambda i: {"type": "array", "items": i, "minItems": 2}, inner),
            st.builds(lambda i: {"anyOf": [i, {"type": "null"}]}, inner),
        ),
        max_leaves=12,
    )
)
def test_instances_satisfy_any_nested_schema(schema: dict[str, Any]) -> None:
    """Objects, arrays and choices nest at will."""
    jsonschema_rs.validate(schema, instance_of(schema))


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/nowhere"},
        {"$ref": "http://elsewhere/"},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {
            "type": "object",
            "properties": {n: {"$ref": "#"} for n in "abcdef"},
            "required": [*"abcdef"],
        },
        {"type": "array", "items": {"$ref": "#"}, "minItems": 10**12},
        {"type": "string", "minLength": 10**12},
        {"type": "integer", "multipleOf": 0, "minimum": 3},
        {"type": "integer", "minimum": "x"},
        {"type": 5, "properties": [], "required": "a", "items": 7},
        {"type": "unheard-of"},
        {"anyOf": [], "allOf": [1], "enum": []},
        {"anyOf": [True]},
        {"properties": {"a": True}},
    ],
    ids=str,
)
def test_a_schema_without_sense_or_end_has_some_answer_soon(schema: dict[str, Any]) -> None:
    """Endless, absurd and malformed schemas neither hang nor raise."""
    instance_of(schema)


def test_the_schema_is_found_in_a_response_format() -> None:
    """Only a well-formed response_format names one."""
    assert requested_schema({"type": "json_schema", "json_schema": {"schema": NODE}}) == NODE
    others: tuple[object, ...] = (
        None,
        5,
        {},
        {"json_schema": None},
        {"json_schema": {"schema": []}},
    )
    for wrong in others:
        assert requested_schema(wrong) is None
