"""Server-sent events: bytes in any split to whole events, nothing lost and nothing unbounded.

The grammar is the WHATWG HTML standard's (section 9.2.6): lines end with CRLF, LF or CR, a
blank line ends an event, `:` starts a comment, a field's value loses one leading space. The
parser keeps the raw bytes of every block, comments too, so that what it read can be passed
on unchanged: the concatenation of all `raw` is the stream. It does no I/O.
"""

from __future__ import annotations

import re

import msgspec

MAX_EVENT_BYTES = 1 << 20
"""Largest event in bytes, its field names and terminator included (default 1 MiB)."""

_BLANK_LINE = re.compile(rb"(?>\r\n|\r|\n)(?>\r\n|\r|\n)")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONGEST_BLANK_LINE = 4


class SseError(ValueError):
    """A stream that breaks the bounds of this parser."""


class SseEvent(msgspec.Struct, frozen=True):
    """One block of a stream.

    `data` is the event's payload, its lines joined with LF; it is empty for a block that
    dispatches nothing (a comment, an `id:` alone). `name` is the `event:` field, or empty.
    """

    raw: bytes
    data: bytes
    name: bytes = b""


class SseParser:
    """Feed it chunks as they arrive; each call returns the events that became complete."""

    __slots__ = ("_buffer", "_first", "_has_cr", "_max", "_scanned")

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._has_cr = False
        self._first = True
        self._max = max_event_bytes

    def __repr__(self) -> str:
        return f"<SseParser pending={len(self._buffer)} bytes>"

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Take the next bytes. Raises `SseError` for an event over the bound."""
        if not self._buffer and self._is_one_event(chunk):
            return [SseEvent(chunk, chunk[6:-2])]
        self._has_cr = self._has_cr or b"\r" in chunk
        buffer = self._buffer
        buffer += chunk
        events: list[SseEvent] = []
        start = 0
        while (end := self._end_of_event(start)) > 1:
            self._check_size(end - start)
            events.append(self._event(bytes(buffer[start:end])))
            start = end
        del buffer[:start]
        self._check_size(len(buffer))
        # A blank line may still be completed by the next chunk: look at its first bytes again.
        self._scanned = max(0, len(buffer) - _LONGEST_BLANK_LINE + 1)
        return events

    def finish(self) -> SseEvent | None:
        """Return what came after the last complete event, as far as it is one.

        The standard drops an event without its blank line; some servers forget the last one,
        so the reader is given it to judge.
        """
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._scanned = 0
        return _parse(rest, rest) if rest else None

    def _is_one_event(self, chunk: bytes) -> bool:
        """Tell whether the bytes are one event of one line and nothing else, as most are."""
        return (
            chunk.startswith(b"data: ")
            and chunk.endswith(b"\n\n")
            and chunk.find(b"\n") == len(chunk) - 2
            and chunk.find(b"\r") < 0
            and not (self._first or self._has_cr)
            and len(chunk) <= self._max
        )

    def _end_of_event(self, start: int) -> int:
        """Return where the event that begins at `start` ends, or at most 1 if it has not yet."""
        begin = max(start, self._scanned)
        if not self._has_cr:  # the common case: a plain search is several times faster
            return self._buffer.find(b"\n\n", begin) + 2
        match = _BLANK_LINE.search(self._buffer, begin)
        return match.end() if match else 0

    def _check_size(self, size: int) -> None:
        if size > self._max:
            raise SseError(f"an event of more than {self._max} bytes")

    def _event(self, raw: bytes) -> SseEvent:
        block = raw
        if self._first:
            self._first = False
            block = raw.removeprefix(_BYTE_ORDER_MARK)
        if block.startswith(b"data: ") and not self._has_cr and block.count(b"\n") == 2:  # noqa: PLR2004
            return SseEvent(raw, block[6:-2])
        return _parse(raw, block)


def with_data(raw: bytes, data: bytes, changed: bytes) -> bytes:
    """Return the block whose payload was `data` with another one; its other lines stay.

    A payload that came in several lines is written in as many as the new one has, alone.
    """
    if data in raw:
        return raw.replace(data, changed, 1)
    lines = _LINE_END.split(changed)
    return b"".join(b"data: %b\n" % line for line in lines) + b"\n"


def _parse(raw: bytes, block: bytes) -> SseEvent:
    data: list[bytes] = []
    name = b""
    for line in _LINE_END.split(block):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return SseEvent(raw, b"\n".join(data), name)
