"""Hostile and unlucky bytes: bounded, refused in one sentence, and never a hang."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING

import pytest

from elizanet.gateway import protocol
from elizanet.testing import ReceivedRequest, Upstream, Wire

if TYPE_CHECKING:
    from gateway.conftest import Connection, Heard, Running, Serve

CHATS = "/v1/chat/completions"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
STREAM = CHAT[:-1] + b',"stream":true}'
LIVE = b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def refused(connection: Connection) -> Heard:
    """The refusal, after which the connection ends."""
    async with asyncio.timeout(5):
        heard = await connection.hear()
        assert heard.header("connection") == "close"
        assert heard.header("content-type") == "application/json"
        assert heard.error["code"] == "invalid_http"
        assert await connection.ended() == b""
    return heard


HEADS = {
    "one header of 4 MB": b"x: " + b"y" * 4_000_000,
    "one header just over": b"x: " + b"y" * 65_600,
    "50,000 headers": b"\r\n".join(b"x-%d: y" % number for number in range(50_000)),
    "201 headers": b"\r\n".join(b"x-%d: y" % number for number in range(201)),
    "headers without end": b"x: y\r\n" * 100_000,
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
async def test_a_head_over_the_bounds_is_a_431(
    serve: Serve, primary: Upstream, head: bytes
) -> None:
    """And the refusal arrives, although the caller is still sending."""
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        end = b"" if head.endswith(b"\r\n") else b"\r\n\r\n"
        connection.send(b"GET /live HTTP/1.1\r\nHost: localhost\r\n" + head + end)
        assert (await refused(connection)).status == 431


async def test_a_path_over_the_bounds_is_a_431(serve: Serve, primary: Upstream) -> None:
    """The request line counts."""
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await refused(connection)).status == 431


async def test_a_refusal_is_heard_by_who_sends_all_before_listening(
    serve: Serve, primary: Upstream
) -> None:
    """Closing at once would reset the connection, and take the refusal back."""

    def blocking(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
            caller.sendall(
                b"GET /live HTTP/1.1\r\nHost: localhost\r\nx: " + b"y" * 4_000_000 + b"\r\n\r\n"
            )
            return caller.recv(65_536)

    async with serve(primary) as gateway:
        assert (await asyncio.to_thread(blocking, gateway.port)).startswith(b"HTTP/1.1 431")


WITHIN = b"".join(
    (
        b"GET /live HTTP/1.1\r\nHost: localhost\r\n",
        *(b"x-%d: %b\r\n" % (number, b"y" * 300) for number in range(199)),
        b"\r\n",
    )
)


async def test_a_head_within_the_bounds_is_taken(serve: Serve, primary: Upstream) -> None:
    """60 KiB in 199 headers, at once or in pieces."""
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(WITHIN)
        assert (await connection.hear()).status == 200
        for start in range(0, len(WITHIN), 10_000):
            connection.send(WITHIN[start : start + 10_000])
            await asyncio.sleep(0.01)
        assert (await connection.hear()).status == 200


async def test_a_head_is_not_charged_with_the_body_before_it(
    serve: Serve, primary: Upstream
) -> None:
    """One read may bring the end of a large body and the beginning of the next head."""
    large = CHAT[:-1] + b',"x":"' + b"z" * 150_000 + b'"}'
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        while not gateway.server.connections.connections:
            await asyncio.sleep(0.001)
        (served,) = gateway.server.connections.connections
        assert isinstance(served, protocol.GatewayProtocol)
        served.data_received(gateway.request(CHATS, large) + WITHIN[:2000])
        assert (await connection.hear()).status == 200
        served.data_received(WITHIN[2000:])
        assert (await connection.hear()).status == 200


MALFORMED = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "bare line feeds": b"GET /live HTTP/1.1\nHost: x\n\n",
    "a blank before the colon": b"GET /live HTTP/1.1\r\nHost : x\r\n\r\n",
    "a folded header": b"GET /live HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
    "a control character": b"GET /live HTTP/1.1\r\nHost: x\r\nX: a\x01b\r\n\r\n",
    "two lengths": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "length and chunks": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a negative length": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    "a length with a sign": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\nhello",
    "an endless length": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "a chunk size that is none": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "an unknown coding": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
    "codings before the chunks": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "no coding and chunks": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    "chunks that are not last": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunks twice": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "nearly chunks": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon of the coding": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "the same length twice": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5, 5\r\n\r\nhello",
    "a hexadecimal length": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x5\r\n\r\nhello",
    "an empty length": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length:\r\n\r\n",
    "a chunk size with a prefix": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "an endless chunk size": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello",
    "a chunk that ends elsewhere": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
    "line feeds between chunks": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n",
    "a line feed in a chunk's extension": b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n0\r\n\r\n",
    "no host": b"GET /live HTTP/1.1\r\nX: y\r\n\r\n",
    "two hosts": b"GET /live HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "no version": b"GET /live\r\n\r\n",
    "another version": b"GET /live HTTP/1.2\r\nHost: x\r\n\r\n",
    "an unknown method": b"BREW /live HTTP/1.1\r\nHost: x\r\n\r\n",
    "a zero byte": b"GET /live HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
    "a bare carriage return": b"GET /live HTTP/1.1\r\nHost: x\r\nX: a\rb: c\r\n\r\n",
    "a path outside of ASCII": b"GET /l\xc3\xafve HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("message", MALFORMED.values(), ids=MALFORMED.keys())
async def test_what_is_not_http_is_a_400(serve: Serve, primary: Upstream, message: bytes) -> None:
    """In OpenAI's shape, with the connection closed, and no provider asked."""
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(message + b"GET /live HTTP/1.1\r\nHost: hidden\r\n\r\n")
        heard = await refused(connection)
    assert heard.status == 400
    assert primary.requests == []


