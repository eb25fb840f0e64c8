"""The Responses API: its own events, and what its providers keep."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from elizanet.settings import Timeouts
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from elizanet.testing import ReceivedRequest, Wire
    from gateway.conftest import Serve

    Script = Callable[[ReceivedRequest, Wire], Awaitable[None]]

PATH = "/v1/responses"
ASK = b'{"model":"gpt-4o","input":"hi"}'
STREAM = b'{"model":"gpt-4o","input":"hi","stream":true}'
SHORT = Timeouts(total=5.0, attempt=0.4, first_event=0.4, stall=0.4)


def event(kind: str, **fields: object) -> bytes:
    data = json.dumps({"type": kind, **fields})
    return f"event: {kind}\ndata: {data}\n\n".encode()


CREATED = event("response.created", sequence_number=0, response={"id": "resp_1", "error": None})
DELTA = event("response.output_text.delta", sequence_number=1, delta="Hel")
COMPLETED = event(
    "response.completed", sequence_number=2, response={"id": "resp_1", "output": [{}]}
)
FAILED = event(
    "response.failed",
    sequence_number=2,
    response={"id": "r", "error": {"code": "rate_limit_exceeded", "message": "Rate limit reached"}},
)


SECRETS = (
    "node 10.0.0.9, key sk-of-primary-0123456789, org-abcdEFGH12345678,\\nsk-theirs-0123456789"
)
TOLD = (
    'event: response.failed\ndata: {"type" : "response.failed","sequence_number":2, "response":'
    ' {"id":"r", "text":"%s", "error" : {"code":"server_error" , "message":"%s"}},"x":1.0e0}\n\n'
)


def streaming(*pieces: bytes, end: bool = True) -> Script:
    """Answer with these pieces of a stream."""

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
        await wire.write(b"transfer-encoding: chunked\r\n\r\n")
        for piece in pieces:
            await wire.chunk(piece)
        if end:
            await wire.end_stream()

    return script


@pytest.mark.parametrize("kind", ["response.failed", "response.incomplete"])
async def test_a_failure_that_is_passed_on_is_told_without_secrets(
    serve: Serve, primary: Upstream, kind: str
) -> None:
    """As any other error is; what the answer holds, and every other byte, is the provider's."""
    told = (TOLD % ("10.0.0.9 \\ud83d", SECRETS)).replace("response.failed", kind).encode()
    primary.script(streaming(CREATED, DELTA, told))
    async with serve(primary) as gateway:
        heard = await gateway.ask(PATH, STREAM)
    shown = "node [redacted], key [redacted], [redacted],\\n[redacted]"
    expected = (TOLD % ("10.0.0.9 \\ud83d", shown)).replace("response.failed", kind).encode()
    assert heard.body == CREATED + DELTA + expected


@pytest.mark.parametrize(
    "fields",
    [
        {"error": {"message": "at 10.0.0.9"}},
        {"response": {"incomplete_details": {"reason": "at 10.0.0.9"}}},
        {"response": {"error": "at 10.0.0.9"}},
        {"response": None, "error": "at 10.0.0.9"},
    ],
)
async def test_wherever_a_final_event_tells_of_a_failure(
    serve: Serve, primary: Upstream, fields: dict[str, object]
) -> None:
    """In the event or in its response, in an object or a text."""
    primary.script(streaming(DELTA, event("response.failed", **fields)))
    async with serve(primary) as gateway:
        heard = await gateway.ask(PATH, STREAM)
    assert b"10.0" not in heard.body
    assert b"at [redacted]" in heard.body


def answering(body: bytes) -> Script:
    """Answer with this JSON."""

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        await wire.write(head % len(body) + body)

    return script


async def test_a_stream_comes_back_byte_for_byte(serve: Serve, primary: Upstream) -> None:
    """Keep-alives, unknown events and odd spacing too; there is no `[DONE]` unless there was."""
    events = (
        *(CREATED, b": ping\r\n\r\n", event("keepalive", sequence_number=7)),
        event("response.of_tomorrow", x=1).replace(b'": ', b'" :  '),
        *(DELTA, event("response.output_text.done", text="Hel"), COMPLETED),
    )
    async with serve(primary) as gateway:
        primary.script(streaming(*events))
        heard = await gateway.ask(PATH, STREAM)
        assert heard.body == b"".join(events)
        primary.script(streaming(*events, b"data: [DONE]\n\n"))
        heard = await gateway.ask(PATH, STREAM)
        assert heard.body == b"".join(events) + b"data: [DONE]\n\n"


async def test_the_last_event_ends_the_stream_at_once(serve: Serve, primary: Upstream) -> None:
    """Though the provider's connection stays open."""
    primary.script(streaming(CREATED, DELTA, COMPLETED, end=False))

    async def hold(request: ReceivedRequest, wire: Wire) -> None:
        await streaming(CREATED, DELTA, COMPLETED, end=False)(request, wire)
        await wire.silence()

    primary.script(hold)
    async with serve(primary) as gateway:
        heard = await gateway.ask(PATH, STREAM)
    assert heard.body == CREATED + DELTA + COMPLETED


