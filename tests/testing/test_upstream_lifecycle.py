"""The provider as tests use it: connections, cancellation, scripts, and its end."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import TYPE_CHECKING, Any

import pytest

from elizanet.testing import Fault, HttpReply, ReceivedRequest, Upstream, Wire

if TYPE_CHECKING:
    from testing.conftest import Ask

BODY = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}).encode()


def post(body: bytes = BODY, *headers: str, path: str = "/v1/chat/completions") -> bytes:
    """A request over a connection that stays open."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def connect(upstream: Upstream) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = upstream.base_url.removeprefix("http://").removesuffix("/v1").rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """One answer with a content-length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


async def test_a_connection_carries_many_requests() -> None:
    """Connections are kept alive, and pipelined requests are answered in order."""
    async with Upstream(name="p") as upstream:
        reader, writer = await connect(upstream)
        writer.write(post())
        assert b'"chatcmpl-1"' in await read_answer(reader)
        writer.write(post() + post(path="/v1/nothing") + post())
        answers = [await read_answer(reader) for _ in range(3)]
        assert [answer[9:12] for answer in answers] == [b"200", b"404", b"200"]
        assert upstream.connections_total == upstream.connections_open == 1
        assert len(upstream.requests) == 4
        writer.close()
        await upstream.wait_closed_by_peer()
        assert upstream.connections_open == 0


async def test_an_error_keeps_the_connection_and_a_cut_does_not() -> None:
    """A complete answer leaves the connection usable, whatever its status."""
    async with Upstream(faults=["status=500,times=1", "cut"]) as upstream:
        reader, writer = await connect(upstream)
        writer.write(post())
        assert b" 500 " in await read_answer(reader)
        writer.write(post())
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        assert upstream.connections_total == 1
        writer.close()


@pytest.mark.parametrize("fault", ["garbage", "bad_chunk", "cut", "half_head"])
async def test_what_is_no_whole_answer_ends_the_connection(fault: str) -> None:
    """After it nothing on the connection could be understood."""
    async with Upstream(faults=[fault]) as upstream:
        reader, writer = await connect(upstream)
        writer.write(post())
        async with asyncio.timeout(1):
            await reader.read()
        writer.close()
        assert upstream.peer_closed_at == ()


async def test_a_stream_keeps_the_connection() -> None:
    """A stream that came to its end is a whole answer."""
    async with Upstream() as upstream:
        reader, writer = await connect(upstream)
        for _ in range(2):
            writer.write(post(json.dumps({**json.loads(BODY), "stream": True}).encode()))
            async with asyncio.timeout(1):
                assert b"[DONE]" in await reader.readuntil(b"\r\n0\r\n\r\n")
        assert upstream.connections_total == 1
        writer.close()


async def test_a_request_is_recorded_as_it_was_sent() -> None:
    """Method, path, query, headers in order and case, body and time are kept."""
    async with Upstream() as upstream:
        before = asyncio.get_running_loop().time()
        reader, writer = await connect(upstream)
        headers = ("X-One: 1", "x-two:2", "X-One: again")
        writer.write(post(BODY, *headers, path="/v1/chat/completions?a=b"))
        await read_answer(reader)
        writer.close()
        [request] = upstream.requests
    assert (request.method, request.path, request.query) == ("POST", "/v1/chat/completions", "a=b")
    assert request.headers[2:] == (("X-One", "1"), ("x-two", "2"), ("X-One", "again"))
    assert request.body == BODY
    assert request.json == json.loads(BODY)
    assert request.model == "gpt-4o"
    assert request.header("X-TWO") == "2"
    assert before <= request.at <= before + 5


async def test_a_chunked_body_is_put_together() -> None:
    """Transfer coding, chunk extensions and trailers are taken off."""
    async with Upstream() as upstream:
        reader, writer = await connect(upstream)
        head = b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        middle = b"%x;name=value\r\n%b\r\n" % (10, BODY[:10]) + b"%X\r\n%b\r\n" % (
            len(BODY) - 10,
            BODY[10:],
        )
        for byte in (head + middle + b"0\r\nTrailer: x\r\n\r\n") * 2:
            writer.write(bytes([byte]))
        for number in range(2):
            assert b" 200 " in await read_answer(reader)
            assert upstream.requests[number].body == BODY
        writer.close()


