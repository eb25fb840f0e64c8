"""`multipart/form-data` (RFC 7578): where a few small fields are, found while the body arrives.

Theory of operation. A form is not decoded: its parts are skipped by looking for the next
delimiter, one search in C over every byte, and only the heads of parts and the values of the
wanted fields are looked at. So a body costs what its bytes cost, whatever is in it.

A gateway and the provider behind it must not read one form in two ways: a field hidden from
the one and seen by the other would lead a request elsewhere than it says. So what parsers are
known to disagree on is refused with a `FormError`: a delimiter after a bare line feed or
carriage return, a boundary that is followed by anything else, folded or doubled headers, a
backslash before a quote, `name*`, a wanted field that comes twice, is a file, or has a transfer
encoding. No client library writes any of these. It does no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final

import msgspec

MAX_PARTS: Final = 1000
MAX_PART_HEAD_BYTES: Final = 8 * 1024
MAX_FIELD_BYTES: Final = 4 * 1024
"""Largest value of a wanted field."""

_BOUNDARY: Final = re.compile(r';\s*boundary\s*=\s*(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)
_BOUNDARY_CHARACTERS: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_FORM_DATA: Final = re.compile(rb"\s*form-data\s*", re.IGNORECASE)
_PARAMETER: Final = re.compile(rb';\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=("[^"]*"|[^\s;"]+)\s*')
_PLAIN_ENCODINGS: Final = frozenset({b"7bit", b"8bit", b"binary"})
_MAX_PADDING: Final = 64


class FormError(ValueError):
    """A form that cannot be read, or could be read in two ways; one sentence says why."""


class Field(msgspec.Struct, frozen=True):
    """The value of a field, and where in the body it begins and ends."""

    value: str
    start: int
    end: int


def boundary_in(content_type: str) -> bytes:
    """Return the boundary that a `content-type` names. Raises `FormError`."""
    found = _BOUNDARY.findall(content_type)
    boundary = "".join(found[0]) if len(found) == 1 else ""
    if not _BOUNDARY_CHARACTERS.fullmatch(boundary):
        raise FormError("a form needs one `boundary` of 1 to 70 characters in its content-type")
    return boundary.encode()


class FormScanner:
    """Feed it a body in pieces of any size; it finds the `wanted` fields.

    `fields` has those that are complete, `begins_at` is where the first delimiter is.
    """

    __slots__ = ("_at", "_bare", "_buffer", "_delimiter", "_field", "_parts", "_step", "_wanted",
                 "begins_at", "fields")  # fmt: skip

    def __init__(self, boundary: bytes, wanted: Collection[str]) -> None:
        self._delimiter = b"\n--" + boundary
        self._bare = b"\r--" + boundary  # what some parsers take for a delimiter as well
        self._wanted = wanted
        self._buffer = bytearray(b"\r\n")  # a body may begin with its first delimiter
        self._at = -len(self._buffer)  # where in the body the buffer begins
        self._step: Callable[[FormScanner], bool] = FormScanner._content
        self._field = ""
        self._parts = 0
        self.begins_at = 0
        self.fields: dict[str, Field] = {}

    def __repr__(self) -> str:
        return f"<FormScanner parts={self._parts} fields={sorted(self.fields)}>"

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises `FormError`."""
        self._buffer += data
        while self._step(self):
            pass

    def finish(self) -> None:
        """Say that the body has ended. Raises `FormError` if the form has not."""
        if self._step is not FormScanner._epilogue:
            raise FormError("the form ends before its last boundary")

    def _content(self) -> bool:
        """Look for the delimiter that ends a part, or the preamble before the first one.

        The buffer begins with the last byte before the content, and keeps the one before
        whatever may be the begin of a delimiter.
        """
        buffer = self._buffer
        found = buffer.find(self._delimiter)
        if buffer.find(self._bare, 0, found if found >= 0 else len(buffer)) >= 0:
            raise FormError("a boundary of the form does not stand on a line of its own")
        if self._field and (found if found >= 0 else len(buffer)) > MAX_FIELD_BYTES:
            raise FormError(f"the field `{self._field}` has more than {MAX_FIELD_BYTES} bytes")
        if found < 0:
            if not self._field:
                self._consume(max(0, len(buffer) - len(self._delimiter)))
            return False
        if found == 0 or buffer[found - 1 : found] != b"\r":
            raise FormError("a boundary of the form does not stand on a line of its own")
        if self._field:
            self._keep(bytes(buffer[1 : found - 1]))
        if not self._parts:
            self.begins_at = self._at + found + 1
        self._consume(found + len(self._delimiter))
        self._step = FormScanner._after_delimiter
        return True

    def _keep(self, raw: bytes) -> None:
        try:
            value = raw.decode()
        except UnicodeDecodeError:
            raise FormError(f"the field `{self._field}` is not UTF-8") from None
        start = self._at + 1
        self.fields[self._field] = Field(value, start, start + len(raw))
        self._field = ""

    def _after_delimiter(self) -> bool:
        """Tell the last delimiter from one that begins a part."""
        buffer = self._buffer
        if len(buffer) < 2:  # noqa: PLR2004 -- two hyphens or a line end
            return False
        if buffer.startswith(b"--"):
            self._consume(2)
            self._step = FormScanner._epilogue
            return True
        end = buffer.find(b"\r\n", 0, _MAX_PADDING)
        padding = buffer[:end] if end >= 0 else buffer[:_MAX_PADDING].removesuffix(b"\r")
        if padding.strip(b" \t") or (end < 0 and len(buffer) >= _MAX_PADDING):
            raise FormError("a boundary of the form does not stand on a line of its own")
        if end < 0:
            return False
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise FormError(f"the form has more than {MAX_PARTS} parts")
        self._consume(end)
        self._step = FormScanner._head
        return True

    def _head(self) -> bool:
        """Read the headers of a part; the buffer begins with the line end before them."""
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_PART_HEAD_BYTES)
        if end < 0:
            if len(self._buffer) >= MAX_PART_HEAD_BYTES:
                told = f"the head of a part has more than {MAX_PART_HEAD_BYTES} bytes"
                raise FormError(told)
            return False
        self._field = self._named(bytes(self._buffer[2:end]))
        self._consume(end + 3)
        self._step = FormScanner._content
        return True

    def _named(self, head: bytes) -> str:
        """Return the name of the part if it is a wanted one, else ""."""
        disposition = encoding = b""
        for line in head.split(b"\r\n"):
            name, colon, value = line.partition(b":")
            if not colon or name != name.strip() or b"\n" in line or b"\r" in line:
                raise FormError("the head of a part is not made of headers")
            name = name.lower()
            if name == b"content-disposition":
                if disposition:
                    raise FormError("a part has two content-disposition headers")
                disposition = value
            elif name == b"content-transfer-encoding":
                encoding = value.strip().lower()
        name, is_file = _disposed(disposition)
        field = name.decode(errors="replace")
        if field not in self._wanted:
            return ""
        if field in self.fields:
            raise FormError(f"the field `{field}` is given twice")
        if is_file or (encoding and encoding not in _PLAIN_ENCODINGS):
            raise FormError(f"the field `{field}` must be plain text")
        return field

    def _epilogue(self) -> bool:
        if self._buffer.strip(b" \t\r\n"):
            raise FormError("something follows the last boundary of the form")
        self._consume(len(self._buffer))
        return False

    def _consume(self, count: int) -> None:
        del self._buffer[:count]
        self._at += count


def _disposed(disposition: bytes) -> tuple[bytes, bool]:
    """Return the name that a content-disposition gives, and whether it is that of a file."""
    disposition = disposition.rstrip(b"; \t")
    kind = _FORM_DATA.match(disposition)
    at = kind.end() if kind else -1
    given: dict[bytes, bytes] = {}
    while kind and (parameter := _PARAMETER.match(disposition, at)):
        key, at = parameter[1].lower(), parameter.end()
        if key in given or key == b"name*":
            at = -1
            break
        given[key] = parameter[2].strip(b'"')
    if at != len(disposition) or b"name" not in given or b'\\"' in disposition:
        raise FormError("a part of the form does not say plainly what its name is")
    return given[b"name"], b"filename" in given or b"filename*" in given
