"""One whole answer, asked for as a stream: a provider that is silent is noticed early.

`asking_for_stream` changes the request, `Fold` puts the chunks together as OpenAI would have
answered, and `FoldedAnswer` is the answer. A stream that breaks is a failure, never a short
answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec

from elizanet.call import Answer, Call, Event, EventKind, Head
from elizanet.classify import verdict_for
from elizanet.errors import FailureClass, ProviderError
from elizanet.json_fields import JsonField, decode_loosely
from elizanet.operation import Operation
from elizanet.providers.deltas import Json, merged, updated
from elizanet.providers.usage import asking_for_usage

_FOLDED: Final = frozenset({Operation.CHAT, Operation.COMPLETION})
_STREAM: Final = JsonField("stream")
_OF_A_STREAM: Final = frozenset({"content-type", "content-length", "transfer-encoding"})
_JSON: Final = ("content-type", "application/json")

MAX_FOLDED_BYTES: Final = 128 << 20
"""Largest stream of one answer in bytes (128 MiB)."""

_CHUNK: Final = "chat.completion.chunk"
_ADDED: Final = ("text", "logprobs")
"""What every chunk adds to, beside the delta; of the other fields the last value holds."""

_PROGRESS: Final = Event(b"", b"", EventKind.PROGRESS)

_decode_object = msgspec.json.Decoder(Json).decode


class _Request(msgspec.Struct):
    modalities: Any = None
    audio: Any = None
    best_of: Any = None


_decode_request = msgspec.json.Decoder(_Request).decode


def can_be_folded(call: Call) -> bool:
    """Tell whether the whole answer can be put together from a stream.

    Sound comes in another format as a stream, and `best_of` has no stream.
    """
    if call.stream or call.operation not in _FOLDED:
        return False
    try:
        asked = _decode_request(call.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return not asked.audio and asked.modalities in (None, ["text"]) and asked.best_of in (None, 1)


def asking_for_stream(body: bytes) -> bytes:
    """Return the request, asking for a stream that tells its usage.

    Raises `ValueError` for a body that is not a JSON object.
    """
    return asking_for_usage(_STREAM.put(body, b"true"))


class Fold:
    """Puts the chunks of one stream together."""

    __slots__ = ("_choices", "_fields")

    def __init__(self) -> None:
        self._fields: Json = {}
        self._choices: dict[int, Json] = {}

    def __repr__(self) -> str:
        return f"<Fold choices={len(self._choices)}>"

    def take(self, data: bytes) -> None:
        """Add the data of an event that `ChatState` could read."""
        if not data.startswith(b"{"):  # a comment, or `[DONE]`
            return
        chunk = decode_loosely(data, _decode_object, Json)
        for choice in chunk.pop("choices", None) or ():
            self._add(choice)
        updated(self._fields, chunk)

    def body(self) -> bytes:
        """Return the answer as one body."""
        fields = dict(self._fields)
        if fields.get("object") == _CHUNK:
            fields["object"] = "chat.completion"
        usage = {"usage": fields.pop("usage")} if "usage" in fields else {}
        choices = [_finished(self._choices[index]) for index in sorted(self._choices)]
        whole = {**fields, "choices": choices, **usage}
        try:
            return msgspec.json.encode(whole, enc_hook=str)
        except UnicodeEncodeError:  # the halves of a character that came apart, as escapes
            return json.dumps(whole, default=str, separators=(",", ":")).encode()

    def _add(self, choice: Json) -> None:
        index = choice.pop("index", 0)
        known = self._choices.setdefault(index, {"index": index})
        delta = choice.pop("delta", None)
        if delta is not None:
            known["message"] = merged(known.get("message", {}), delta)
        merged(known, {name: choice.pop(name) for name in _ADDED if name in choice})
        updated(known, choice)


def _finished(choice: Json) -> Json:
    """Return a choice as it is in a whole answer."""
    message = choice.get("message")
    if message is None:
        return choice
    for call in message.get("tool_calls") or ():
        if isinstance(call, dict):
            call.pop("index", None)
    instead = any(message.get(name) for name in ("tool_calls", "function_call", "refusal"))
    content = message.pop("content", None)
    role = message.pop("role", None) or "assistant"
    told = None if instead and not content else content
    return {**choice, "message": {"role": role, "content": told, **message}}


class FoldedAnswer:
    """A whole answer that arrives as a stream.

    Every event upstream that brings something is one of progress here, without bytes; what
    only keeps the stream alive is none. The last event is the body. `check` raises
    `ProviderError` for a body that does not answer the call.
    """

    __slots__ = ("_answer", "_check", "_fold", "_is_told", "_left", "head")

    def __init__(self, answer: Answer, check: Callable[[bytes], None]) -> None:
        head = answer.head
        kept = tuple(field for field in head.headers if field[0] not in _OF_A_STREAM)
        self.head = Head(head.status, (*kept, _JSON), head.provider, head.model)
        self._answer = answer
        self._check = check
        self._fold = Fold()
        self._left = MAX_FOLDED_BYTES
        self._is_told = False

    def __repr__(self) -> str:
        return f"<FoldedAnswer {self._fold!r} of {self._answer!r}>"

    async def next(self) -> Event | None:
        """Return what comes next, None after the body. Raises `ProviderError` if it breaks."""
        while not self._is_told:
            event = await self._answer.next()
            if event is None:
                return self._whole()
            self._take(event)
            if event.kind is not EventKind.PREAMBLE:
                return _PROGRESS
        return None

    async def aclose(self) -> None:
        self._is_told = True
        await self._answer.aclose()

    def _take(self, event: Event) -> None:
        self._left -= len(event.raw)
        if self._left < 0:
            message = f"a stream of more than {MAX_FOLDED_BYTES} bytes for one answer"
            raise ProviderError(message, verdict_for(FailureClass.MALFORMED_RESPONSE))
        self._fold.take(event.data)

    def _whole(self) -> Event:
        self._is_told = True
        body = self._fold.body()
        self._check(body)
        return Event(body, body, EventKind.CONTENT)
