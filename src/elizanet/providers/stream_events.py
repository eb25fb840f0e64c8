"""What the events of an OpenAI stream mean, and whether the stream reached its end.

A stream is whole when every choice that began has a finish reason; `[DONE]` alone does not
prove it, because gateways send it after an error too. A broken JSON event is skipped while
the stream otherwise goes on; three in a row are a broken stream.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

import msgspec

from elizanet.call import EventKind
from elizanet.json_fields import decode_loosely
from elizanet.providers.shapes import explains_silence, is_empty
from elizanet.sse import SseEvent

DONE: Final = b"[DONE]"
BROKEN_EVENTS_IN_A_ROW: Final = 3
_PROVIDER_GAVE_UP: Final = "error"


class _Choice(msgspec.Struct):
    index: int = 0
    delta: dict[str, Any] | None = None
    text: str | None = None
    finish_reason: Any = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    error: Any = None
    object: Any = None
    usage: Any = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode


class Trouble(Enum):
    """Why an event ends the stream."""

    ERROR = "an error event"
    BROKEN = "three broken events in a row"


class Follower:
    """Follows one stream; `read` says what each event is. It does no I/O.

    `has_content`: an event brought something that a reader would miss. `skipped` counts the
    events that could not be read.
    """

    __slots__ = ("_broken_in_a_row", "has_content", "skipped")

    def __init__(self) -> None:
        self._broken_in_a_row = 0
        self.has_content = False
        self.skipped = 0

    @property
    def has_begun(self) -> bool:
        """An answer was begun."""
        raise NotImplementedError

    @property
    def is_finished(self) -> bool:
        """The provider has said that the answer is at its end."""
        raise NotImplementedError

    @property
    def is_whole(self) -> bool:
        """The stream is finished, and not empty without a reason."""
        raise NotImplementedError

    @property
    def is_whole_if_cut(self) -> bool:
        """So it is even if the connection does not end in order."""
        return self.is_whole

    @property
    def is_over(self) -> bool:
        """Nothing of the answer can follow, though the stream may go on a little."""
        return False

    def read(self, event: SseEvent) -> EventKind | Trouble | None:
        """Say what the event is; None means: broken, skip it."""
        raise NotImplementedError

    def shown(self, event: SseEvent, show: Callable[[bytes], bytes]) -> bytes:
        """Return the payload of the last event; where it tells of a failure, as `show` has that."""
        del show
        return event.data

    def error_in(self, event: SseEvent) -> bytes:
        """Return what an error event says, as the body of an error."""
        return event.data

    def _broken(self) -> Trouble | None:
        self.skipped += 1
        self._broken_in_a_row += 1
        return Trouble.BROKEN if self._broken_in_a_row >= BROKEN_EVENTS_IN_A_ROW else None


class StreamState(Follower):
    """Follows a stream of chat chunks, or of completions."""

    __slots__ = ("_finished", "_silence_explained")

    def __init__(self) -> None:
        super().__init__()
        self._finished: dict[int, bool] = {}
        self._silence_explained = False

    def __repr__(self) -> str:
        open_choices = [index for index, finished in self._finished.items() if not finished]
        return (
            f"<StreamState content={self.has_content} choices={len(self._finished)} "
            f"unfinished={open_choices} skipped={self.skipped}>"
        )

    @property
    def has_begun(self) -> bool:
        """At least one choice has been mentioned."""
        return bool(self._finished)

    @property
    def is_finished(self) -> bool:
        """Every choice that began has its finish reason."""
        return self.has_begun and all(self._finished.values())

    @property
    def is_whole(self) -> bool:
        """The stream is finished, and not empty without a reason."""
        return self.is_finished and (self.has_content or self._silence_explained)

    def read(self, event: SseEvent) -> EventKind | Trouble | None:
        """Say what the event is; None means: broken, skip it."""
        data = event.data
        if not data:
            return EventKind.PREAMBLE
        if data == DONE:
            return EventKind.END
        try:
            chunk = _decode_chunk(data)
        except (ValueError, RecursionError):
            try:
                chunk = decode_loosely(data, _decode_chunk, _Chunk)
            except ValueError:
                return self._broken()
        self._broken_in_a_row = 0
        if chunk.error or chunk.object == "error" or event.name == b"error":
            return Trouble.ERROR
        return self._kind(chunk)

    def _kind(self, chunk: _Chunk) -> EventKind | Trouble:
        kind = EventKind.END if chunk.usage else EventKind.PREAMBLE
        for choice in chunk.choices or ():
            reason, delta = choice.finish_reason, choice.delta
            if not reason:
                self._finished.setdefault(choice.index, False)
            elif reason == _PROVIDER_GAVE_UP:
                return Trouble.ERROR
            else:
                self._finished[choice.index] = True
                self._silence_explained |= explains_silence(reason)
                kind = EventKind.END if kind is EventKind.PREAMBLE else kind
            if choice.text or (delta and not is_empty(delta)):
                self.has_content = True
                kind = EventKind.CONTENT
        return kind
