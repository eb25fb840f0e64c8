"""Bodies too large to keep: sent piece by piece, as fast as the provider takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from elizanet.errors import InputError
from elizanet.http import Http, HttpReply, Problem, TransportError
from support.raw_server import Talk, raw_server, saying

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
TOO_LARGE = b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno"


class Pieces:
    """The rest of a body, in pieces; `taken` counts the bytes that were asked for."""

    def __init__(self, pieces: Iterable[bytes], length: int | None = None) -> None:
        self._pieces = iter(pieces)
        self.length = length
        self.begun = False
        self.taken = 0

    async def chunk(self) -> bytes:
        self.begun = True
        await asyncio.sleep(0)
        piece = next(self._pieces, b"")
        self.taken += len(piece)
        return piece


async def send(http: Http, url: str, body: bytes, rest: Pieces) -> HttpReply:
    return await http.send("POST", url, (), body, connect_timeout=2.0, rest=rest)


def hearing(heard: list[str]) -> Talk:
    """Note whole requests, chunked or with a length, and answer each."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if "chunked" in head:
            body = await reader.readuntil(b"0\r\n\r\n")
        else:
            length = int(head.split("content-length: ")[1].split("\r\n")[0])
            body = await reader.readexactly(length)
        heard.append(head.splitlines()[-2] + "|" + body.decode())
        writer.write(OK)

    return talk


async def test_a_body_of_known_length_follows_its_first_part(http: Http) -> None:
    """The length is that of both parts."""
    heard: list[str] = []
    async with raw_server(hearing(heard)) as server:
        reply = await send(http, server.url, b"one,", Pieces([b"two,", b"three"], 9))
        assert await reply.chunk() == b"hi"
    assert heard == ["content-length: 13|one,two,three"]


@pytest.mark.parametrize("first", [b"one,", b""])
async def test_a_body_of_unknown_length_goes_in_chunks(http: Http, first: bytes) -> None:
    """The first part too, unless it is empty: an empty chunk would be the end."""
    heard: list[str] = []
    async with raw_server(hearing(heard)) as server:
        reply = await send(http, server.url, first, Pieces([b"two"]))
        assert await reply.chunk() == b"hi"
    begin = "4\r\none,\r\n" if first else ""
    assert heard == [f"transfer-encoding: chunked|{begin}3\r\ntwo\r\n0\r\n\r\n"]


async def test_an_answer_before_the_end_ends_the_upload(http: Http) -> None:
    """The provider has said why it does not want the rest; the connection is not used again."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(100_000)
        writer.write(TOO_LARGE)
        await writer.drain()
        await asyncio.sleep(5)

    rest = Pieces((b"x" * 50_000 for _ in range(20_000)), 1_000_000_000)
    async with raw_server(talk) as server:
        reply = await send(http, server.url, b"", rest)
        assert (reply.status, await reply.chunk()) == (413, b"no")
        assert await reply.chunk() == b""
    assert rest.taken < 100_000_000
    assert repr(http) == "<Http open=0 idle=0>"


async def test_a_provider_that_does_not_read_holds_the_upload_back(http: Http) -> None:
    """What has not left is not asked for: memory does not grow with the body."""
    reading = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reading.wait()
        while await reader.read(1 << 20):
            if rest.taken == 1 << 28:
                break
        writer.write(OK)

    rest = Pieces((b"x" * (1 << 18) for _ in range(1 << 10)), 1 << 28)
    async with raw_server(talk) as server:
        sending = asyncio.create_task(send(http, server.url, b"", rest))
        await asyncio.sleep(0.3)
        held = rest.taken
        await asyncio.sleep(0.2)
        assert rest.taken == held < 1 << 25
        reading.set()
        reply = await sending
        assert reply.status == 200
        reply.close()


async def test_a_connection_that_breaks_during_an_upload_is_an_error(http: Http) -> None:
    """As it is during any other request."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async with raw_server(talk) as server:
        with pytest.raises(TransportError) as caught:
            await send(http, server.url, b"", Pieces(b"x" * 50_000 for _ in range(2000)))
    assert caught.value.problem is Problem.CLOSED


async def test_what_the_body_raises_is_raised_and_cuts_the_request(http: Http) -> None:
    """Half a request never looks like a whole one."""
    ends: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        ends.append(await reader.read())

    class Wrong(Pieces):
        async def chunk(self) -> bytes:
            if self.begun:
                raise InputError("wrong")
            return await super().chunk()

    async with raw_server(talk) as server:
        with pytest.raises(InputError, match="wrong"):
            await send(http, server.url, b"", Wrong([b"one"]))
        await asyncio.sleep(0.05)
    assert b"0\r\n\r\n" not in b"".join(ends)


async def test_cancelling_an_upload_cuts_its_connection(http: Http) -> None:
    """Within a moment, wherever it waits."""
    begun = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        begun.set()
        while await reader.read(1 << 16):
            pass
        raise ConnectionError

    class Endless(Pieces):
        async def chunk(self) -> bytes:
            await asyncio.sleep(0.01)
            return b"x"

    async with raw_server(talk) as server:
        sending = asyncio.create_task(send(http, server.url, b"", Endless([])))
        await begun.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        async with asyncio.timeout(0.5):
            await server.peer_closed.wait()


async def test_an_upload_is_not_risked_on_a_kept_connection(http: Http) -> None:
    """It cannot be sent again if that connection is just being closed."""
    heard: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await hearing(heard)(reader, writer)

    async with raw_server(talk) as server:
        reply = await http.send("POST", server.url, (), b"{}", connect_timeout=2.0)
        await reply.chunk()
        await reply.chunk()
        reply = await send(http, server.url, b"", Pieces([b"two"], 3))
        await reply.chunk()
        await reply.chunk()
        assert server.connections == 2
        reply = await http.send("POST", server.url, (), b"{}", connect_timeout=2.0)
        await reply.chunk()
        assert server.connections == 2


async def test_the_answer_to_head_has_no_body(http: Http) -> None:
    """Though it states the length of one; nothing waits for it."""
    async with raw_server(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")) as server:
        async with asyncio.timeout(1):
            reply = await http.send("HEAD", server.url, (), None, connect_timeout=2.0)
            assert ("content-length", "1000") in reply.headers
            assert await reply.chunk() == b""
