"""A host's parameters, reduced to what a model call understands.

Agents put all kinds of things beside the prompt: the runtime itself, callbacks, sampling
parameters that only some providers know. A fallback must not fail because of those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from elizanet.model_types import OBJECT, TEXT, ModelType
from elizaos_plugin_elizanet_fallback.names import TOKENIZERS, key_of

Request = dict[str, object]

_COMMON: Final = frozenset({"model", "modelName", "model_name", "user"})
_TEXTUAL: Final = _COMMON | {
    *("prompt", "input", "text", "messages", "system"),
    *("maxTokens", "max_tokens", "maxOutputTokens", "max_output_tokens"),
    *("maxCompletionTokens", "max_completion_tokens"),
    *("temperature", "topP", "top_p", "seed", "stop", "stopSequences", "stop_sequences"),
    *("frequencyPenalty", "frequency_penalty", "presencePenalty", "presence_penalty"),
    *("reasoningEffort", "reasoning_effort", "logitBias", "logit_bias"),
    *("tools", "toolChoice", "tool_choice", "responseFormat", "response_format"),
}
_OBJECT: Final = (_TEXTUAL | {"schema"}) - {"responseFormat", "response_format"}
_EMBEDDING: Final = _COMMON | {"text", "texts", "input", "dimensions"}
_IMAGE: Final = _COMMON | {
    *("prompt", "size", "count", "n", "quality", "style", "background"),
    *("outputFormat", "output_format", "responseFormat", "response_format"),
}
_TOKENIZER: Final = frozenset(
    {"prompt", "text", "input", "tokens", "model", "modelType", "model_type"}
)


def request_for(kind: ModelType, given: object, system: str | None) -> Request | str | None:
    """Return the parameters of `Elizanet.use_model`; `system` is the character's prompt."""
    if given is None or isinstance(given, str):
        return _of_text(given, kind, system)
    if not isinstance(given, Mapping):
        return {"prompt": given}  # which the library refuses by its name
    if not given and kind is ModelType.TEXT_EMBEDDING:
        return None  # how this host passes a null on
    known = _known(kind)
    request = {name: _plain(value) for name, value in given.items() if name in known}
    if kind in OBJECT:
        _add_schema(request, given)
    if kind in TEXT:
        _add_system(request, system)
        _spell_out_format(request)
    return request


def prompt_in(given: object) -> str:
    """Return the words of a call, for people to recognise it by."""
    if isinstance(given, str):
        return given
    if not isinstance(given, Mapping):
        return ""
    for name in ("prompt", "input", "text"):
        if isinstance(given.get(name), str):
            return str(given[name])
    messages = given.get("messages")
    last = messages[-1] if isinstance(messages, Sequence) and messages else None
    content = last.get("content") if isinstance(last, Mapping) else None
    return content if isinstance(content, str) else ""


def words_in(request: Request | str | None) -> str:
    """Return all the words of a request, for their tokens to be estimated."""
    if not isinstance(request, dict):
        return request or ""
    messages = request.get("messages")
    said = messages if isinstance(messages, Sequence) and not isinstance(messages, str) else ()
    contents = [message.get("content") for message in said if isinstance(message, Mapping)]
    texts = [*(request.get(name) for name in ("system", "prompt", "input", "text")), *contents]
    return "\n".join(text for text in texts if isinstance(text, str))


def _known(kind: ModelType) -> frozenset[str]:
    if kind in OBJECT:
        return _OBJECT
    if kind in TEXT:
        return _TEXTUAL
    if kind in TOKENIZERS:
        return _TOKENIZER
    return _IMAGE if kind is ModelType.IMAGE else _EMBEDDING


def _plain(value: object) -> object:
    """Return a host's enum as its value."""
    return key_of(value) if isinstance(value, str) else value


def _of_text(given: str | None, kind: ModelType, system: str | None) -> Request | str | None:
    if given is None or kind not in TEXT or system is None:
        return given
    return {"prompt": given, "system": system}


def _add_system(request: Request, system: str | None) -> None:
    if system is not None and "messages" not in request and request.get("system") is None:
        request["system"] = system


def _add_schema(request: Request, given: Mapping[str, object]) -> None:
    """Say in a schema what the host says with `output` and `enumValues`."""
    values = given.get("enumValues", given.get("enum_values"))
    if given.get("output") == "enum" and isinstance(values, Sequence):
        request["schema"] = {"enum": list(values)}
    elif given.get("output") == "array":
        items = request.get("schema")
        request["schema"] = {"type": "array", "items": {} if items is None else items}


def _spell_out_format(request: Request) -> None:
    """Turn `responseFormat: "json_object"`, which the host allows, into what the API takes."""
    for name in ("responseFormat", "response_format"):
        if isinstance(request.get(name), str):
            request[name] = {"type": request[name]}
