"""OBJECT_*: a prompt and a JSON schema in, a value that fits the schema out.

The schema goes to the provider as `response_format` and, for those that take none, into the
instructions. The answer is parsed, repaired if it is nearly JSON (fences, trailing commas,
single quotes), and held against the schema; one that still does not fit is malformed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from elizanet.errors import CallFailed, InputError
from elizanet.model_types.parameters import Parameters, checked_text
from elizanet.model_types.text import messages, text_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    import jsonschema_rs

MAX_REPAIRED_CHARACTERS: Final = 65_536
"""Longest text that is repaired; repairing takes longer than parsing."""

_REFUSED_FORMAT: Final = ("response_format", "json_schema", "structured output", "json mode")


class ObjectReader:
    """Reads values out of answers, and holds them against the schema if there is one.

    Raises `InputError` if `schema` is not a JSON schema.
    """

    def __init__(self, schema: object) -> None:
        self.schema = schema
        self.value: object = None
        self._validator = None if schema is None else _validator(schema)

    def __repr__(self) -> str:
        return f"<ObjectReader schema={'yes' if self._validator else 'no'}>"

    def check(self, body: bytes) -> None:
        """Take the value out of an answer. Raises `ValueError` with one sentence."""
        value = parsed(text_in(body))
        if self._validator is not None:
            error = next(self._validator.iter_errors(value), None)
            if error is not None:
                place = "/".join(map(str, error.instance_path)) or "the value"
                raise ValueError(f"the object does not fit the schema at {place}: {error.message}")
        self.value = value


def object_fields(
    parameters: Parameters, model: str, reader: ObjectReader, most: int, *, formatted: bool
) -> Parameters:
    """Return the fields of the request; `formatted` asks for the schema by `response_format`."""
    others = dict(parameters)
    name = checked_text(others.pop("model", model), "model", most)
    instruction = {"role": "system", "content": _instruction(reader.schema)}
    fields: Parameters = {"model": name, "messages": [instruction, *messages(others, most)]}
    if formatted:
        fields["response_format"] = _response_format(reader.schema)
    return fields | others


def refused_format(error: CallFailed) -> bool:
    """Tell whether a provider failed because it does not know `response_format`."""
    said = " ".join(attempt.message.lower() for attempt in error.attempts)
    return any(word in said for word in _REFUSED_FORMAT)


def parsed(text: str) -> object:
    """Return the JSON value in a text. Raises `ValueError` if there is none."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("the answer is nested too deeply") from None
    except ValueError:
        pass
    if len(text) > MAX_REPAIRED_CHARACTERS:
        raise ValueError("the answer is not JSON, and too long to be repaired")
    import json_repair  # noqa: PLC0415 -- needed rarely, and it takes time to load

    try:
        value: object = json_repair.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, (dict, list)):  # prose "repairs" to a string or to nothing
        raise ValueError(f"the answer is not JSON: {text!r}")
    return value


def _instruction(schema: object) -> str:
    if schema is None:
        return "Answer with one JSON value and nothing else."
    shown = json.dumps(schema, ensure_ascii=False)
    return f"Answer with one JSON value and nothing else. It must fit this JSON schema: {shown}"


def _response_format(schema: object) -> Mapping[str, object]:
    if schema is None:
        return {"type": "json_object"}
    form = {"name": "answer", "schema": schema, "strict": False}
    return {"type": "json_schema", "json_schema": form}


def _validator(schema: object) -> jsonschema_rs.Validator:
    import jsonschema_rs  # noqa: PLC0415 -- only objects with a schema need it

    if not isinstance(schema, (dict, bool)):
        kind = type(schema).__name__
        raise InputError(f"`schema` must be a JSON schema (a mapping), not {kind}", param="schema")
    try:
        return jsonschema_rs.validator_for(schema, retriever=_no_remote_reference)
    except (ValueError, TypeError) as error:
        reason = str(error).splitlines()[0][:200]
        raise InputError(f"`schema` is not a valid JSON schema: {reason}", param="schema") from None


def _no_remote_reference(uri: str) -> dict[str, object]:
    raise ValueError(f"a schema may not refer to {uri[:100]}")