BEFORE_CONTENT = {
    "a failed response": [CREATED, FAILED],
    "an error event": [CREATED, event("error", code="server_error", message="no", param=None)],
    "an error object": [CREATED, b'data: {"error":{"message":"no"}}\n\n'],
    "empty deltas": [CREATED, event("response.output_text.delta", delta="")],
    "a completed response without output": [
        CREATED,
        event("response.completed", response={"output": []}),
    ],
    "items that were only announced": [
        CREATED,
        event("response.output_item.added", item={"type": "message"}),
        event("response.content_part.added", part={"type": "output_text"}),
    ],
}


@pytest.mark.parametrize("events", BEFORE_CONTENT.values(), ids=BEFORE_CONTENT.keys())
async def test_until_the_first_content_another_provider_can_answer(
    serve: Serve, primary: Upstream, backup: Upstream, events: list[bytes]
) -> None:
    """The caller sees one stream, from its first event on."""
    primary.script(streaming(*events))
    async with serve(primary, backup, timeouts=SHORT) as gateway:
        heard = await gateway.ask(PATH, STREAM)
    assert heard.header("x-elizanet-provider") == "backup"
    assert heard.body.count(b"event: response.created") == 1
    assert b"resp_backup_" in heard.body
    assert b"event: response.completed" in heard.body


CONTENT = {
    "text": event("response.output_text.delta", delta="a"),
    "a refusal": event("response.refusal.delta", delta="no"),
    "reasoning": event("response.reasoning_summary_text.delta", delta="hm"),
    "arguments": event("response.function_call_arguments.delta", delta="{"),
    "a tool at work": event("response.mcp_call.in_progress", item_id="x"),
    "a picture": event("response.image_generation_call.partial_image", partial_image_b64="AAAA"),
    "a type of tomorrow": event("response.of_tomorrow", x=1),
}


@pytest.mark.parametrize("content", CONTENT.values(), ids=CONTENT.keys())
async def test_from_the_first_content_on_the_answer_is_its_providers(
    serve: Serve, primary: Upstream, backup: Upstream, content: bytes
) -> None:
    """Whatever a reader would miss; a tool that has begun is not begun again elsewhere."""
    primary.script(streaming(CREATED, content))
    async with serve(primary, backup) as gateway:
        heard = await gateway.ask(PATH, STREAM)
    assert heard.body.startswith(CREATED + content + b"event: error\ndata: ")
    assert backup.requests == []


async def test_a_response_that_fails_after_content_says_so_itself(
    serve: Serve, primary: Upstream
) -> None:
    """Its own last event is passed on, and nothing is added to it."""
    primary.script(streaming(CREATED, DELTA, FAILED))
    async with serve(primary) as gateway:
        heard = await gateway.ask(PATH, STREAM)
    assert heard.body == CREATED + DELTA + FAILED


async def test_an_error_event_after_content_is_passed_on_as_ours(
    serve: Serve, primary: Upstream
) -> None:
    """With the provider's reason, without its secrets."""
    words = "key sk-proj-abcdefghijklmnop0123456789 is slow"
    primary.script(streaming(CREATED, DELTA, event("error", code="server_error", message=words)))
    async with serve(primary) as gateway:
        heard = await gateway.ask(PATH, STREAM)
    last = json.loads(heard.body.split(b"\n\n")[-2].partition(b"data: ")[2])
    assert last["type"] == "error"
    assert last["sequence_number"] == 2
    assert "is slow" in last["message"]
    assert "sk-proj" not in heard.body.decode()


async def test_a_lone_providers_failed_response_is_an_error_with_its_words(
    serve: Serve, primary: Upstream
) -> None:
    """Before any content it has a status, and OpenAI's shape."""
    primary.script(streaming(CREATED, FAILED))
    async with serve(primary) as gateway:
        heard = await gateway.ask(PATH, STREAM)
    assert heard.status == 429
    assert heard.json["error"]["code"] == "rate_limit_exceeded"
    assert heard.json["error"]["message"] == "Rate limit reached"


@pytest.mark.parametrize(
    ("body", "moves"),
    [
        (b'{"id":"r","status":"failed","error":{"code":"server_error","message":"no"}}', True),
        (b'{"id":"r","status":"completed","output":[]}', True),
        (b'{"id":"r","status":"completed"}', True),
        (b"[]", True),
        (b'{"id":"r","status":"queued","output":[]}', False),
        (
            b'{"id":"r","status":"incomplete","output":[],"incomplete_details":{"reason":"x"}}',
            False,
        ),
        (b'{"id":"r","output":[{"type":"reasoning"}],"error":null}', False),
    ],
)
async def test_a_whole_response_is_what_it_promises_or_moves_on(
    serve: Serve, primary: Upstream, backup: Upstream, body: bytes, moves: bool
) -> None:
    """One that runs in the background, or was cut for length, is an answer."""
    primary.script(answering(body))
    async with serve(primary, backup) as gateway:
        heard = await gateway.ask(PATH, ASK)
    assert heard.status == 200
    assert heard.header("x-elizanet-provider") == ("backup" if moves else "primary")
    assert moves or heard.body == body


async def test_a_large_picture_is_one_event(serve: Serve, primary: Upstream) -> None:
    """Three megabytes of it, which no event of a chat ever has."""
    picture = event(
        "response.image_generation_call.partial_image", partial_image_b64="A" * 3_000_000
    )
    primary.script(streaming(CREATED, picture, COMPLETED))
    async with serve(primary) as gateway:
        heard = await gateway.ask(PATH, STREAM)
    assert heard.body == CREATED + picture + COMPLETED
