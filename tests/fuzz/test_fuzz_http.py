"""Whatever comes over a connection: an answer as its framing says, or one `TransportError`.

The invariants: the same bytes give the same answer however they are cut; a body that is not
complete by its own framing is never an answer; what waits to be read is bounded.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from dataclasses import dataclass

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.http import Http, HttpReply, TransportError
from elizanet.http.connection import HIGH_WATER, MAX_HEAD_BYTES, Connection
from elizanet.http.decoding import MAX_PIECE_BYTES, decoder_for, decoding_errors
from support.fuzzing import cut_everywhere, fuzz, mutated, pieces_of

BODY = b'{"answer": "' + b"abc " * 30 + b'"}'


def _with_length(body: bytes, *headers: bytes) -> bytes:
    head = b"\r\n".join([b"HTTP/1.1 200 OK", *headers, b"content-length: %d" % len(body)])
    return head + b"\r\n\r\n" + body


def _chunked(body: bytes, *headers: bytes) -> bytes:
    head = b"\r\n".join([b"HTTP/1.1 200 OK", *headers, b"transfer-encoding: chunked"])
    cut = [body[i : i + 50] for i in range(0, len(body), 50)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in cut)
    return head + b"\r\n\r\n" + chunks + b"0\r\n\r\n"


WHOLE = {
    "length": _with_length(BODY),
    "chunked": _chunked(BODY, b"x-one: 1", b"content-type: application/json"),
    "trailers": _chunked(BODY)[:-2] + b"x-late: 1\r\n\r\n",
    "interim": b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + _with_length(BODY),
    "gzip": _with_length(gzip.compress(BODY), b"content-encoding: gzip"),
    "deflate": _chunked(zlib.compress(BODY), b"content-encoding: deflate"),
    "br": _chunked(brotli.compress(BODY), b"content-encoding: br"),
}
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + BODY
SEEDS = [*WHOLE.values(), UNTIL_CLOSE, b"HTTP/1.1 204 No Content\r\n\r\n"]
TOKENS = [
    b"\r\n", b"\r\n\r\n", b"\n", b"content-length: ", b"content-length: -1\r\n", b"chunked",
    b"transfer-encoding: chunked\r\n", b"transfer-encoding: gzip\r\n", b"content-encoding: zstd\r\n",
    b"HTTP/1.1 ", b"HTTP/9.9 999 \r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b": ", b"\0", b"\xff",
    b"upgrade: websocket\r\nconnection: upgrade\r\n", b"HTTP/1.1 101 Switching\r\n\r\n", b" ",
]  # fmt: skip
ANSWERS = st.binary(max_size=100) | mutated(SEEDS, TOKENS)


class Wire(asyncio.Transport):
    """A transport that is told what arrives; it sends nothing anywhere."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self._is_closed = False
        self.is_paused = False
        connection.connection_made(self)

    def arrive(self, data: bytes) -> None:
        while data and not self._is_closed:
            buffer = self._connection.get_buffer(-1)
            size = min(len(buffer), len(data))
            buffer[:size] = data[:size]
            self._connection.buffer_updated(size)
            data = data[size:]

    def end(self, error: Exception | None = None) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._connection.eof_received()
            self._connection.connection_lost(error)

    def abort(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._connection.loop.call_soon(self._connection.connection_lost, None)

    def is_closing(self) -> bool:
        return self._is_closed

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Go nowhere."""

    def get_write_buffer_size(self) -> int:
        return 0


@dataclass(frozen=True)
class Got:
    """What a caller of `Http` gets."""

    status: int
    body: bytes
    problem: str = ""


async def hear(pieces: list[bytes], *, closed: bool = True) -> Got:
    """Return what the pieces amount to for a caller; `closed`: the connection ends after them."""
    connection = Connection()
    wire = Wire(connection)
    http = Http()
    connection.request(b"POST / HTTP/1.1\r\n\r\n", b"")
    status, body = 0, b""

    async def converse() -> None:
        nonlocal status, body
        await connection.head()
        reply = HttpReply(http, [], connection)
        status = reply.status
        while chunk := await reply.chunk():
            most = max(MAX_PIECE_BYTES, sum(map(len, pieces)))
            assert len(chunk) <= 2 * most  # brotli takes the bound for a hint
            body += chunk

    conversation = asyncio.ensure_future(converse())
    try:
        for piece in pieces:
            await asyncio.sleep(0)
            wire.arrive(piece)
        if closed:
            wire.end()
        async with asyncio.timeout(5):
            await conversation
    except TransportError as error:
        return Got(status, body, error.problem.name)
    finally:
        conversation.cancel()
        connection.abort()
    return Got(status, body)


@given(pieces_of(ANSWERS))
@fuzz(400)
def test_an_answer_does_not_depend_on_how_it_is_cut(pieces: list[bytes]) -> None:
    """Status, body, and whether it is one at all; nothing but a `TransportError` is raised."""
    cut = asyncio.run(hear(pieces))
    whole = asyncio.run(hear([b"".join(pieces)]))
    assert (cut.status, cut.problem == "") == (whole.status, whole.problem == "")
    if not cut.problem:
        assert cut.body == whole.body
    else:
        assert whole.body.startswith(cut.body) or cut.body.startswith(whole.body)


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_answer_may_be_cut_at_every_position(name: str) -> None:
    """And the connection need not end for it to be complete."""
    for pieces in cut_everywhere(WHOLE[name]):
        assert asyncio.run(hear(pieces, closed=False)) == Got(200, BODY)


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_that_stops_anywhere_is_an_error(name: str) -> None:
    """At every byte before its last one."""
    answer = WHOLE[name]
    for length in range(len(answer)):
        assert asyncio.run(hear([answer[:length]])).problem, answer[:length][-40:]


LARGE = b"a" * 5_000_000
ENCODED = {
    "gzip": gzip.compress(LARGE),
    "deflate": zlib.compress(LARGE),
    "br": brotli.compress(LARGE),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_all_of_an_encoded_answer_is_given_also_if_it_comes_at_once(encoding: str) -> None:
    """A few kilobytes of it decode to more than is handed out at a time."""
    answer = _with_length(ENCODED[encoding], f"content-encoding: {encoding}".encode())
    assert asyncio.run(hear([answer], closed=False)) == Got(200, LARGE)


@pytest.mark.parametrize("encoding", ENCODED)
def test_an_encoding_that_stops_early_is_cut_though_its_framing_is_whole(encoding: str) -> None:
    """What was decoded until then is not passed off as the whole."""
    for missing in (1, 5, 9):
        body = ENCODED[encoding][:-missing]
        answer = _with_length(body, f"content-encoding: {encoding}".encode())
        assert asyncio.run(hear([answer], closed=False)).problem == "CUT"


def test_only_the_end_of_the_connection_ends_a_body_without_framing() -> None:
    """A reset in its place is a cut."""
    assert asyncio.run(hear([UNTIL_CLOSE])) == Got(200, BODY)

    async def reset() -> None:
        connection = Connection()
        wire = Wire(connection)
        connection.request(b"", b"")
        wire.arrive(UNTIL_CLOSE)
        wire.end(ConnectionResetError())
        with pytest.raises(TransportError):
            while await connection.read():
                pass

    asyncio.run(reset())


@given(st.binary(min_size=1, max_size=40), st.integers(0, 5))
@fuzz(50)
def test_a_head_without_end_is_refused_at_its_bound(unit: bytes, start: int) -> None:
    """Whatever it is made of: no more than its bound and one read is held."""

    async def main() -> None:
        connection = Connection()
        wire = Wire(connection)
        connection.request(b"", b"")
        wire.arrive(b"HTTP/1.1 200 OK\r\nx-long: "[: 20 + start])
        sent = 0
        while not wire.is_closing() and sent < 4 * MAX_HEAD_BYTES:
            wire.arrive((unit.replace(b"\n", b"") + b"a") * 500)
            sent += 500 * len(unit)
        assert wire.is_closing()

    asyncio.run(main())


def test_what_waits_to_be_read_is_bounded() -> None:
    """The sender is made to wait, and may go on once something was read."""

    async def main() -> None:
        connection = Connection()
        wire = Wire(connection)
        connection.request(b"", b"")
        wire.arrive(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
        arrived = 0
        while not wire.is_paused:
            wire.arrive(bytes(10_000))
            arrived += 10_000
        assert arrived <= HIGH_WATER + 10_000
        assert len(await connection.read()) == arrived
        assert not wire.is_paused
        connection.abort()

    asyncio.run(main())


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@given(data=st.data())
@fuzz(150)
def test_no_garbage_is_more_than_a_decoding_error(coding: str, data: st.DataObject) -> None:
    """Mutated, or nothing like it at all: pieces stay bounded, and an end is an end."""
    seeds = {"gzip": gzip.compress(BODY * 20), "deflate": zlib.compress(BODY * 20),
             "br": brotli.compress(BODY * 20), "zstd": b"\x28\xb5\x2f\xfd\x04\x58\x11\0\0abc"}  # fmt: skip
    pieces = data.draw(pieces_of(mutated([seeds[coding]]) | st.binary(max_size=100)))
    decoder = decoder_for(coding)
    assert decoder is not None
    total = 0
    try:
        for piece in pieces:
            decoder.feed(piece)
            while decoded := decoder.piece():
                assert len(decoded) <= MAX_PIECE_BYTES
                total += len(decoded)
                assert total < 100_000_000
        assert decoder.is_complete in {True, False}
    except decoding_errors():
        pass
