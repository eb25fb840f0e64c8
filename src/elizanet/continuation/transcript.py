"""What a stream has said so far, as far as going on elsewhere needs it."""

from __future__ import annotations

from typing import Any, Final

from elizanet.call import Call, Event
from elizanet.continuation.chunks import IDENTITY, piece_in, values_in
from elizanet.continuation.request import can_be_continued, prefilled, stop_sequences

MOST_REMEMBERED: Final = 1 << 20
"""Characters of a text that are kept; a longer one cannot be continued."""


class Transcript:
    """Follows one stream; `take` is given every event that the caller was given, in order.

    Only an answer of plain text can be continued: one choice, no tool call, no refusal, no
    logprobs, nothing that we do not know. Reasoning may be in it; it is not remembered.
    """

    __slots__ = ("_call", "_over", "_pieces", "_size", "identity", "usage")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._pieces: list[str] = []
        self._size = 0
        self._over = False  # finished, or nothing that could be continued
        self.identity: dict[str, Any] = {}
        """The values that the first event had for `IDENTITY`."""
        self.usage: dict[str, Any] | None = None
        """The usage that was told last."""

    def __repr__(self) -> str:
        return f"<Transcript characters={self._size} {'over' if self._over else 'open'}>"

    def take(self, event: Event) -> None:
        """Remember what the event says."""
        if self._over or not event.data:
            return
        try:
            piece = piece_in(event.data)
        except ValueError:
            piece = None
        if piece is None or not piece.is_plain or piece.is_finished:
            self._end()
            return
        self.usage = piece.usage or self.usage
        if piece.has_choices and not self.identity:
            try:
                self.identity = values_in(event.data, *IDENTITY)
            except ValueError:  # a byte that is no UTF-8, where nobody looked before
                self._end()
                return
        if piece.text:
            self._pieces.append(piece.text)
            self._size += len(piece.text)
            if self._size > MOST_REMEMBERED:
                self._end()

    @property
    def said(self) -> str:
        """The text so far; a character whose halves came apart is whole again."""
        text = "".join(self._pieces)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")

    @property
    def continuable(self) -> bool:
        """Whether another target could go on with this answer."""
        return not self._over and can_be_continued(self._call) and self._ends_well()

    def prefilled(self, call: Call) -> Call:
        """Return the call with what was said as the beginning of the assistant's message.

        Without white space at its end, which some targets refuse there; with nothing said,
        the call as it is. Only for a `continuable` transcript.
        """
        shown = self.said.rstrip()
        return prefilled(call, shown) if shown else call

    def restarted(self, call: Call) -> Call:
        """Return the call as it is: its answer is compared with what was said."""
        return call

    def _ends_well(self) -> bool:
        """Neither inside a character, nor where a stop sequence may have begun."""
        said = self.said
        if not said.isascii() and any("\ud800" <= character <= "\udfff" for character in said):
            return False
        shown = said.rstrip()
        begun = (s[:end] for s in stop_sequences(self._call) for end in range(1, len(s)))
        return not any(shown.endswith(beginning) for beginning in begun)

    def _end(self) -> None:
        self._over = True
        self._pieces.clear()
