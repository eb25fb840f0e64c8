"""Paths that name no model: passed on to one provider, as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from elizanet.gateway.passthrough import SMALL
from elizanet.settings import CallerSettings, Secret, Timeouts
from elizanet.testing import Upstream
from support.forms import TYPE, form, part

if TYPE_CHECKING:
    from elizanet.testing import ReceivedRequest, Wire
    from gateway.conftest import Serve

    Script = Callable[[ReceivedRequest, Wire], Awaitable[None]]

BINARY = bytes(range(256)) * 100


def answering(status: str, body: bytes, *headers: str) -> Script:
    """Answer with exactly this."""

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        lines = [f"HTTP/1.1 {status}", *headers, f"content-length: {len(body)}", "", ""]
        await wire.write("\r\n".join(lines).encode() + body)

    return script


async def test_files_are_made_fetched_and_deleted(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """At the passthrough's provider, whoever is the first choice for calls."""
    upload = form(part("purpose", b"user_data"), part("file", BINARY, "a.bin"))
    async with serve(primary, backup, passthrough="backup") as gateway:
        made = await gateway.ask("/v1/files", upload, TYPE)
        name = made.json["id"]
        fetched = await gateway.get(f"/v1/files/{name}")
        content = await gateway.get(f"/v1/files/{name}/content")
        deleted = await gateway.ask(f"/v1/files/{name}", b"", method="DELETE")
    assert backup.requests[0].body == upload
    assert fetched.json["id"] == name
    assert content.body == b"x" * len(BINARY)
    assert content.header("content-length") == str(len(BINARY))
    assert deleted.json["deleted"] is True
    assert primary.requests == []
    assert content.header("x-elizanet-provider") == "backup"
    assert content.header("x-elizanet-attempts") == "1"
    assert content.header("x-elizanet-model") is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_method_path_query_and_body_are_the_callers(
    serve: Serve, primary: Upstream, method: str
) -> None:
    """Escapes stay as they were written."""
    primary.script(answering("201 Created", b'{"a":1.0e0}', "content-type: application/x; y=1"))
    path = "/v1/vector%20stores/%C3%A9%2Fx?after=a%2Fb&limit=2&q=%23"
    body = b'{ "x" : 1.0e0 }' if method in {"POST", "PUT", "PATCH", "DELETE"} else b""
    async with serve(primary, passthrough="primary") as gateway:
        heard = await gateway.ask(path, body, "Content-Type: application/z", method=method)
    assert heard.status == 201
    assert heard.body == (b"" if method == "HEAD" else b'{"a":1.0e0}')
    assert heard.header("content-type") == "application/x; y=1"
    (received,) = primary.requests
    assert (received.method, f"{received.path}?{received.query}") == (method, path)
    assert received.body == body
    assert received.header("content-type") == "application/z"


async def test_credentials_are_the_gateways_and_headers_are_chosen(
    serve: Serve, primary: Upstream
) -> None:
    """What the request is goes up; who sends it does not."""
    async with serve(primary, passthrough="primary", keys=["caller-key"]) as gateway:
        heard = await gateway.get(
            "/v1/files/file-primary-1-3/content",
            *("Authorization: Bearer caller-key", "Cookie: a=b", "X-Forwarded-For: 10.0.0.9"),
            *("OpenAI-Beta: assistants=v2", "Range: bytes=0-1", "Accept: application/binary"),
            *("OpenAI-Organization: org-caller", "If-None-Match: x"),
        )
    assert heard.status == 200
    (received,) = primary.requests
    assert received.header("authorization") == "Bearer sk-of-primary-0123456789"
    assert received.header("openai-beta") == "assistants=v2"
    assert received.header("range") == "bytes=0-1"
    assert received.header("accept") == "application/binary"
    assert received.header("if-none-match") == "x"
    assert received.header("x-elizanet-hop")
    told = str(received.headers).lower()
    assert not [
        word for word in ("cookie", "forwarded", "org-caller", "caller-key") if word in told
    ]


async def test_without_a_provider_for_them_other_paths_are_404(
    serve: Serve, primary: Upstream
) -> None:
    """In OpenAI's shape, and nobody is asked; known paths keep their 405."""
    async with serve(primary) as gateway:
        for path in ("/v1/files", "/v1/batches/batch_1", "/v1/responses/resp_1", "/v1/"):
            heard = await gateway.get(path)
            assert (heard.status, heard.error["code"]) == (404, "unknown_url")
        assert (await gateway.get("/v1/chat/completions")).status == 405
    assert primary.requests == []


