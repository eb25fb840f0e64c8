"""Content codings of an answer: gzip and deflate always, br and zstd where a module is."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from types import ModuleType
from typing import Protocol

BROTLI_MODULES = ("brotli", "brotlicffi")
ZSTD_MODULES = ("compression.zstd", "backports.zstd", "zstandard")

GZIP_WINDOW = 16 + zlib.MAX_WBITS


class Encoder(Protocol):
    """Encodes a body piece by piece; each piece can be decoded as soon as it arrives."""

    def encode(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class _Zlib:
    def __init__(self, window: int) -> None:
        self._compressor = zlib.compressobj(wbits=window)

    def encode(self, data: bytes) -> bytes:
        return self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._compressor.flush()


class _Brotli:
    def __init__(self) -> None:
        self._compressor = _module("br", BROTLI_MODULES).Compressor()

    def encode(self, data: bytes) -> bytes:
        return bytes(self._compressor.process(data) + self._compressor.flush())

    def finish(self) -> bytes:
        return bytes(self._compressor.finish())


class _Zstd:
    """Both families of modules: the standard library's and `zstandard`."""

    def __init__(self) -> None:
        module = _module("zstd", ZSTD_MODULES)
        compressor = module.ZstdCompressor()
        if hasattr(compressor, "compressobj"):
            self._compressor = compressor.compressobj()
            self._flush_block = module.COMPRESSOBJ_FLUSH_BLOCK
        else:
            self._compressor = compressor
            self._flush_block = compressor.FLUSH_BLOCK

    def encode(self, data: bytes) -> bytes:
        return bytes(self._compressor.compress(data) + self._compressor.flush(self._flush_block))

    def finish(self) -> bytes:
        return bytes(self._compressor.flush())


_ENCODERS: dict[str, Callable[[], Encoder]] = {
    "gzip": lambda: _Zlib(GZIP_WINDOW),
    "deflate": lambda: _Zlib(zlib.MAX_WBITS),
    "br": _Brotli,
    "zstd": _Zstd,
}


def encoder(coding: str) -> Encoder:
    """A fresh encoder. Raises `ValueError` if no installed module has the coding."""
    return _ENCODERS[coding]()


def _module(coding: str, names: tuple[str, ...]) -> ModuleType:
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ValueError(f"the coding {coding} needs one of the modules {', '.join(names)}")
