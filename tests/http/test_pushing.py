"""A body that is given out as it arrives, instead of being asked for."""

from __future__ import annotations

import asyncio
import zlib

import pytest

from elizanet.http import Http, HttpReply, Problem, TransportError
from support.raw_server import Talk, raw_server, read_request

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"


def saying_slowly(*pieces: bytes, head: bytes = HEAD) -> Talk:
    """Send the head, and then each piece in a segment of its own."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(head)
        for piece in pieces:
            await asyncio.sleep(0.02)
            writer.write(piece)
            await writer.drain()

    return talk


async def ask(http: Http, url: str) -> HttpReply:
    return await http.send("POST", url, (), b"{}", connect_timeout=2.0)


async def test_every_piece_is_given_as_it_arrives(http: Http) -> None:
    """Until the end, after which the connection can be used again."""
    got: list[bytes] = []

    def take(piece: bytes) -> bool:
        got.append(piece)
        return True

    async with raw_server(saying_slowly(b"1\r\na\r\n", b"1\r\nb\r\n1\r\nc\r\n", LAST)) as server:
        reply = await ask(http, server.url)
        await reply.push(take)
        assert got == [b"a", b"b", b"c"]
        assert await reply.chunk() == b""
        assert "idle=1" in repr(http)


async def test_whoever_has_enough_reads_on(http: Http) -> None:
    """What comes after the piece that was enough waits for `chunk`, in the same segment, too."""
    got: list[bytes] = []

    def take(piece: bytes) -> bool:
        got.append(piece)
        return len(got) < 2

    async with raw_server(
        saying_slowly(b"1\r\na\r\n", b"1\r\nb\r\n1\r\nc\r\n", b"1\r\nd\r\n" + LAST)
    ) as server:
        reply = await ask(http, server.url)
        await reply.push(take)
        assert got == [b"a", b"b"]
        assert [await reply.chunk(), await reply.chunk(), await reply.chunk()] == [b"c", b"d", b""]


async def test_what_is_there_already_is_read_first(http: Http) -> None:
    """Nothing overtakes it."""
    async with raw_server(saying_slowly(b"1\r\nb\r\n" + LAST, head=HEAD + b"1\r\na\r\n")) as server:
        reply = await ask(http, server.url)
        await reply.push(lambda _: pytest.fail("it is not its turn"))
        assert await reply.chunk() == b"a"


async def test_a_cut_is_told_by_what_reads_on(http: Http) -> None:
    """Pushing ends, and does not say why."""
    async with raw_server(saying_slowly(b"1\r\na\r\n")) as server:
        reply = await ask(http, server.url)
        await reply.push(lambda _: True)
        with pytest.raises(TransportError) as caught:
            await reply.chunk()
    assert caught.value.problem is Problem.CUT


async def test_what_the_taker_raises_is_raised(http: Http) -> None:
    """It is no fault of the connection, which can be read from still."""

    def take(piece: bytes) -> bool:
        raise LookupError(piece)

    async with raw_server(saying_slowly(b"1\r\na\r\n", b"1\r\nb\r\n" + LAST)) as server:
        reply = await ask(http, server.url)
        with pytest.raises(LookupError):
            await reply.push(take)
        assert await reply.chunk() == b"b"


async def test_an_encoded_body_is_not_pushed(http: Http) -> None:
    """It has to be decoded in pieces of bounded size."""
    encoded = zlib.compress(b"hello")
    head = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: deflate\r\n\r\n")
    piece = b"%x\r\n%b\r\n" % (len(encoded), encoded)
    async with raw_server(saying_slowly(piece + LAST, head=head)) as server:
        reply = await ask(http, server.url)
        await reply.push(lambda _: pytest.fail("these are no bytes of the body"))
        assert await reply.chunk() == b"hello"


async def test_a_push_that_is_cancelled_gives_nothing_any_more(http: Http) -> None:
    """What arrives later waits for `chunk`."""
    got: list[bytes] = []

    def take(piece: bytes) -> bool:
        got.append(piece)
        return True

    async with raw_server(saying_slowly(b"1\r\na\r\n", b"1\r\nb\r\n" + LAST)) as server:
        reply = await ask(http, server.url)
        pushing = asyncio.ensure_future(reply.push(take))
        while not got:
            await asyncio.sleep(0.001)
        pushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pushing
        assert (got, await reply.chunk()) == ([b"a"], b"b")
