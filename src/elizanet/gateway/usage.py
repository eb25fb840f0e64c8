"""The tokens that an answer says it has cost."""

from __future__ import annotations

import msgspec

_KEY = b'"usage"'


class _Usage(msgspec.Struct):
    total_tokens: int | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class _Counted(msgspec.Struct):
    """A whole answer or an event, or the event that holds a whole response."""

    usage: _Usage | None = None
    response: _Counted | None = None


_decode = msgspec.json.Decoder(_Counted).decode


def tokens_used(data: bytes) -> int | None:
    """Return the tokens of a whole answer or of an event, None if it does not tell."""
    if _KEY not in data:
        return None
    try:
        told = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    usage = told.usage or (told.response.usage if told.response is not None else None)
    if usage is None:
        return None
    if usage.total_tokens is not None:
        return usage.total_tokens
    asked, answered = usage.prompt_tokens, usage.completion_tokens
    return (asked + answered + usage.input_tokens + usage.output_tokens) or None