async def test_a_client_that_waits_for_permission_is_told_to_continue() -> None:
    """Expect: 100-continue gets its interim answer before the body."""
    async with Upstream() as upstream:
        reader, writer = await connect(upstream)
        message = post(BODY, "Expect: 100-continue")
        writer.write(message[: -len(BODY)])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(BODY)
        assert b" 200 " in await read_answer(reader)
        writer.close()


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET /v1/models HTTP/2\r\n\r\n", 400),
        (b"GET /v1/models HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /v1/models HTTP/1.1\r\nbad : name\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nx: " + b"x" * 70_000, 431),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2000, 431),
    ],
)
async def test_what_cannot_be_read_is_refused_and_the_connection_closed(
    say: Any, message: bytes, status: int
) -> None:
    """A request out of shape or bounds gets one error of the usual form."""
    async with Upstream() as upstream:
        heard = await say(upstream, message)
    assert heard.status == status
    assert heard.error["message"]
    assert heard.end in {"closed", "reset"}


@pytest.mark.parametrize("fault", ["hang", "hang_headers", "endless_body", "drip=5", "slow=60"])
async def test_a_client_that_leaves_is_noticed_at_once(fault: str) -> None:
    """The time of its leaving is known while the provider hangs or still answers."""
    async with Upstream(faults=[fault]) as upstream:
        await asyncio.sleep(0.01)
        before = asyncio.all_tasks()
        _, writer = await connect(upstream)
        writer.write(post())
        await upstream.wait_received()
        left = asyncio.get_running_loop().time()
        writer.transport.abort()
        noticed = await upstream.wait_closed_by_peer(timeout=1)
        assert noticed - left < 0.1
        assert upstream.peer_closed_at == (noticed,)
        await asyncio.sleep(0.01)
        assert upstream.connections_open == 0
        assert asyncio.all_tasks() == before


async def test_a_client_that_neither_reads_nor_sends_any_more_is_let_go() -> None:
    """What it has not read is given up, so that nothing of the connection stays."""
    async with Upstream(faults=["endless_body"]) as upstream:
        reader, writer = await connect(upstream)
        writer.write(post())
        await reader.readexactly(10)
        await asyncio.sleep(0.05)
        writer.write_eof()
        await upstream.wait_closed_by_peer()
        await asyncio.sleep(0.05)
        assert not upstream._clients._open
        writer.transport.abort()


async def test_a_client_that_still_sends_can_read_why_it_is_refused(say: Any) -> None:
    """The refusal of a body that is too long is not lost to a reset."""
    head = b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"
    async with Upstream() as upstream:
        heard = await say(upstream, head + b"x" * 3_000_000)
    assert (heard.status, heard.end) == (413, "closed")


async def test_a_test_can_wait_for_a_request() -> None:
    """wait_received returns the request that was waited for, and is bounded."""
    async with Upstream() as upstream:
        waiting = asyncio.create_task(upstream.wait_received(2))
        reader, writer = await connect(upstream)
        writer.write(post())
        await read_answer(reader)
        assert not waiting.done()
        writer.write(post(path="/v1/second"))
        assert (await waiting).path == "/v1/second"
        with pytest.raises(TimeoutError):
            await upstream.wait_received(3, timeout=0.02)
        writer.close()


async def test_waiting_for_a_client_that_stays_times_out() -> None:
    """The wait is bounded, and what the provider closes does not count."""
    async with Upstream(faults=["close"]) as upstream:
        reader, writer = await connect(upstream)
        writer.write(post())
        assert await reader.read() == b""
        with pytest.raises(TimeoutError):
            await upstream.wait_closed_by_peer(timeout=0.05)
        writer.close()


async def test_several_clients_that_leave_are_counted() -> None:
    """`wait_closed_by_peer` waits for as many as it is asked to."""
    async with Upstream(faults=["hang"]) as upstream:
        writers = [(await connect(upstream))[1] for _ in range(3)]
        waiting = asyncio.create_task(upstream.wait_closed_by_peer(3))
        for writer in writers:
            assert not waiting.done()
            writer.close()
            await asyncio.sleep(0.01)
        assert await waiting == upstream.peer_closed_at[2]


@pytest.mark.parametrize(
    "fault", ["hang", "hang_headers", "endless_body", "drip", "slow=60", "keepalives", "refuse"]
)
async def test_the_end_leaves_nothing_behind(fault: str) -> None:
    """Leaving a hanging provider is quick and leaves no task and no socket."""
    before = asyncio.all_tasks()
    loop = asyncio.get_running_loop()
    async with Upstream(faults=["hang"]) as upstream:
        clients = [await connect(upstream) for _ in range(3)]
        stream = json.dumps({**json.loads(BODY), "stream": True}).encode()
        upstream.faults = [fault]
        for _, writer in clients:
            writer.write(post(stream))
        await asyncio.sleep(0.05)
        start = loop.time()
    assert loop.time() - start < 0.5
    assert upstream.connections_open == 0
    for _, writer in clients:
        writer.transport.abort()
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before
    gc.collect()  # an unclosed socket or transport would warn, and warnings are errors


