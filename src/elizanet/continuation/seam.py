"""Joins the stream of a second target to the one that broke.

UNDECIDED -> REPEATING -> JOINED. Undecided events are held back until `begins_at` can tell
where the new text begins; what it repeats is compared with the old text, and dropped; then
every event passes under the identity of the first stream. A restart begins in REPEATING.
"""

from __future__ import annotations

from typing import Any

from elizanet.call import Event, EventKind
from elizanet.continuation.chunks import (
    Piece,
    added,
    choices_with_text,
    piece_in,
    rewritten,
    values_in,
)
from elizanet.continuation.joint import SeamError, begins_at
from elizanet.continuation.transcript import Transcript


class Seam:
    """Give it the events of the new stream; it returns those that the caller gets.

    `restarted`: the new stream answers the call as it was, so it has to say everything again.
    """

    __slots__ = ("_expected", "_heard", "_held", "_identity", "_is_decided", "_matched", "_said",
                 "_usage")  # fmt: skip

    def __init__(self, transcript: Transcript, *, restarted: bool) -> None:
        self._said = transcript.said
        self._identity = transcript.identity
        self._usage = transcript.usage
        self._held: list[tuple[Event, Piece]] = []
        self._heard = b""  # the text of the events held back
        self._is_decided = restarted
        self._expected = _units(self._said)  # the old text from where the new one begins
        self._matched = 0  # bytes of it that have been said again

    def __repr__(self) -> str:
        if not self._is_decided:
            return f"<Seam undecided held={len(self._held)}>"
        return f"<Seam repeated={self._matched // 2} of {len(self._expected) // 2}>"

    def take(self, event: Event) -> list[Event]:
        """Return what the caller gets for this event.

        Raises `SeamError` if the new stream says something else than what was already sent.
        """
        try:
            piece = piece_in(event.data)
        except ValueError:
            raise SeamError("the new stream sent an event that cannot be read") from None
        if piece is None:  # a comment, or `[DONE]`
            return [*(self.finish() if event.data else ()), event]
        if piece.refuses or piece.is_several:
            raise SeamError("the new stream refuses, or gives several answers")
        if piece.is_silent:
            return []
        if self._is_decided:
            return self._passed(event, piece)
        self._held.append((event, piece))
        self._heard += _units(piece.text)
        return self._decided(final=piece.is_finished or not piece.is_plain)

    def finish(self) -> list[Event]:
        """Return what was held back, at the end of the new stream.

        Raises `SeamError` if it ended before it had said what was already sent.
        """
        events = [] if self._is_decided else self._decided(final=True)
        self._check_complete()
        return events

    def _decided(self, *, final: bool) -> list[Event]:
        """Return the events held back, once it can be told where the new text begins."""
        heard = self._heard.decode("utf-16-le", "surrogatepass")
        if not final and "\ud800" <= heard[-1:] <= "\udbff":
            heard = heard[:-1]  # half a character; the other half is on its way
        place = begins_at(self._said, heard, final=final)
        if place is None:
            return []
        self._is_decided = True
        self._expected = _units(self._said[place:])
        held, self._held = self._held, []
        return [passed for event, piece in held for passed in self._passed(event, piece)]

    def _passed(self, event: Event, piece: Piece) -> list[Event]:
        """Return the event as the caller gets it, or nothing if all of it is known."""
        text = self._new_text(piece.text)
        ends = piece.is_finished or not piece.is_plain
        if ends:
            self._check_complete()
        elif piece.has_choices and not text:
            return []
        changes = self._renamed(event.data)
        if piece.once or text != piece.text:
            changes["choices"] = choices_with_text(event.data, text)
        if piece.usage and self._usage:
            changes["usage"] = added(self._usage, piece.usage)
        if not changes:
            return [event]
        is_end = event.kind is EventKind.CONTENT and piece.is_plain and not text
        return [rewritten(event, changes, EventKind.END if is_end else event.kind)]

    def _renamed(self, data: bytes) -> dict[str, Any]:
        """Return what has to change for the event to be one of the first stream."""
        own = values_in(data, *self._identity)
        return {name: self._identity[name] for name in own if own[name] != self._identity[name]}

    def _new_text(self, said: str) -> str:
        """Return what the caller does not know yet. Raises `SeamError` for a difference."""
        units = _units(said)
        known = self._expected[self._matched : self._matched + len(units)]
        if units[: len(known)] != known:
            raise SeamError("the new answer differs from what was already sent")
        self._matched += len(known)
        return units[len(known) :].decode("utf-16-le", "surrogatepass")

    def _check_complete(self) -> None:
        if self._matched < len(self._expected):
            raise SeamError("the new answer ended before what was already sent")


def _units(text: str) -> bytes:
    """Return a text in UTF-16: halves of a character that came apart are whole again."""
    return text.encode("utf-16-le", "surrogatepass")
