"""TEXT_*, REASONING_*: a prompt or messages in, a text or its pieces out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from elizanet.errors import InputError
from elizanet.json_fields import decode_loosely
from elizanet.model_types.parameters import Parameters, checked_text, encoded
from elizanet.operation import Operation

_COMPLETION_MODELS: Final = re.compile(r"(^|/)(davinci|babbage)-\d|gpt-3\.5-turbo-instruct")
_NEW_TOKEN_LIMIT: Final = re.compile(r"(^|/)(o\d|gpt-5)")
"""OpenAI's reasoning models refuse `max_tokens` and want `max_completion_tokens`."""

_PROMPTS: Final = ("prompt", "input", "text")


@dataclass(frozen=True, slots=True)
class TextRequest:
    """A request for text: where it goes and what it says."""

    operation: Operation
    model: str
    body: bytes


class _Choice(msgspec.Struct):
    message: dict[str, Any] | None = None
    delta: dict[str, Any] | None = None
    text: str | None = None
    index: int = 0


class _Texts(msgspec.Struct):
    choices: list[_Choice] | None = None


_decode_texts = msgspec.json.Decoder(_Texts).decode


def _texts_in(data: bytes) -> _Texts:
    return decode_loosely(data, _decode_texts, _Texts)


def text_request(
    parameters: Parameters, model: str, *, most: int, stream: bool, completion: bool = False
) -> TextRequest:
    """Return the request for the parameters, which are used up.

    `model` is the default for a `model` parameter, `most` the longest input string in
    characters; `completion` allows the older completions API for models that know no other.
    Raises `InputError`.
    """
    name = checked_text(parameters.pop("model", model), "model", most)
    fields: Parameters = {"model": name}
    if completion and "messages" not in parameters and _COMPLETION_MODELS.search(name):
        operation = Operation.COMPLETION
        fields["prompt"] = _prompt(parameters, most)
    else:
        operation = Operation.CHAT
        fields["messages"] = messages(parameters, most)
    if _NEW_TOKEN_LIMIT.search(name) and "max_tokens" in parameters:
        parameters["max_completion_tokens"] = parameters.pop("max_tokens")
    fields |= parameters
    if stream:
        fields["stream"] = True
    else:
        fields.pop("stream", None)
    return TextRequest(operation, name, encoded(fields))


def messages(parameters: Parameters, most: int) -> list[object]:
    """Take the messages out of the parameters, or make them of `system` and the prompt."""
    system = parameters.pop("system", None)
    first: list[object] = []
    if system is not None:
        first = [{"role": "system", "content": checked_text(system, "system", most)}]
    given = parameters.pop("messages", None)
    if given is None:
        return [*first, {"role": "user", "content": _prompt(parameters, most)}]
    for name in _PROMPTS:
        parameters.pop(name, None)
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise InputError("`messages` must be a list of at least one message", param="messages")
    for number, message in enumerate(given):
        _check_message(message, number, most)
    return [*first, *given]


def text_in(body: bytes) -> str:
    """Return the text of the first choice of a checked answer."""
    choices = _texts_in(body).choices
    return _text(choices[0]) if choices else ""


def piece_in(data: bytes) -> str:
    """Return the text that one event of a stream adds to the first choice."""
    if data == b"[DONE]":
        return ""
    first = (choice for choice in _texts_in(data).choices or () if choice.index == 0)
    return "".join(map(_text, first))


def _prompt(parameters: Parameters, most: int) -> str:
    found = [(name, parameters.pop(name)) for name in _PROMPTS if name in parameters]
    if not found:
        raise InputError("there is nothing to answer: give `prompt` or `messages`", param="prompt")
    name, value = found[0]
    return checked_text(value, name, most)


def _check_message(message: object, number: int, most: int) -> None:
    where = f"messages[{number}]"
    if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
        raise InputError(f"`{where}` must be a mapping with a `role`", param=where)
    content = message.get("content")
    if isinstance(content, str):
        checked_text(content, f"{where}.content", most)
    elif isinstance(content, Sequence):
        for part in content:
            if isinstance(part, Mapping) and isinstance(part.get("text"), str):
                checked_text(part["text"], f"{where}.content", most)
    elif content is not None:
        kind = type(content).__name__
        raise InputError(f"`{where}.content` must be a string or parts, not {kind}", param=where)


def _text(choice: _Choice) -> str:
    message = choice.message or choice.delta
    if message is None:
        return choice.text or ""
    content = message.get("content")
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(part for part in parts if isinstance(part, str))
    spoken = content if isinstance(content, str) else message.get("refusal")
    return spoken if isinstance(spoken, str) else ""