async def test_an_idle_provider_ends_before_it_ever_listened() -> None:
    """Entering and leaving at once is fine."""
    async with Upstream() as upstream:
        assert upstream.base_url.startswith("http://127.0.0.1:")
    with pytest.raises(RuntimeError, match="does not run"):
        _ = Upstream().base_url


async def test_a_port_that_is_taken_is_an_error() -> None:
    """Two providers cannot share a port."""
    async with Upstream() as upstream:
        port = int(upstream.base_url.removesuffix("/v1").rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            async with Upstream(port=port):
                raise AssertionError("it listens")


async def test_it_listens_on_ipv6(ask: Ask) -> None:
    """The address in the base URL is in brackets."""
    try:
        async with Upstream(host="::1") as upstream:
            assert upstream.base_url.startswith("http://[::1]:")
    except OSError:
        pytest.skip("this machine has no IPv6")


async def test_faults_change_at_any_time(ask: Ask) -> None:
    """Assign, fail and heal act from the next request on; text and faults are the same."""
    async with Upstream() as upstream:
        upstream.faults = ["status=500"]
        assert (await ask(upstream)).status == 500
        upstream.fail(Fault.parse("status=502"))
        assert (await ask(upstream)).status == 502
        assert [str(fault) for fault in upstream.faults] == ["status=502"]
        upstream.heal()
        assert (await ask(upstream)).status == 200
        assert upstream.faults == ()


async def test_a_script_answers_in_the_place_of_all_else(ask: Ask) -> None:
    """A script has the request and the wire, before every fault, until it is taken away."""

    async def answer(request: ReceivedRequest, wire: Wire) -> None:
        assert request.model == "gpt-4o"
        await wire.write(b"HTTP/1.1 299 Odd\r\n\r\nraw bytes")

    async with Upstream(faults=["status=500"]) as upstream:
        upstream.script(answer)
        heard = await ask(upstream)
        assert heard.raw == b"HTTP/1.1 299 Odd\r\n\r\nraw bytes"
        assert heard.end == "closed"
        upstream.script(None)
        assert (await ask(upstream)).status == 500


async def test_a_script_can_give_a_whole_answer() -> None:
    """After `wire.reply` the connection carries the next request."""

    async def answer(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.reply(HttpReply(201, b"made", "text/plain", (("x-odd", "yes"),)))

    async with Upstream() as upstream:
        upstream.script(answer)
        reader, writer = await connect(upstream)
        for _ in range(2):
            writer.write(post())
            head, _, body = (await read_answer(reader)).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 201 Created\r\ncontent-type: text/plain\r\n")
            assert b"x-odd: yes" in head
            assert body == b"made"
        writer.close()


async def test_a_script_that_is_wrong_is_heard_of(ask: Ask) -> None:
    """What a script raises is raised where the provider is left."""

    async def fail(_request: ReceivedRequest, _wire: Wire) -> None:
        raise LookupError("the script is wrong")

    async def use() -> None:
        async with Upstream() as upstream:
            upstream.script(fail)
            assert (await ask(upstream)).end == "closed"

    with pytest.raises(LookupError, match="the script is wrong"):
        await use()


async def test_nothing_is_kept_where_nothing_is_to_be_recorded(ask: Ask) -> None:
    """record=False bounds the memory of a provider that runs for long."""
    told: list[tuple[str, str]] = []
    async with Upstream(
        record=False, on_request=lambda request, outcome: told.append((request.path, outcome))
    ) as upstream:
        await ask(upstream)
        await ask(upstream, "models", method="GET")
        await asyncio.sleep(0.01)
        assert (upstream.requests, upstream.peer_closed_at) == ([], ())
    assert told == [("/v1/chat/completions", "200"), ("/v1/models", "200")]


async def test_the_repr_tells_the_state(ask: Ask) -> None:
    """One line: name, address, faults, counts."""
    upstream = Upstream("primary", ["hang,after=1"])
    assert repr(upstream) == (
        "<Upstream primary [not running] hang,after=1; 0 requests, 0 connections open>"
    )
    async with upstream:
        await ask(upstream)
        await asyncio.sleep(0.01)
        assert repr(upstream) == (
            f"<Upstream primary [{upstream.base_url}] hang,after=1; 1 requests, 0 connections open>"
        )
