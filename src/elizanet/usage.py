"""The tokens of an answer: as its provider counted them, or estimated here.

Three ways, by what they cost. `usage_in` reads what a provider tells, in any of its spellings.
`UsageMeter` follows an answer on the hot path, for some tenths of a microsecond an event, and
estimates what is not told. `counted_usage` counts exactly, with the tokenizer: some
milliseconds, and for long texts in a thread.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from elizanet import tokens
from elizanet.call import Event, EventKind, Usage
from elizanet.operation import Operation
from elizanet.tokens.estimate import BYTES_A_TOKEN, estimate, estimate_answer

_Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)] | None
"""What a provider says beyond that is no count of tokens, and none of it is believed."""


class _Told(msgspec.Struct):
    """Chat and embeddings say `prompt`, responses and transcriptions `input`."""

    prompt_tokens: _Count = None
    completion_tokens: _Count = None
    input_tokens: _Count = None
    output_tokens: _Count = None
    total_tokens: _Count = None


_NOTHING_TOLD: Final = _Told()


class _Response(msgspec.Struct):
    usage: _Told | None = None


class _Usual(msgspec.Struct):
    usage: _Told | None = None
    response: _Response | None = None
    """In the stream of a response, what its last event is about."""


class _Odd(msgspec.Struct):
    """The same, where `response` may be anything."""

    usage: _Told | None = None


__all__ = ["Usage", "UsageMeter", "counted_usage", "total_of", "usage_in"]

_decode: Final = msgspec.json.Decoder(_Usual).decode
_decode_odd: Final = msgspec.json.Decoder(_Odd).decode
_KEY: Final = b'"usage"'

_TEXTS: Final = frozenset({Operation.CHAT, Operation.COMPLETION, Operation.RESPONSE})
_TEXT_ASKED: Final = frozenset({Operation.EMBEDDING, Operation.MODERATION})
"""Answered with numbers, which are no tokens."""


def usage_in(data: bytes) -> Usage | None:
    """Return the usage in a whole answer, or in one event of a stream; None if there is none."""
    if _KEY not in data:
        return None
    try:
        told = _told_in(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if told is None:
        return None
    if told == _NOTHING_TOLD:  # a transcription's seconds, say
        return None
    asked = told.prompt_tokens or told.input_tokens or 0
    answered = told.completion_tokens or told.output_tokens or 0
    return Usage(asked, answered, told.total_tokens or asked + answered)


def _told_in(data: bytes) -> _Told | None:
    """Return the usage as it stands there. Raises what msgspec does."""
    try:
        counted = _decode(data)
    except msgspec.ValidationError:
        return _decode_odd(data).usage
    if counted.usage is None and counted.response is not None:
        return counted.response.usage
    return counted.usage


def total_of(parts: Sequence[Usage]) -> Usage | None:
    """Return the sum of what several attempts took, None if nothing was counted."""
    if len(parts) < 2:  # noqa: PLR2004 -- nearly always there is one
        return parts[0] if parts else None
    return Usage(
        sum(part.prompt_tokens for part in parts),
        sum(part.completion_tokens for part in parts),
        sum(part.total_tokens for part in parts),
        any(part.estimated for part in parts),
    )


def counted_usage(asked: str, answered: str, model: str) -> Usage:
    """Return the tokens of two texts, counted as `model` reads them: off the hot path."""
    prompt, completion = tokens.count(asked, model), tokens.count(answered, model)
    return Usage(prompt, completion, prompt + completion, estimated=True)


class UsageMeter:
    """Follows one answer; `take` is given every event of it.

    `streamed`: the answer comes as many events, most of which are a token; else it is one.
    """

    __slots__ = ("_bytes", "_contents", "_last", "_operation", "_shortest", "_streamed", "_told")

    def __init__(self, operation: Operation, *, streamed: bool) -> None:
        self._operation = operation
        self._streamed = streamed
        self._told: Usage | None = None
        self._last = b""
        self._contents = 0
        self._bytes = 0
        self._shortest = sys.maxsize

    def __repr__(self) -> str:
        return f"<UsageMeter contents={self._contents} told={self._told}>"

    def take(self, event: Event) -> None:
        """Count the event, and read the usage if it tells it; what is told last holds."""
        data = event.data
        if event.kind is not EventKind.CONTENT:
            if _KEY in data:
                self._told = usage_in(data) or self._told_so_far()
                self._last = b""
            return
        # Looking for the usage in each of them would cost more than all the rest.
        self._last = data
        size = len(data)
        self._contents += 1
        self._bytes += size
        if size < self._shortest:  # noqa: PLR1730 -- min costs as much as the rest
            self._shortest = size

    def usage(self, request: bytes) -> Usage | None:
        """Return the usage that was told, or else an estimate; `request` is the body.

        None for pictures and sound: how many tokens they are, only their provider knows.
        """
        told = self._told_so_far()
        if told is not None:
            return told
        if self._operation in _TEXTS:
            prompt, completion = estimate(request), self._estimated()
        elif self._operation in _TEXT_ASKED:
            prompt, completion = estimate(request), 0
        else:
            return None
        return Usage(prompt, completion, prompt + completion, estimated=True)

    def _told_so_far(self) -> Usage | None:
        return usage_in(self._last) or self._told

    def _estimated(self) -> int:
        """Every event is a token, or more where their texts are longer than the shortest."""
        if not self._streamed:
            return estimate_answer(self._last)
        longer = self._bytes - self._contents * self._shortest
        return max(self._contents, longer // BYTES_A_TOKEN)
