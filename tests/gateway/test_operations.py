"""Every endpoint that names a model: relayed byte for byte, and answered by the next provider."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from elizanet.settings import Timeouts
from elizanet.testing import Upstream
from support.forms import TYPE, audio_form, form, part

if TYPE_CHECKING:
    from elizanet.testing import ReceivedRequest, Wire
    from gateway.conftest import Running, Serve

    Script = Callable[[ReceivedRequest, Wire], Awaitable[None]]

SHORT = Timeouts(total=5.0, attempt=0.4, first_event=0.4, stall=0.4)
IMAGE = part("image", b"\x89PNG\r\n\x1a\n", "a.png", "Content-Type: image/png")
AUDIO = b"ID3\x00\xff\r\n--\r\n" * 50
JSON = "Content-Type: application/json"


def encoded(**fields: object) -> bytes:
    return json.dumps({"model": "gpt-4o", **fields}).encode()


REQUESTS = {
    "chat/completions": (encoded(messages=[{"role": "user", "content": "hi"}]), JSON),
    "completions": (encoded(prompt="hi"), JSON),
    "embeddings": (encoded(input=["a", "b"]), JSON),
    "moderations": (encoded(input=["a", "b"]), JSON),
    "responses": (encoded(input="hi"), JSON),
    "images/generations": (encoded(prompt="a cat"), JSON),
    "images/edits": (form(IMAGE, part("prompt", b"a cat"), part("model", b"gpt-4o")), TYPE),
    "images/variations": (form(part("model", b"gpt-4o"), IMAGE), TYPE),
    "audio/speech": (encoded(input="hello", voice="alloy"), JSON),
    "audio/transcriptions": (audio_form(AUDIO), TYPE),
    "audio/translations": (audio_form(AUDIO, response_format="verbose_json"), TYPE),
}
STREAMS = {
    "responses": (encoded(input="hi", stream=True), JSON),
    "images/generations": (encoded(prompt="a cat", stream=True, partial_images=2), JSON),
    "images/edits": (
        form(IMAGE, part("prompt", b"a cat"), part("stream", b"true"), part("model", b"gpt-4o")),
        TYPE,
    ),
    "audio/speech": (encoded(input="hello", voice="alloy", stream_format="sse"), JSON),
    "audio/transcriptions": (audio_form(AUDIO, stream="true"), TYPE),
}
UNARY = pytest.mark.parametrize(("path", "request_"), REQUESTS.items(), ids=REQUESTS.keys())
STREAMED = pytest.mark.parametrize(("path", "request_"), STREAMS.items(), ids=STREAMS.keys())
Request = tuple[bytes, str]


@UNARY
async def test_a_request_is_relayed_as_it_is(
    serve: Serve, primary: Upstream, path: str, request_: Request
) -> None:
    """The same bytes with the same content type reach the same path; headers tell of it."""
    body, content_type = request_
    async with serve(primary) as gateway:
        heard = await gateway.ask(f"/v1/{path}", body, content_type)
    assert heard.status == 200, heard.body
    (received,) = primary.requests
    assert received.endpoint == path
    assert received.body == body
    assert received.header("content-type") == content_type.partition(": ")[2]
    assert received.header("authorization") == "Bearer sk-of-primary-0123456789"
    assert heard.header("x-elizanet-provider") == "primary"
    assert heard.header("x-elizanet-attempts") == "1"
    assert heard.header("x-request-id") == "req_primary_1"


@UNARY
async def test_only_the_model_is_another_one(
    serve: Serve, primary: Upstream, path: str, request_: Request
) -> None:
    """In a form too, its value is all that changes."""
    body, content_type = request_
    async with serve(primary, target_model="another") as gateway:
        heard = await gateway.ask(f"/v1/{path}", body, content_type)
    assert heard.status == 200
    assert primary.requests[0].body == body.replace(b"gpt-4o", b"another")
    assert heard.header("x-elizanet-model") == "another"


@UNARY
@pytest.mark.parametrize(
    ("fault", "told"),
    {
        "status=503": "overloaded",
        "rate_limit,retry-after=9": "rate_limit",
        "close": "connection",
        "hang": "timeout",
        "cut": "malformed_response",
        "html200": "malformed_response",
        "empty200": "malformed_response",
        "error200": "overloaded",
        "hang_headers": "timeout",
    }.items(),
)
async def test_the_next_provider_answers_whatever_is_asked(
    serve: Serve,
    primary: Upstream,
    backup: Upstream,
    path: str,
    request_: Request,
    fault: str,
    told: str,
) -> None:
    """The whole body goes to it again, whatever kind it is."""
    if path == "audio/speech" and fault == "cut":
        fault = "cut=0"  # the first byte of another kind would commit the answer
    body, content_type = request_
    primary.fail(fault)
    async with serve(primary, backup, timeouts=SHORT) as gateway:
        heard = await gateway.ask(f"/v1/{path}", body, content_type)
    assert heard.status == 200, heard.body
    assert heard.header("x-elizanet-provider") == "backup"
    assert heard.header("x-elizanet-fallback") == told
    assert backup.requests[0].body == body


@STREAMED
async def test_a_stream_is_passed_on_event_for_event(
    serve: Serve, primary: Upstream, path: str, request_: Request
) -> None:
    """What the caller hears is what the provider says to whoever asks it directly."""
    body, content_type = request_
    async with serve(primary) as gateway:
        heard = await gateway.ask(f"/v1/{path}", body, content_type)
        streamed = primary.requests[0]
        direct = await ask_directly(gateway, primary, path, streamed)
    assert heard.status == 200
    assert (heard.header("content-type") or "").startswith("text/event-stream")
    assert without_numbers(heard.body) == without_numbers(direct)
    assert len(heard.chunks) >= 2


@STREAMED
@pytest.mark.parametrize(
    "fault", ["status=503", "hang", "error_event=0", "cut_stream=0", "keepalives", "html200"]
)
async def test_a_stream_without_content_yet_starts_elsewhere(
    serve: Serve, primary: Upstream, backup: Upstream, path: str, request_: Request, fault: str
) -> None:
    """Nothing of the first provider is seen."""
    body, content_type = request_
    primary.fail(fault)
    async with serve(primary, backup, timeouts=SHORT) as gateway:
        heard = await gateway.ask(f"/v1/{path}", body, content_type)
        alone = await gateway.ask(f"/v1/{path}", body, content_type, "x-elizanet-no-fallback: 1")
    assert heard.status == 200
    assert heard.header("x-elizanet-provider") == "backup"
    assert b"primary" not in heard.body
    assert b"error" not in heard.body.replace(b'"error":null', b"")
    assert alone.status >= 400
    assert alone.error["message"]


@STREAMED
@pytest.mark.parametrize(
    "fault", ["cut_stream=1", "cut_stream=1,how=reset", "stall_stream=1", "error_event=1"]
)
async def test_a_stream_that_breaks_ends_with_an_error_event(
    serve: Serve, primary: Upstream, backup: Upstream, path: str, request_: Request, fault: str
) -> None:
    """What came is passed on; the end says that it is not whole, in an event with a type."""
    body, content_type = request_
    primary.fail(fault)
    async with serve(primary, backup, timeouts=SHORT) as gateway:
        heard = await gateway.ask(f"/v1/{path}", body, content_type)
    assert heard.status == 200
    *_, before, last, rest = heard.body.split(b"\n\n")
    assert rest == b""
    name, _, data = last.partition(b"\n")
    assert name == b"event: error"
    told = json.loads(data.removeprefix(b"data: "))
    assert told["type"] == "error"
    assert told["code"] == told["error"]["code"] == "stream_interrupted"
    assert told["message"] == told["error"]["message"] != ""
    assert told["error"]["partial"] is True
    number = json.loads(before.partition(b"data: ")[2])["sequence_number"]
    assert told["sequence_number"] == number + 1
    assert backup.requests == []


@STREAMED
async def test_a_stream_without_its_last_event_is_not_whole(
    serve: Serve, primary: Upstream, path: str, request_: Request
) -> None:
    """A clean end of the connection proves nothing."""
    body, content_type = request_
    primary.fail("no_finish")
    async with serve(primary) as gateway:
        heard = await gateway.ask(f"/v1/{path}", body, content_type)
    assert b"event: error\n" in heard.body


@UNARY
async def test_a_provider_is_told_what_may_come_back(
    serve: Serve, primary: Upstream, path: str, request_: Request
) -> None:
    """JSON where it must be JSON, encoded or not; anything, as it is, where it may be audio."""
    body, content_type = request_
    async with serve(primary) as gateway:
        await gateway.ask(f"/v1/{path}", body, content_type)
    (received,) = primary.requests
    any_type = path.startswith("audio/")
    assert received.header("accept") == ("*/*" if any_type else "application/json")
    assert ("gzip" in received.header("accept-encoding")) is not any_type


OLDER = {
    "images/generations": encoded(prompt="a cat", stream=True).replace(b"gpt-4o", b"dall-e-3"),
    "audio/transcriptions": audio_form(AUDIO, "whisper-1", stream="true"),
}


@pytest.mark.parametrize(("path", "body"), OLDER.items(), ids=OLDER.keys())
async def test_an_older_model_may_answer_whole(
    serve: Serve, primary: Upstream, path: str, body: bytes
) -> None:
    """It ignores `stream`; that is what its API promises."""
    content_type = TYPE if path.startswith("audio") else JSON
    async with serve(primary, model="*") as gateway:
        heard = await gateway.ask(f"/v1/{path}", body, content_type)
    assert heard.status == 200
    assert heard.header("content-type") == "application/json"
    assert heard.header("content-length")


@pytest.mark.parametrize("kind", ["text", "srt", "vtt", "json", "verbose_json"])
async def test_a_transcript_comes_in_the_format_that_was_asked_for(
    serve: Serve, primary: Upstream, backup: Upstream, kind: str
) -> None:
    """Also as plain text; and what is no transcript of that format moves the call."""
    body = audio_form(AUDIO, response_format=kind)
    async with serve(primary, backup) as gateway:
        heard = await gateway.ask("/v1/audio/transcriptions", body, TYPE)
        primary.script(saying(b"<html>log in</html>" if kind != "vtt" else b"1\n00:00"))
        moved = await gateway.ask("/v1/audio/transcriptions", body, TYPE)
    assert b"primary heard" in heard.body
    assert b"backup heard" in moved.body
    assert moved.header("x-elizanet-fallback") == "malformed_response"


async def test_the_model_may_be_left_out_where_the_api_allows_it(
    serve: Serve, primary: Upstream
) -> None:
    """Then OpenAI's default is meant, and the body stays as it is for a target that keeps it."""
    image = form(IMAGE, part("prompt", b"a cat"))
    bodies = {"moderations": (b'{"input":"a"}', JSON), "images/edits": (image, TYPE)}
    async with serve(primary, model="*") as gateway:
        for path, (body, content_type) in bodies.items():
            heard = await gateway.ask(f"/v1/{path}", body, content_type)
            assert heard.status == 200
            assert primary.requests[-1].body == body
    async with serve(primary, model="*", target_model="another") as gateway:
        for path, (body, content_type) in bodies.items():
            heard = await gateway.ask(f"/v1/{path}", body, content_type)
            assert heard.status == 200
            assert primary.requests[-1].model == "another"
            assert len(primary.requests[-1].body) - len(body) < 120
        null = await gateway.ask("/v1/moderations", b'{"model":null,"input":"a"}', JSON)
        assert null.status == 200
        assert primary.requests[-1].body == b'{"model":"another","input":"a"}'


