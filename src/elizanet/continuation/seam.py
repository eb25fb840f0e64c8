"""Joins the stream of a second target to the one that broke.

UNDECIDED -> REPEATING -> JOINED. Undecided events are held back until `begins_at` can tell
where the new text begins; what it repeats is compared with the old text, and dropped; then
every event passes under the identity of the first stream. A restart begins in REPEATING.
"""

from __future__ import annotations

from elizanet.call import Event, EventKind
from elizanet.continuation.chunks import (
    Chunk,
    added,
    choices_with_text,
    chunk_in,
    fields_in,
    rewritten,
    value_of,
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
        self._held: list[tuple[Event, Chunk]] = []
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
            chunk = chunk_in(event.data)
        except ValueError:
            raise SeamError("the new stream sent an event that cannot be read") from None
        if chunk is None:  # a comment, or `[DONE]`
            return [*(self.finish() if event.data else ()), event]
        if chunk.refuses or chunk.is_several:
            raise SeamError("the new stream refuses, or gives several answers")
        if chunk.is_silent:
            return []
        if self._is_decided:
            return self._passed(event, chunk)
        self._held.append((event, chunk))
        self._heard += _units(chunk.said)
        return self._decided(final=chunk.is_finished or not chunk.is_plain)

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
        return [passed for event, chunk in held for passed in self._passed(event, chunk)]

    def _passed(self, event: Event, chunk: Chunk) -> list[Event]:
        """Return the event as the caller gets it, or nothing if all of it is known."""
        text = self._new_text(chunk.said)
        ends = chunk.is_finished or not chunk.is_plain
        if ends:
            self._check_complete()
        if chunk.choices and not text and not ends:
            return []
        fields = fields_in(event.data)
        changed = {
            n: v for n, v in self._identity.items() if n in fields and value_of(fields, n) != v
        }
        if text != chunk.said or chunk.has_role_or_reasoning:
            changed["choices"] = choices_with_text(fields, text)
        if chunk.usage and self._usage:
            changed["usage"] = added(self._usage, chunk.usage)
        if not changed:
            return [event]
        is_end = event.kind is EventKind.CONTENT and chunk.is_plain and not text
        return [rewritten(event, fields | changed, EventKind.END if is_end else event.kind)]

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