OFFERS = {
    "h2c, as Java's client does": ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"),
    "websocket": ("Connection: keep-alive, Upgrade", "Upgrade: websocket"),
}


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS.keys())
@pytest.mark.parametrize("size", [7, 150, 1 << 20], ids=["bytes", "pieces", "whole"])
async def test_an_offer_to_upgrade_is_declined(
    serve: Serve, primary: Upstream, offer: tuple[str, str], size: int
) -> None:
    """The request is answered as HTTP/1.1, however it is cut, and the connection goes on."""
    async with serve(primary) as gateway:
        message = b"".join(
            gateway.request(CHATS, CHAT, "HTTP2-Settings: AAMAAABkAAQAoAAA", *lines)
            for lines in (offer, (), offer)
        )
        connection = await gateway.connect()
        for start in range(0, len(message), size):
            connection.send(message[start : start + size])
            await asyncio.sleep(0)
        for _ in range(3):
            async with asyncio.timeout(5):
                heard = await connection.hear()
            assert heard.status == 200
            assert heard.header("connection") is None
            assert heard.header("upgrade") is None
    assert [request.body for request in primary.requests] == [CHAT] * 3


async def test_the_body_of_an_offer_is_no_request(serve: Serve, primary: Upstream) -> None:
    """The parser would take what follows an upgrade for another protocol, or a request."""
    hidden = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(CHATS, hidden, *OFFERS["h2c, as Java's client does"]))
        connection.send(LIVE)
        assert (await connection.hear()).error["code"] == "invalid_json"
        assert (await connection.hear()).json == {"status": "live"}
    assert primary.requests == []


async def test_an_offer_does_not_hide_a_wrong_length(serve: Serve, primary: Upstream) -> None:
    """What is declined is read as strictly as anything else."""
    async with serve(primary) as gateway:
        for lines in (
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked, identity",
        ):
            connection = await gateway.connect()
            connection.send(
                f"POST {CHATS} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n{lines}\r\n\r\n"
                "0\r\n\r\n".encode()
            )
            assert (await refused(connection)).status == 400
    assert primary.requests == []