@pytest.mark.parametrize("path", ["chat/completions", "audio/speech", "responses", "embeddings"])
async def test_elsewhere_a_model_is_needed(serve: Serve, primary: Upstream, path: str) -> None:
    """A 400 that names the field, and no provider asked."""
    async with serve(primary, model="*") as gateway:
        heard = await gateway.ask(f"/v1/{path}", b'{"input":"a"}')
    assert heard.status == 400
    assert heard.error["param"] == "model"
    assert primary.requests == []


def saying(body: bytes) -> Script:
    """Answer with plain text."""

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n"
        await wire.write(head % len(body) + body)

    return script


async def ask_directly(
    gateway: Running, upstream: Upstream, path: str, received: ReceivedRequest
) -> bytes:
    """What a provider says when the gateway is not there."""
    port = int(upstream.base_url.split(":")[2].split("/")[0])
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        content_type = f"Content-Type: {received.header('content-type')}"
        request = gateway.request(f"/v1/{path}", received.body, content_type, "Connection: close")
        writer.write(request)
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    _, _, chunks = answer.partition(b"\r\n\r\n")
    return b"".join(re.findall(rb"[0-9a-f]+\r\n((?:(?!\r\n).)+)\r\n", chunks, re.DOTALL))


def without_numbers(body: bytes) -> bytes:
    """A body without the digits, which count requests and seconds."""
    return body.translate(None, b"0123456789")
