"""Streams whose events say by a `type` what they are: responses, images, audio.

A stream of this kind is whole when its final event has come. What an operation's events mean
is a table; a type that no table knows is content, because a reader might miss it. Some
providers stream transcripts as chat chunks, or as bare texts; those are read as what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from elizanet.call import EventKind
from elizanet.json_fields import JsonField, decode_mended, mended
from elizanet.operation import Operation
from elizanet.providers.stream_events import DONE, Follower, StreamState, Trouble
from elizanet.sse import SseEvent


class Grammar(msgspec.Struct, frozen=True):
    """The types of one operation's events.

    `final`: after it the answer is whole. `opening`: it announces what later events bring.
    `ends_at_final`: there is one final event; else more of the answer may follow one, and
    the end is that of the body. `may_be_bare`: events without a type occur.
    """

    final: frozenset[str]
    opening: frozenset[str] = frozenset()
    ends_at_final: bool = True
    may_be_bare: bool = False


GRAMMARS: Final[Mapping[Operation, Grammar]] = {
    Operation.RESPONSE: Grammar(
        final=frozenset({"response.completed", "response.incomplete", "response.failed"}),
        opening=frozenset(
            {
                "response.created",
                "response.queued",
                "response.in_progress",
                "response.output_item.added",
                "response.content_part.added",
                "response.reasoning_summary_part.added",
            }
        ),
    ),
    Operation.IMAGE: Grammar(frozenset({"image_generation.completed"}), ends_at_final=False),
    Operation.IMAGE_EDIT: Grammar(frozenset({"image_edit.completed"}), ends_at_final=False),
    Operation.SPEECH: Grammar(frozenset({"speech.audio.done"})),
    Operation.TRANSCRIPTION: Grammar(frozenset({"transcript.text.done"}), may_be_bare=True),
}
"""The operations with typed streams; those of all others are chat chunks."""

_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_FAILED: Final = frozenset({"error", "response.failed"})
_KEEP_ALIVE: Final = frozenset({"keepalive", "ping"})
_COMPLETED: Final = "response.completed"
_TELLING: Final = (JsonField("error"), JsonField("incomplete_details"))
"""What tells of a failure, in a final event or in its response."""
_RESPONSE: Final = JsonField("response")
_DONE: Final = ".done"


class _Event(msgspec.Struct):
    type: str = ""
    delta: Any = msgspec.UNSET
    error: Any = None
    choices: Any = None
    response: msgspec.Raw = msgspec.Raw(b"null")


class _Error(msgspec.Struct):
    """What an error says of itself: in an object of its own, or in the event."""

    error: Any = None
    message: Any = None
    code: Any = None
    param: Any = None


class _Outcome(msgspec.Struct):
    error: Any = None
    output: Any = None


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_error = msgspec.json.Decoder(_Error).decode
_decode_outcome = msgspec.json.Decoder(_Outcome).decode


def follower_for(operation: Operation) -> Follower:
    """Return what follows a stream of this operation."""
    grammar = GRAMMARS.get(operation)
    return StreamState() if grammar is None else TypedState(grammar)


class TypedState(Follower):
    """Follows a stream by its grammar."""

    __slots__ = ("_bare", "_chunks", "_empty", "_final", "_grammar", "_started", "_telling")

    def __init__(self, grammar: Grammar) -> None:
        super().__init__()
        self._grammar = grammar
        self._started = self._final = self._bare = self._empty = False
        self._chunks: StreamState | None = None
        self._telling: SseEvent | None = None

    def __repr__(self) -> str:
        state = "final" if self._final else "begun" if self._started else "new"
        return f"<TypedState {state} content={self.has_content} skipped={self.skipped}>"

    @property
    def has_begun(self) -> bool:
        return self._started

    @property
    def is_finished(self) -> bool:
        if self._chunks is not None:
            return self._chunks.is_finished
        return self._final or self._bare

    @property
    def is_whole(self) -> bool:
        if self._chunks is not None:
            return self._chunks.is_whole
        return self.is_finished and not self._empty

    @property
    def is_whole_if_cut(self) -> bool:
        return self.is_whole and (self.is_over or self._chunks is not None)

    @property
    def is_over(self) -> bool:
        return self._final and self._grammar.ends_at_final

    def read(self, event: SseEvent) -> EventKind | Trouble | None:
        """Say what the event is; None means: broken, skip it."""
        if not event.data:
            return EventKind.PREAMBLE
        if event.data == DONE:
            return EventKind.END
        try:
            decoded = decode_mended(event.data, _decode_event)
        except _UNREADABLE:
            return self._broken()
        self._broken_in_a_row = 0
        kind = decoded.type or event.name.decode("ascii", "replace")
        if self._chunks is not None or (self._grammar.may_be_bare and decoded.choices is not None):
            return self._read_chunk(event)
        if kind in _KEEP_ALIVE:
            return EventKind.PREAMBLE
        if kind in self._grammar.final and (decoded.error or kind != _COMPLETED):
            self._telling = event
        if decoded.error or kind in _FAILED:
            return self._failed(kind)
        self._started = True
        return self._read_typed(kind, decoded)

    def shown(self, event: SseEvent, show: Callable[[bytes], bytes]) -> bytes:
        """Return the payload, with what it tells of a failure as `show` has it."""
        if event is not self._telling:
            return event.data
        data = _shown_in(event.data, show)
        response = _RESPONSE.raw(data)
        if response is None or not response.startswith(b"{"):
            return data
        shown = _shown_in(response, show)
        return data if shown is response else _RESPONSE.replaced(data, shown)

    def error_in(self, event: SseEvent) -> bytes:
        """Return the error of a failed response, or of the event itself."""
        data = mended(event.data)
        decoded = _error(data)
        told = decoded.error or _outcome(_decode_event(data).response).error
        if told is None:
            told = {"message": decoded.message, "code": decoded.code, "param": decoded.param}
            told["type"] = decoded.code
        return msgspec.json.encode({"error": told})

    def _read_typed(self, kind: str, event: _Event) -> EventKind:
        grammar = self._grammar
        if kind in grammar.final:
            return self._ended(kind, event)
        if kind in grammar.opening:
            return EventKind.PREAMBLE
        if kind.endswith(_DONE):  # it repeats what the deltas brought
            return EventKind.END
        if event.delta is not msgspec.UNSET and not event.delta:
            return EventKind.PREAMBLE
        self._bare = self._bare or (not kind and grammar.may_be_bare)
        self.has_content = True
        return EventKind.CONTENT

    def _ended(self, kind: str, event: _Event) -> EventKind:
        self._final = True
        if not self._grammar.ends_at_final:  # such an event is itself what was asked for
            self.has_content = True
            return EventKind.CONTENT
        if kind == _COMPLETED and not self.has_content:
            self._empty = not _outcome(event.response).output
        return EventKind.END

    def _failed(self, kind: str) -> EventKind | Trouble:
        """A response that failed after its content has told so itself: that is its end."""
        if kind in self._grammar.final and self.has_content:
            self._final = True
            return EventKind.END
        return Trouble.ERROR

    def _read_chunk(self, event: SseEvent) -> EventKind | Trouble | None:
        self._chunks = self._chunks or StreamState()
        kind = self._chunks.read(event)
        self._started, self.has_content = True, self._chunks.has_content
        return kind


def _shown_in(fields: bytes, show: Callable[[bytes], bytes]) -> bytes:
    for field in _TELLING:
        told = field.raw(fields)
        if told is not None and (shown := show(told)) != told:
            fields = field.replaced(fields, shown)
    return fields


def _outcome(response: msgspec.Raw) -> _Outcome:
    try:
        return _decode_outcome(response)
    except _UNREADABLE:
        return _Outcome()


def _error(data: bytes) -> _Error:
    try:
        return _decode_error(data)
    except _UNREADABLE:
        return _Error()
