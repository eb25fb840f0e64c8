"""The door to the network: what is sent, what is kept, what is told."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest
import trustme

from elizanet.http import Http, HttpReply, Problem, TransportError
from elizanet.limit import Limit, LimitReached
from support.raw_server import raw_server, read_request, saying

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


async def send(http: Http, url: str, body: bytes | None = b"{}", **headers: str) -> HttpReply:
    pairs = tuple(headers.items())
    return await http.send("POST", url, pairs, body, connect_timeout=2.0)


async def whole(reply: HttpReply) -> bytes:
    pieces = []
    while chunk := await reply.chunk():
        pieces.append(chunk)
    return b"".join(pieces)


async def problem_of(http: Http, url: str) -> Problem:
    with pytest.raises(TransportError) as caught:
        await whole(await send(http, url))
    return caught.value.problem


async def test_the_request_is_what_was_given_and_no_more(http: Http) -> None:
    """Host, the given headers in their order, the length, and the body's bytes."""
    seen = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(OK)

    async with raw_server(talk) as server:
        reply = await send(http, server.url, b'{"x": 1}', accept="*/*", authorization="Bearer k")
        assert (reply.status, await whole(reply)) == (200, b"hi")
        host = server.url.split("/")[2]
    assert seen == [
        (
            f"POST /v1/x HTTP/1.1\r\nhost: {host}\r\naccept: */*\r\nauthorization: Bearer k\r\n"
            "content-length: 8\r\n\r\n",
            b'{"x": 1}',
        )
    ]


async def test_a_connection_is_used_again(http: Http) -> None:
    """Once an answer has been read to its end."""
    async with raw_server(saying(OK)) as server:
        for _ in range(3):
            assert await whole(await send(http, server.url)) == b"hi"
        assert server.connections == 1
        assert repr(http) == "<Http open=1 idle=1>"


async def test_concurrent_requests_have_connections_of_their_own(http: Http) -> None:
    """One exchange at a time on each."""
    async with raw_server(saying(OK)) as server:
        replies = await asyncio.gather(*(send(http, server.url) for _ in range(5)))
        assert [await whole(reply) for reply in replies] == [b"hi"] * 5
        assert server.connections == 5


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more",
    ],
)
async def test_a_connection_that_must_not_be_used_again_is_not(http: Http, answer: bytes) -> None:
    """The server says so, or sent bytes nobody asked for."""
    async with raw_server(saying(answer)) as server:
        for _ in range(2):
            assert await whole(await send(http, server.url)) == b"hi"
        assert server.connections == 2


async def test_a_server_that_closed_its_idle_connection_costs_nothing(http: Http) -> None:
    """The end of an idle connection is noticed before the next request."""
    async with raw_server(saying(OK, then_close=True)) as server:
        for _ in range(3):
            assert await whole(await send(http, server.url)) == b"hi"
            await asyncio.sleep(0.02)
        assert server.connections == 3


async def test_keep_alive_is_not_longer_than_the_server_says(http: Http) -> None:
    """A second of safety below the server's own time."""
    answer = b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nhi"
    async with raw_server(saying(answer)) as server:
        for _ in range(2):
            assert await whole(await send(http, server.url)) == b"hi"
        assert server.connections == 2


BODIES = [
    (b"Content-Length: 5\r\n\r\nhello", b"hello"),
    (b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nt: v\r\n\r\n", b"hello"),
    (b"\r\nhello", b"hello"),
    (b"Content-Length: 0\r\n\r\n", b""),
]


@pytest.mark.parametrize(("rest", "body"), BODIES)
@pytest.mark.parametrize("step", [1, 3, 1000])
async def test_every_framing_in_any_split(http: Http, rest: bytes, body: bytes, step: int) -> None:
    """A length, chunks, or the end of the connection; after an interim answer, too."""
    answer = b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\n" + rest

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for start in range(0, len(answer), step):
            writer.write(answer[start : start + step])
            await asyncio.sleep(0)

    async with raw_server(talk) as server:
        reply = await send(http, server.url)
        assert reply.headers[0] == ("x-a", "b")
        assert not any(name == "t" for name, _ in reply.headers)
        assert await whole(reply) == body


CUTS = [
    (b"", Problem.CLOSED),
    (b"HTTP/1.1 200 OK\r\nX: ", Problem.CLOSED),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", Problem.CUT),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Problem.CUT),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello", Problem.CUT),
    (b"NOT HTTP AT ALL\r\n\r\n", Problem.NOT_HTTP),
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Problem.NOT_HTTP),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", Problem.NOT_HTTP),
    (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Problem.NOT_HTTP),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Problem.BAD_ENCODING),
    (b"HTTP/1.1 200 OK\r\nContent-Encoding: snappy\r\n\r\nx", Problem.BAD_ENCODING),
    (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nnot gzip", Problem.BAD_ENCODING),
    (b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 300_000 + b"\r\n\r\n", Problem.HEAD_TOO_LARGE),
    (b"HTTP/1.1 200 OK\r\n" + b"x:y\r\n" * 60_000 + b"\r\n\r\n", Problem.HEAD_TOO_LARGE),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "problem"), CUTS)