async def test_what_the_gateway_answers_itself_is_not_passed_on(
    serve: Serve, primary: Upstream
) -> None:
    """Models are those of the chains; other methods on these paths are the provider's affair."""
    async with serve(primary, passthrough="primary") as gateway:
        listed = await gateway.get("/v1/models")
        one = await gateway.get("/v1/models/gpt-4o")
        assert primary.requests == []
        deleted = await gateway.ask("/v1/models/ft:gpt-4o", b"", method="DELETE")
        chats = await gateway.get("/v1/chat/completions?limit=1")
        outside = await gateway.get("/files")
    assert [model["id"] for model in listed.json["data"]] == ["gpt-4o"]
    assert one.json["id"] == "gpt-4o"
    assert (deleted.status, chats.status, outside.status) == (404, 404, 404)
    asked = [(each.method, each.path) for each in primary.requests]
    assert asked == [("DELETE", "/v1/models/ft:gpt-4o"), ("GET", "/v1/chat/completions")]


@pytest.mark.parametrize(
    "path",
    ["/v1/../admin", "/v1/files/../../x", "/v1/%2e%2e/admin", "/v1/files/%2E%2E%2fx", "/v1/x/./y",
     "/v1/..%5cadmin", "/%761/files"],
)  # fmt: skip
async def test_no_path_leads_out_of_the_api(serve: Serve, primary: Upstream, path: str) -> None:
    """Dots in any spelling are refused."""
    async with serve(primary, passthrough="primary") as gateway:
        heard = await gateway.get(path)
    assert heard.status == 404
    assert primary.requests == []


async def test_a_large_body_streams_up_without_being_kept(serve: Serve, primary: Upstream) -> None:
    """Also one larger than `max_body`, with its length or in chunks."""
    body = b"x" * 5_000_000
    async with serve(primary, passthrough="primary", max_body=1000) as gateway:
        await gateway.ask("/v1/uploads/u/parts", body)
        connection = await gateway.connect()
        connection.send(
            b"POST /v1/uploads/u/parts HTTP/1.1\r\nHost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for start in range(0, len(body), 500_000):
            connection.send(b"7a120\r\n%b\r\n" % body[start : start + 500_000])
        connection.send(b"0\r\n\r\n")
        await connection.hear()
    assert [each.body == body for each in primary.requests] == [True, True]
    assert primary.requests[0].header("content-length") == str(len(body))
    assert primary.requests[1].header("transfer-encoding") == "chunked"


@pytest.mark.parametrize("size", [1, SMALL, SMALL + 1])
async def test_bodies_of_every_size_arrive(serve: Serve, primary: Upstream, size: int) -> None:
    """Around the size up to which one is read before it is sent."""
    async with serve(primary, passthrough="primary") as gateway:
        await gateway.ask("/v1/batches", b"x" * size)
    assert primary.requests[0].body == b"x" * size


async def test_an_answer_is_passed_on_while_it_comes(serve: Serve, primary: Upstream) -> None:
    """A stored response that is streamed again, for example."""
    heard_first = asyncio.Event()

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
        await wire.write(b"transfer-encoding: chunked\r\n\r\n")
        await wire.chunk(b"data: 1\n\n")
        await heard_first.wait()
        await wire.chunk(b"data: 2\n\n")
        await wire.end_stream()

    primary.script(script)
    async with serve(primary, passthrough="primary") as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request("/v1/responses/resp_1?stream=true", b"", method="GET"))
        await connection.hear(head_only=True)
        chunks = connection.chunks()
        async with asyncio.timeout(2):
            assert await anext(chunks) == b"data: 1\n\n"
            heard_first.set()
            assert [chunk async for chunk in chunks] == [b"data: 2\n\n"]


@pytest.mark.parametrize(
    ("fault", "status"),
    [("status=404", 404), ("status=500", 500), ("rate_limit,retry-after=7", 429), ("close", 502),
     ("refuse", 502), ("garbage", 502)],
)  # fmt: skip
async def test_a_failure_is_told_once_and_not_tried_again(
    serve: Serve, primary: Upstream, backup: Upstream, fault: str, status: int
) -> None:
    """With the provider's own words and status where there are any."""
    primary.fail(fault)
    async with serve(primary, backup, passthrough="primary") as gateway:
        heard = await gateway.get("/v1/files/file-primary-1-3")
    assert heard.status == status
    assert heard.error["message"]
    assert heard.header("x-elizanet-provider") == "primary"
    assert heard.header("x-request-id")
    if "retry-after" in fault:
        assert heard.header("retry-after") == "7"
    assert len(primary.requests) == (0 if fault == "refuse" else 1)
    assert backup.requests == []