async def test_the_gateway_is_no_proxy(serve: Serve, primary: Upstream) -> None:
    """CONNECT is refused, and HTTP/2 without an offer is no HTTP/1.1."""
    async with serve(primary) as gateway:
        for message in (
            b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ):
            connection = await gateway.connect()
            connection.send(message)
            assert (await refused(connection)).status == 400


async def test_trailers_are_no_headers(serve: Serve, primary: Upstream) -> None:
    """A key behind the body does not open the door."""
    async with serve(primary, keys=["caller-key"]) as gateway:
        connection = await gateway.connect()
        connection.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"%x\r\n%b\r\n0\r\nAuthorization: Bearer caller-key\r\n\r\n" % (len(CHAT), CHAT)
        )
        assert (await connection.hear()).status == 401


async def test_trailers_without_end_are_cut(serve: Serve, primary: Upstream) -> None:
    """They are bounded as headers are."""
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        )
        connection.send(b"x: y\r\n" * 1000)
        async with asyncio.timeout(5):
            await connection.ended()
        await gateway.settle()
    assert primary.requests == []


async def test_a_message_without_end_is_cut(
    serve: Serve, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunk extensions and discarded bodies are bounded too."""
    monkeypatch.setattr(protocol, "_MESSAGE_OVERHEAD", 1_000_000)
    async with serve(primary, max_body=1000) as gateway:
        connection = await gateway.connect()
        connection.send(
            b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        async with asyncio.timeout(10):
            with pytest.raises(ConnectionError):
                while True:
                    connection.send(b"1;" + b"x" * 50_000 + b"\r\ny\r\n")
                    await connection.writer.drain()


@pytest.mark.parametrize("begun", [b"", b"G", b"GET /live HTTP/1.1\r\nHost: x\r\n"])
async def test_half_a_head_is_not_waited_for_long(
    serve: Serve, primary: Upstream, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    """On a new connection, and behind an answered request."""
    monkeypatch.setattr(protocol, "HEAD_S", 0.2)
    async with serve(primary) as gateway:
        new = await gateway.connect()
        new.send(begun)
        if begun:
            assert (await refused(new)).status == 408
        async with asyncio.timeout(2):
            assert await new.ended() == b""
        used = await gateway.connect()
        used.send(LIVE + (begun or b"GE"))
        assert (await used.hear()).status == 200
        assert (await refused(used)).status == 408


async def test_a_drip_does_not_prolong_a_head(
    serve: Serve, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then is not progress."""
    monkeypatch.setattr(protocol, "HEAD_S", 0.2)
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(b"GET /live HTTP/1.1\r\nHost: localhost\r\nx: ")
        ended = asyncio.create_task(connection.ended())
        async with asyncio.timeout(3):
            while not ended.done():
                connection.send(b"y")
                await asyncio.sleep(0.02)
        assert ended.result().startswith(b"HTTP/1.1 408 ")


async def test_a_body_that_falls_silent_is_not_waited_for(
    serve: Serve, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short body that goes on is, however slowly."""
    monkeypatch.setattr(protocol, "BODY_SILENCE_S", 0.3)
    async with serve(primary) as gateway:
        silent = await gateway.connect()
        silent.send(gateway.request(CHATS, CHAT)[:-10])
        assert (await refused(silent)).status == 408
        await gateway.settle()
        slow = await gateway.connect()
        message = gateway.request(CHATS, CHAT)
        slow.send(message[:-10])
        for byte in message[-10:]:
            await asyncio.sleep(0.1)
            slow.send(bytes((byte,)))
        assert (await slow.hear()).status == 200
    assert len(primary.requests) == 1


async def test_a_body_in_drops_is_not_waited_for(
    serve: Serve, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then is not the pace of a body; one that keeps the pace may take long."""
    monkeypatch.setattr(protocol, "BODY_FREE_S", 0.3)
    body = CHAT[:-1] + b',"x":"' + b"y" * 4000 + b'"}'
    async with serve(primary) as gateway:
        message = gateway.request(CHATS, body)
        drops = await gateway.connect()
        drops.send(message[:-1000])
        ended = asyncio.create_task(refused(drops))
        monkeypatch.setattr(protocol, "BODY_BYTES_A_SECOND", 1 << 20)
        for at in range(1000, 0, -1):
            if ended.done():
                break
            drops.send(message[-at:][:1])
            await asyncio.sleep(0.02)
        assert (await ended).status == 408
        monkeypatch.setattr(protocol, "BODY_BYTES_A_SECOND", 1024)
        steady = await gateway.connect()
        steady.send(message[:-4000])
        for at in range(4000, 0, -400):
            await asyncio.sleep(0.1)
            steady.send(message[-at:][:400])
        assert (await steady.hear()).status == 200
    assert len(primary.requests) == 1


async def test_a_refused_body_that_stops_coming_is_cut(
    serve: Serve, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer was given: a second one on the same wire would be taken for another's."""
    monkeypatch.setattr(protocol, "BODY_SILENCE_S", 0.3)
    async with serve(primary, max_body=1000) as gateway:
        connection = await gateway.connect()
        connection.send(
            b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n"
            + b"x" * 10
        )
        assert (await connection.hear()).status == 413
        async with asyncio.timeout(3):
            assert await connection.ended() == b""


async def test_a_long_answer_is_not_a_late_head(
    serve: Serve, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No timer of a request runs while it is answered, also with half of the next in the pipe."""
    monkeypatch.setattr(protocol, "HEAD_S", 0.1)
    monkeypatch.setattr(protocol, "BODY_SILENCE_S", 0.1)
    primary.fail("slow=0.5")
    async with serve(primary) as gateway:
        for rest in (b"", b"GET /live HTTP/1.1\r\n", gateway.request(CHATS, CHAT)[:-5]):
            connection = await gateway.connect()
            connection.send(gateway.request(CHATS, CHAT) + rest)
            assert (await connection.hear()).status == 200


async def test_a_connection_carries_many_requests(serve: Serve, primary: Upstream) -> None:
    """One after the other, unary and streamed, with refusals between them."""
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        for body in (CHAT, STREAM, b"{", STREAM, CHAT, b'{"model":"nobody"}', CHAT):
            connection.send(gateway.request(CHATS, body))
            heard = await connection.hear()
            good = body in {CHAT, STREAM}
            assert (heard.status == 200) is good
            assert heard.header("connection") is None


async def test_pipelined_requests_are_answered_in_order(serve: Serve, primary: Upstream) -> None:
    """Each answer goes to its own request."""
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        bodies = [CHAT.replace(b"hi", b"number %d" % number) for number in range(5)]
        connection.send(b"".join(gateway.request(CHATS, body) for body in bodies) + LIVE)
        for number in range(5):
            content = (await connection.hear()).json["choices"][0]["message"]["content"]
            assert content.endswith(f"number {number}")
        assert (await connection.hear()).json == {"status": "live"}


async def test_garbage_behind_a_request_does_not_run_into_its_answer(
    serve: Serve, primary: Upstream
) -> None:
    """Where an answer is under way the connection is cut instead."""
    primary.fail("stall_stream=2")
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(CHATS, STREAM))
        await connection.hear(head_only=True)
        connection.send(b"\x00\x01garbage\r\n\r\n")
        async with asyncio.timeout(5):
            rest = await connection.ended()
        await primary.wait_closed_by_peer()
    assert b"HTTP/1.1 400" not in rest


async def test_an_old_client_is_answered_and_left(serve: Serve, primary: Upstream) -> None:
    """HTTP/1.0: no chunks, and the connection ends with the answer."""
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(
            b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n%b"
            % (len(CHAT), CHAT)
        )
        heard = await connection.hear()
        assert heard.header("connection") == "close"
        assert json.loads(heard.body)["choices"]
        assert await connection.ended() == b""


async def old(gateway: Running, path: str, body: bytes, *lines: str) -> tuple[str, bytes, bool]:
    """Ask in HTTP/1.0; return the head, the body, and whether the connection ended in peace."""
    connection = await gateway.connect()
    message = gateway.request(path, body, *lines).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    connection.send(message)
    head = (await connection.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    pieces = b""
    try:
        while piece := await connection.reader.read(65_536):
            pieces += piece
    except ConnectionResetError:
        return head, pieces, False
    return head, pieces, True


@pytest.mark.parametrize(
    "lines", [(), ("Connection: keep-alive",), ("Connection: Upgrade", "Upgrade: h2c")]
)
async def test_an_old_client_reads_a_stream_until_its_end(
    serve: Serve, primary: Upstream, lines: tuple[str, ...]
) -> None:
    """It knows no chunks."""
    async with serve(primary) as gateway:
        stream = CHAT[:-1] + b',"stream":true}'
        head, body, in_peace = await old(gateway, CHATS, stream, *lines)
        assert "transfer-encoding" not in head
        assert "content-length" not in head
        assert "connection: close" in head
        assert body.startswith(b"data: {")
        assert body.endswith(b"data: [DONE]\n\n")
        assert in_peace


async def test_an_old_client_sees_that_an_answer_was_cut(serve: Serve, primary: Upstream) -> None:
    """Where only the end of the connection tells the end, a reset tells that there is none."""
    speech, is_cut = b'{"model":"gpt-4o","input":"x","voice":"v"}', True

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n")
        await wire.write(b"transfer-encoding: chunked\r\n\r\n")
        await wire.chunk(b"sound")
        if not is_cut:
            await wire.end_stream()

    primary.script(script)
    async with serve(primary) as gateway:
        head, _, in_peace = await old(gateway, "/v1/audio/speech", speech)
        assert "200" in head.splitlines()[0]
        assert not in_peace
        is_cut = False
        head, body, in_peace = await old(gateway, "/v1/audio/speech", speech)
        assert "chunked" not in head
        assert (body, in_peace) == (b"sound", True)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("x-elizanet-no-fallback: 1 ", 200),
        ("x-request-timeout-ms: 7000 \t", 200),
        ("x-elizanet-priority:\tbatch\t", 200),
        ("api-key: k ", 200),
        ("x-elizanet-no-fallback: 1 1", 400),
    ],
)
async def test_blanks_around_a_value_are_no_part_of_it(
    serve: Serve, primary: Upstream, line: str, status: int
) -> None:
    """RFC 9110, 5.5."""
    async with serve(primary) as gateway:
        assert (await gateway.ask(CHATS, CHAT, line)).status == status


async def test_a_coding_with_a_blank_behind_it_is_that_coding(
    serve: Serve, primary: Upstream
) -> None:
    """The parser takes it for that, too, so the body has one end."""
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked \r\n"
        connection.send(head + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(CHAT), CHAT) + LIVE)
        assert [(await connection.hear()).status for _ in range(2)] == [200, 200]
    assert [request.body for request in primary.requests] == [CHAT]


async def test_a_refused_message_has_an_id_too(serve: Serve, primary: Upstream) -> None:
    """Callers report by it."""
    async with serve(primary) as gateway:
        ids = set()
        for message in MALFORMED["no host"], MALFORMED["no HTTP"]:
            connection = await gateway.connect()
            connection.send(message)
            heard = await refused(connection)
            assert heard.header("x-request-id") == heard.header("x-elizanet-request-id")
            ids.add(heard.header("x-request-id"))
        assert len(ids) == 2
        assert all(each and each.startswith("req_") for each in ids)
