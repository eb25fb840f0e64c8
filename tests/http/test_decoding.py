"""Encoded answers: decoded whole, in bounded pieces, and never short."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.http.decoding import MAX_PIECE_BYTES, Decoder, decoder_for, decoding_errors
from elizanet.http.errors import TransportError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def raw_deflate(data: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return squeeze.compress(data) + squeeze.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip of several members": ("x-gzip", lambda d: gzip.compress(d[:5]) + gzip.compress(d[5:])),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("Deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
}


def decoder(name: str) -> Decoder:
    found = decoder_for(name)
    assert found is not None
    return found


def pieces(decoder: Decoder, encoded: bytes, step: int) -> list[bytes]:
    found = []
    for start in range(0, len(encoded), step):
        decoder.feed(encoded[start : start + step])
        while piece := decoder.piece():
            found.append(piece)
    return found


@pytest.mark.parametrize("name", ENCODERS)
@given(data=st.binary(max_size=2000), step=st.integers(1, 300))
def test_any_split_decodes_to_the_same_bytes(name: str, data: bytes, step: int) -> None:
    """And the decoder knows that it has come to the end."""
    encoding, encode = ENCODERS[name]
    found = decoder(encoding)
    assert b"".join(pieces(found, encode(data), step)) == data
    assert found.is_complete


@pytest.mark.parametrize("name", ENCODERS)
def test_a_truncated_encoding_is_not_complete(name: str) -> None:
    """A cut body is never a short answer, also where only the encoding shows it."""
    encoding, encode = ENCODERS[name]
    found = decoder(encoding)
    pieces(found, encode(b"hello world" * 50)[:-5], 7)
    assert not found.is_complete


@pytest.mark.parametrize("name", ENCODERS)
def test_a_bomb_comes_in_bounded_pieces(name: str) -> None:
    """64 MiB of zeros are a few kilobytes; memory never holds more than a piece."""
    encoding, encode = ENCODERS[name]
    bomb = encode(bytes(64 << 20))
    found = decoder(encoding)
    found.feed(bomb)
    total = 0
    while piece := found.piece():
        assert len(piece) <= 2 * MAX_PIECE_BYTES
        total += len(piece)
    assert total == 64 << 20


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
@given(data=st.binary(min_size=1, max_size=200))
def test_garbage_is_an_error_that_is_known(encoding: str, data: bytes) -> None:
    """Arbitrary bytes raise what the client expects, or decode to something."""
    found = decoder(encoding)
    try:
        pieces(found, data, 50)
    except decoding_errors():
        return


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_no_encoding_needs_no_decoder(encoding: str) -> None:
    """The bytes are the body."""
    assert decoder_for(encoding) is None


def test_an_unknown_encoding_is_refused() -> None:
    """It was never asked for."""
    with pytest.raises(TransportError, match="snappy"):
        decoder_for("snappy")