@pytest.mark.parametrize("status", ["302 Found", "307 Temporary Redirect"])
async def test_a_redirect_is_not_passed_on(
    serve: Serve, primary: Upstream, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It would lead the caller, and its key, to an address of the provider's; the log names it."""
    primary.script(answering(status, b"", "location: http://10.0.0.7/secret"))
    async with serve(primary, passthrough="primary") as gateway:
        heard = await gateway.get("/v1/files/f/content")
    assert heard.status == 502
    told = f"status {status[:3]}: it redirects elsewhere, where nobody follows"
    assert heard.error["message"] == told
    assert f"GET /v1/files/f/content was not answered: {told}" in caplog.text
    assert "10.0.0.7" not in str(heard) + caplog.text


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_without_a_body_is_one(
    serve: Serve, primary: Upstream, status: str
) -> None:
    """As its status says."""

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        length = "" if status.startswith("204") else "content-length: 100\r\n"
        await wire.write(f"HTTP/1.1 {status}\r\nx-a: b\r\n{length}\r\n".encode())

    primary.script(script)
    async with serve(primary, passthrough="primary") as gateway:
        heard = await gateway.ask("/v1/x", b"", method="DELETE")
    assert heard.status == int(status[:3])
    assert heard.header("x-a") == "b"
    assert heard.body == b""


@pytest.mark.parametrize("fault", ["hang", "hang_headers"])
async def test_silence_ends_in_time(serve: Serve, primary: Upstream, fault: str) -> None:
    """Before the head it is a 504; inside the body the connection is cut."""
    primary.fail(fault)
    short = Timeouts(total=0.3, attempt=0.3)
    async with serve(primary, passthrough="primary", timeouts=short) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request("/v1/files/file-primary-1-3", b"", method="GET"))
        async with asyncio.timeout(3):
            heard = await connection.hear(head_only=True)
            rest = await connection.ended() if heard.status == 200 else b""
    assert heard.status == (504 if fault == "hang" else 200)
    assert not rest.endswith(b"0\r\n\r\n")


async def test_a_caller_may_shorten_these_requests_too(serve: Serve, primary: Upstream) -> None:
    """With the same header as calls."""
    primary.fail("hang")
    async with serve(primary, passthrough="primary") as gateway:
        heard = await gateway.get("/v1/files/f", "x-request-timeout-ms: 200")
    assert (heard.status, heard.error["type"]) == (504, "timeout")


async def test_a_caller_who_leaves_ends_the_request(serve: Serve, primary: Upstream) -> None:
    """While its body goes up as well as while the answer is awaited."""
    primary.fail("hang")
    async with serve(primary, passthrough="primary") as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request("/v1/files/f", b"", method="GET"))
        await primary.wait_received()
        connection.leave()
        await primary.wait_closed_by_peer(timeout=1.0)
        connection = await gateway.connect()
        connection.send(gateway.request("/v1/files", b"x" * 5_000_000)[:2_000_000])
        async with asyncio.timeout(2):
            while not primary.connections_open:
                await asyncio.sleep(0.01)
        connection.leave()
        await primary.wait_closed_by_peer(2, timeout=1.0)
        await gateway.settle()


async def test_a_gateway_behind_itself_is_noticed(serve: Serve, primary: Upstream) -> None:
    """The hop header goes up with these requests, too."""
    async with serve(primary, passthrough="primary") as gateway:
        await gateway.get("/v1/files/f")
        hop = primary.requests[0].header("x-elizanet-hop")
        heard = await gateway.get("/v1/files/f", f"x-elizanet-hop: {hop}")
    assert heard.status == 508
    assert len(primary.requests) == 1


async def test_a_caller_with_a_list_of_models_has_no_passthrough(
    serve: Serve, primary: Upstream
) -> None:
    """A batch could name any model."""
    team = CallerSettings("team", Secret("team-key"), models=("gpt-4o",))
    async with serve(primary, passthrough="primary", callers=[team]) as gateway:
        heard = await gateway.ask("/v1/batches", b"{}", "Authorization: Bearer team-key")
    assert heard.status == 403
    assert primary.requests == []
