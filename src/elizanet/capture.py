"""What one call asked and was answered, for those who want that kept.

Only the beginning is kept, as the caller got it; secrets are taken out where it is stored.
"""

from __future__ import annotations

from typing import Final

from elizanet.call import Call, Event

MAX_CAPTURED_BYTES: Final = 64 << 10
"""Bytes of a request, and of an answer, that are kept (64 KiB)."""


class Captured:
    """The beginning of a request and of its answer; a form is sound or pictures: not kept."""

    __slots__ = ("_answer", "_request")

    def __init__(self, call: Call) -> None:
        self._request = call.body[:MAX_CAPTURED_BYTES] if call.form is None else b""
        self._answer = bytearray()

    def __repr__(self) -> str:
        return f"<Captured {len(self._request)} and {len(self._answer)} bytes>"

    @property
    def request(self) -> bytes:
        """What was asked."""
        return self._request

    @property
    def answer(self) -> bytes:
        """What was answered, so far."""
        return bytes(self._answer)

    def take(self, event: Event) -> None:
        """Keep an event of the answer, if there is room."""
        room = MAX_CAPTURED_BYTES - len(self._answer)
        if room > 0:
            self._answer += event.raw[:room]
