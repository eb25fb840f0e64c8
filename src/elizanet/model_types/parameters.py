"""A caller's parameters: camelCase or snake_case in, one checked form out.

0, False and "" are values; only None counts as not given. What is not known here is passed
to the provider under its snake_case name, so that a new parameter of an API needs no release.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from elizanet.errors import InputError

Parameters = dict[str, object]

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER_NAMES: Final = {
    "stop_sequences": "stop",
    "max_output_tokens": "max_tokens",
    "model_name": "model",
}
_NUMBERS: Final = frozenset({"temperature", "top_p", "frequency_penalty", "presence_penalty"})
_COUNTS: Final = frozenset({"max_tokens", "max_completion_tokens", "n", "count", "dimensions"})


def normalised(given: Mapping[str, object] | str | None, main: str) -> Parameters:
    """Return parameters under their snake_case names, without those that are None.

    A plain string is the parameter `main`. Raises `InputError` for what cannot be one.
    """
    if given is None:
        return {}
    if isinstance(given, str):
        return {main: given}
    if not isinstance(given, Mapping):
        raise InputError(
            f"parameters must be a mapping or a string, not {_kind(given)}", param="params"
        )
    parameters: Parameters = {}
    for name, value in given.items():
        if not isinstance(name, str):
            message = f"a parameter's name must be a string, not {_kind(name)}"
            raise InputError(message, param="params")
        plain = _HUMP.sub("_", name).lower()
        plain = _OTHER_NAMES.get(plain, plain)
        if value is not None and (plain == name or plain not in parameters):
            parameters[plain] = value
    _check_numbers(parameters)
    return parameters


def required_text(parameters: Parameters, name: str, most: int) -> str:
    """Take a string out of the parameters. Raises `InputError` if it is no such thing."""
    if name not in parameters:
        raise InputError(f"`{name}` is missing: give a string", param=name)
    return checked_text(parameters.pop(name), name, most)


def checked_text(value: object, name: str, most: int) -> str:
    """Return `value` if it is a string of at most `most` characters, else raise `InputError`."""
    if not isinstance(value, str):
        raise InputError(f"`{name}` must be a string, not {_kind(value)}", param=name)
    if len(value) > most:
        message = (
            f"`{name}` has {len(value)} characters; at most {most} are allowed"
            " (ELIZANET_MAX_INPUT_LENGTH)"
        )
        raise InputError(message, param=name, code="string_above_max_length")
    return value


def encoded(fields: Mapping[str, object]) -> bytes:
    """Return the request body. Raises `InputError` for a value that JSON cannot hold."""
    try:
        return msgspec.json.encode(fields)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        name = next((n for n, v in fields.items() if not _is_json(v)), "params")
        message = f"`{name}` cannot be sent as JSON: {error}"
        raise InputError(message[:300], param=name) from None


def _is_json(value: object) -> bool:
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError):
        return False
    return True


def _check_numbers(parameters: Parameters) -> None:
    for name, value in parameters.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if name in _NUMBERS and not (number and math.isfinite(value)):  # type: ignore[arg-type]
            raise InputError(f"`{name}` must be a number, not {_shown(value)}", param=name)
        if name in _COUNTS and not (number and value == int(value) and value >= 0):  # type: ignore[call-overload, operator]
            raise InputError(f"`{name}` must be a whole number, not {_shown(value)}", param=name)


def _shown(value: object) -> str:
    return repr(value)[:40] if isinstance(value, (int, float, str)) else _kind(value)


def _kind(value: object) -> str:
    return type(value).__name__
