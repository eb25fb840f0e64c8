"""Whether the answer to a request can be continued at all, and the request that does it."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from elizanet.call import Call
from elizanet.json_fields import JsonField
from elizanet.operation import Operation
from elizanet.tokens.estimate import estimate

_MESSAGES: Final = JsonField("messages")
_PROMPT: Final = JsonField("prompt")
_LIMITS: Final = (JsonField("max_tokens"), JsonField("max_completion_tokens"))

_NO_TEXT: Final = ("guided_json", "guided_regex", "guided_choice", "guided_grammar",
                   "structured_outputs", "grammar", "json_schema", "logprobs", "top_logprobs",
                   "audio", "echo", "suffix")  # fmt: skip
"""Fields that ask for more than plain text, or for text of a form that a seam could break."""


class _Request(msgspec.Struct):
    n: Any = None
    best_of: Any = None
    stop: Any = None
    response_format: Any = None
    modalities: Any = None
    messages: Any = None
    prompt: Any = None


_decode_request = msgspec.json.Decoder(_Request).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NOTHING: Final = frozenset({b"null", b"false", b"0", b'""', b"[]", b"{}"})


def can_be_continued(call: Call) -> bool:
    """Tell whether the answer will be one plain text that another target could go on with."""
    if not call.stream or call.operation not in {Operation.CHAT, Operation.COMPLETION}:
        return False
    try:
        request, fields = _decode_request(call.body), _decode_fields(call.body)
    except ValueError:
        return False
    if any(bytes(fields[name]) not in _NOTHING for name in _NO_TEXT if name in fields):
        return False
    one = request.n in {None, 1} and request.best_of in {None, 1}
    return one and _is_text(request) and _can_be_prefilled(call, request)


def stop_sequences(call: Call) -> tuple[str, ...]:
    """Return the texts at which the answer is to stop."""
    stop = _decode_request(call.body).stop
    given = stop if isinstance(stop, list) else [stop]
    return tuple(text for text in given if isinstance(text, str))


def prefilled(call: Call, said: str) -> Call:
    """Return the call with `said` as what the assistant has begun to answer.

    The limits on the length of the answer shrink by an estimate of what was said, four bytes
    a token: the whole may be somewhat longer or shorter than the caller allowed, and ends
    with the finish reason `length` in either case.
    """
    text = msgspec.json.encode(said)
    if call.operation is Operation.CHAT:
        addition = b',{"role":"assistant","content":%b}' % text
        body = _put_at_end(_MESSAGES, call.body, addition)
    else:
        body = _put_at_end(_PROMPT, call.body, text[1:-1])
    for limit in _LIMITS:
        allowed = limit.value(body)
        if isinstance(allowed, int) and allowed > 1:
            left = max(1, allowed - estimate(said.encode()))
            body = limit.replaced(body, b"%d" % left)
    return replace(call, body=body)


def _put_at_end(field: JsonField, body: bytes, addition: bytes) -> bytes:
    """Put bytes before the last one of the value: inside the list, inside the string."""
    (place,) = field.places(body)
    return body[: place.end - 1] + addition + body[place.end - 1 :]


def _is_text(request: _Request) -> bool:
    wanted = request.response_format
    plain = wanted is None or (isinstance(wanted, dict) and wanted.get("type") == "text")
    return plain and request.modalities in (None, ["text"])


def _can_be_prefilled(call: Call, request: _Request) -> bool:
    """Tell whether there is one place where what was said belongs."""
    if call.operation is Operation.COMPLETION:
        return isinstance(request.prompt, str) and len(_PROMPT.places(call.body)) == 1
    messages = request.messages
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        return False
    if len(_MESSAGES.places(call.body)) != 1:
        return False
    return messages[-1].get("role") != "assistant"  # then the caller has begun it already
