"""Content encodings, decoded in pieces of bounded size.

A few kilobytes can decode to gigabytes. So a decoder hands out at most `MAX_PIECE_BYTES` at
a time and keeps the rest encoded until it is asked again; whoever adds up the pieces can
stop before memory does. A body that ends before its encoding does is cut, not short.
"""

from __future__ import annotations

import sys
import zlib
from typing import Final, Protocol

from elizanet.http.errors import Problem, TransportError

MAX_PIECE_BYTES: Final = 1 << 20
"""Largest decoded piece in bytes (1 MiB); brotli may give up to twice as many."""

ACCEPTED: Final = "gzip, deflate, br, zstd"
"""The `accept-encoding` of requests whose answer may be encoded."""


class Decoder(Protocol):
    """Encoded bytes in, decoded pieces out."""

    def feed(self, data: bytes) -> None: ...

    def piece(self) -> bytes:
        """Return the next decoded bytes; b"" if more input is needed."""
        ...

    @property
    def is_complete(self) -> bool:
        """The encoding has come to its end."""
        ...


class _Inflate:
    """gzip (also of several members) and deflate, which is zlib's format or, wrongly, raw."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._inflate = zlib.decompressobj(window)
        self._input = b""
        self._begun = False

    def feed(self, data: bytes) -> None:
        self._input += data
        if not self._begun and self._window == zlib.MAX_WBITS and self._input:
            if self._input[0] & 0x0F != zlib.DEFLATED:
                self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            self._begun = True

    def piece(self) -> bytes:
        decoded = b""
        while not decoded and not (self._inflate.eof and not self._input):
            if self._inflate.eof:  # what follows is the next member of a gzip file
                self._inflate = zlib.decompressobj(self._window)
            decoded = self._inflate.decompress(self._input, MAX_PIECE_BYTES)
            ended = self._inflate.eof
            self._input = self._inflate.unused_data if ended else self._inflate.unconsumed_tail
            if not ended:
                break
        return decoded

    @property
    def is_complete(self) -> bool:
        return self._inflate.eof and not self._input


class _Brotli:
    def __init__(self) -> None:
        import brotli  # noqa: PLC0415 -- only an answer in br needs it

        self._brotli = brotli.Decompressor()
        self._input = b""

    def feed(self, data: bytes) -> None:
        self._input += data

    def piece(self) -> bytes:
        if self._brotli.is_finished():
            return b""
        data = b""
        if self._brotli.can_accept_more_data():
            data, self._input = self._input, b""
        decoded: bytes = self._brotli.process(data, output_buffer_limit=MAX_PIECE_BYTES)
        return decoded

    @property
    def is_complete(self) -> bool:
        return bool(self._brotli.is_finished())


class _Zstandard:
    def __init__(self) -> None:
        if sys.version_info >= (3, 14):
            from compression.zstd import ZstdDecompressor  # noqa: PLC0415
        else:
            from backports.zstd import ZstdDecompressor  # noqa: PLC0415
        self._zstandard = ZstdDecompressor()
        self._input = b""

    def feed(self, data: bytes) -> None:
        self._input += data

    def piece(self) -> bytes:
        if self._zstandard.eof:
            return b""
        data, self._input = self._input, b""
        if not data and self._zstandard.needs_input:
            return b""
        decoded: bytes = self._zstandard.decompress(data, MAX_PIECE_BYTES)
        return decoded

    @property
    def is_complete(self) -> bool:
        return bool(self._zstandard.eof)


def decoder_for(encoding: str) -> Decoder | None:
    """Return the decoder of a `content-encoding`, None for an unencoded body.

    Raises `TransportError` for an encoding that was never asked for.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return _Inflate(16 + zlib.MAX_WBITS)
        case "deflate":
            return _Inflate(zlib.MAX_WBITS)
        case "br":
            return _Brotli()
        case "zstd":
            return _Zstandard()
    raise TransportError(Problem.BAD_ENCODING, encoding)


def decoding_errors() -> tuple[type[Exception], ...]:
    """Return what the libraries raise for garbage, of those that are loaded."""
    errors: list[type[Exception]] = [zlib.error]
    for module, name in (
        ("brotli", "error"),
        ("backports.zstd", "ZstdError"),
        ("compression.zstd", "ZstdError"),
    ):
        if module in sys.modules:
            errors.append(getattr(sys.modules[module], name))
    return tuple(errors)