async def test_a_broken_answer_says_where_it_broke(
    http: Http, answer: bytes, problem: Problem
) -> None:
    """A cut body is never a short answer."""
    async with raw_server(saying(answer, then_close=True)) as server:
        assert await problem_of(http, server.url) is problem


async def test_a_reset_inside_a_body_without_length_is_a_cut(http: Http) -> None:
    """Only a clean end of the connection may end such a body."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhel")
        await writer.drain()
        await asyncio.sleep(0.02)
        linger = b"\x01\0\0\0\0\0\0\0"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async with raw_server(talk) as server:
        assert await problem_of(http, server.url) is Problem.CUT


async def test_refused_unknown_and_unreachable_hosts_are_told_apart(http: Http) -> None:
    """Each with its own problem, and no traceback of the system in the sentence."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert await problem_of(http, f"http://127.0.0.1:{port}/") is Problem.REFUSED
    assert await problem_of(http, "http://no-such-host.invalid/") is Problem.DNS


async def test_a_connection_that_is_never_accepted_ends_at_the_connect_limit(http: Http) -> None:
    """A full backlog answers nothing; the limit does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        began = asyncio.get_running_loop().time()
        with pytest.raises(TransportError) as caught:
            await http.send("GET", f"http://127.0.0.1:{port}/", (), None, connect_timeout=0.2)
        took = asyncio.get_running_loop().time() - began
        for filler in fillers:
            filler.close()
    assert caught.value.problem is Problem.CONNECT_TIMEOUT
    assert took < 1


@pytest.mark.parametrize("moment", ["head", "body", "unread"])
async def test_leaving_a_request_closes_its_connection(http: Http, moment: str) -> None:
    """Cancelled before the head or inside the body, or closed without reading."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"
    closed = asyncio.Event()
    asked = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        asked.set()
        if moment != "head":
            writer.write(head)
        assert await reader.read() == b""
        closed.set()

    async with raw_server(talk) as server:
        if moment == "unread":
            (await send(http, server.url)).close()
        else:

            async def go() -> None:
                await whole(await send(http, server.url))

            task = asyncio.create_task(go())
            await asked.wait()
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            if moment == "body":
                await http.aclose()  # nobody held the reply: its owner would have closed it
        async with asyncio.timeout(0.1):
            await closed.wait()


async def test_a_sender_is_slowed_down_while_nobody_reads(http: Http) -> None:
    """A fast provider cannot fill our memory."""
    written = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            writer.write(b"x" * 100_000)
            await writer.drain()
            written += 100_000

    async with raw_server(talk) as server:
        reply = await send(http, server.url)
        await asyncio.sleep(0.2)
        assert written < 30_000_000
        assert len(await whole(reply)) == 100_000_000


async def test_a_large_request_arrives_whole(http: Http) -> None:
    """More than any buffer on the way."""
    sizes = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, body = await read_request(reader)
        sizes.append(len(body))
        writer.write(OK)

    async with raw_server(talk) as server:
        assert await whole(await send(http, server.url, b"x" * 10_000_000)) == b"hi"
    assert sizes == [10_000_000]


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "a\rb", "a\0b"])
async def test_a_header_cannot_smuggle_another_one(http: Http, value: str) -> None:
    """Refused before a connection is opened."""
    with pytest.raises(ValueError, match="control character"):
        await send(http, "http://127.0.0.1:9/", accept=value)


async def test_tls_is_trusted_by_the_system_and_checked(
    http: Http, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """A known authority passes; an unknown one, a wrong name and plain HTTP do not."""
    authority, stranger = trustme.CA(), trustme.CA()
    contexts = []
    for ca, name in ((authority, "localhost"), (stranger, "localhost"), (authority, "other.test")):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(name).configure_cert(context)
        contexts.append(context)
    authority.cert_pem.write_to_path("authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", "authority.pem")
    trusted, unknown, misnamed = contexts
    async with (
        raw_server(saying(OK), trusted, "localhost") as server,
        raw_server(saying(OK), unknown, "localhost") as strange,
        raw_server(saying(OK), misnamed, "localhost") as wrong,
        raw_server(saying(OK)) as plain,
    ):
        for _ in range(2):
            assert await whole(await send(http, server.url)) == b"hi"
        assert server.connections == 1
        assert await problem_of(http, strange.url) is Problem.TLS
        assert await problem_of(http, wrong.url) is Problem.TLS
        assert await problem_of(http, plain.url.replace("http:", "https:")) in {
            Problem.TLS,
            Problem.CLOSED,
            Problem.CONNECT_TIMEOUT,
        }


async def test_closing_fails_what_is_under_way_and_leaves_nothing(http: Http) -> None:
    """A reader learns of it, and no connection is left."""
    async with raw_server(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")) as server:
        reply = await send(http, server.url)
        assert await reply.chunk() == b"abc"
        await http.aclose()
        with pytest.raises(TransportError):
            await reply.chunk()
        assert repr(http) == "<Http open=0 idle=0>"


async def test_a_limit_around_a_request_leaves_nothing_open(http: Http) -> None:
    """The engine's way to give up on a silent provider."""
    closed = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await reader.read()
        closed.set()

    async with raw_server(talk) as server:
        with pytest.raises(LimitReached), Limit(asyncio.get_running_loop().time() + 0.1):
            await send(http, server.url)
        async with asyncio.timeout(0.1):
            await closed.wait()
