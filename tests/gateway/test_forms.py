"""Forms: kept and replayed up to the bound, streamed beyond it, refused where they are ambiguous."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from elizanet.call import Bound
from elizanet.settings import CallerSettings, Secret, Timeouts
from elizanet.telemetry import CallEnded, TelemetryEvent
from elizanet.testing import Upstream
from support.forms import BOUNDARY, TYPE, audio_form, form, part
from support.raw_server import RawServer, raw_server

if TYPE_CHECKING:
    from elizanet.testing import ReceivedRequest, Wire
    from gateway.conftest import Heard, Running, Serve

PATH = "/v1/audio/transcriptions"
SHORT = Timeouts(total=5.0, attempt=0.4, first_event=0.4, stall=0.4)
MODEL = part("model", b"gpt-4o")
SMALL = 100_000
HEAD_END = b"\r\n\r\n"


def large(size: int = 3_000_000, *, model_first: bool = True) -> bytes:
    file = part("file", b"\xff\x00\r\n-" * (size // 5), "a.mp3", "Content-Type: audio/mpeg")
    return form(MODEL, file) if model_first else form(file, MODEL)


@pytest.mark.parametrize(
    "body",
    [
        audio_form(b"\r\n--" + BOUNDARY.encode()[:-1]),
        form(part("prompt", b'name="model"\r\n\r\ngpt-4o'), MODEL, part("file", b"x", "a")),
        b"\r\n" + audio_form(b"x"),
        form(part("language", "größe".encode()), MODEL, part("file", b"", "ö.mp3")),
    ],
    ids=["near a boundary", "a prompt like a field", "a preamble", "other scripts"],
)
async def test_an_unusual_form_arrives_byte_for_byte(
    serve: Serve, primary: Upstream, body: bytes
) -> None:
    """Nothing in it is decoded or written anew."""
    async with serve(primary, target_model="another") as gateway:
        heard = await gateway.ask(PATH, body, TYPE)
    assert heard.status == 200, heard.body
    field = MODEL.removesuffix(b"gpt-4o\r\n")
    assert primary.requests[0].body == body.replace(field + b"gpt-4o", field + b"another")


HOSTILE = {
    "two models": form(MODEL, part("model", b"gpt-4"), part("file", b"x", "a")),
    "a model hidden behind a line feed": form(
        MODEL, part("file", b"x\n--" + BOUNDARY.encode() + b"\r\n" + MODEL, "a")
    ),
    "a model that is a file": form(part("model", b"gpt-4o", "m")),
    "no end": form(MODEL)[:-4],
    "many parts": form(*[part("x", b"")] * 2000, MODEL),
    "no form at all": b'{"model":"gpt-4o"}',
    "nothing": b"",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_form_is_refused_and_nobody_is_asked(
    serve: Serve, primary: Upstream, body: bytes
) -> None:
    """One sentence in OpenAI's shape."""
    async with serve(primary) as gateway:
        heard = await gateway.ask(PATH, body, TYPE)
    assert heard.status == 400
    assert heard.error["code"] == "invalid_form"
    assert "\n" not in heard.error["message"]
    assert primary.requests == []


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        ("multipart/form-data", "invalid_form"),
        ("multipart/form-data; boundary=a; boundary=b", "invalid_form"),
        ("Multipart/Form-Data; boundary=a{b", "invalid_form"),
        ("multipart/mixed; boundary=a", "invalid_json"),
        ("application/x-www-form-urlencoded", "invalid_json"),
    ],
)
async def test_what_is_no_form_is_not_read_as_one(
    serve: Serve, primary: Upstream, content_type: str, code: str
) -> None:
    """A 400 that says what is wrong."""
    async with serve(primary) as gateway:
        heard = await gateway.ask(PATH, audio_form(b"x"), f"Content-Type: {content_type}")
    assert (heard.status, heard.error["code"]) == (400, code)
    assert primary.requests == []


async def test_a_form_without_a_model_is_refused(serve: Serve, primary: Upstream) -> None:
    """Audio has no default model."""
    async with serve(primary) as gateway:
        heard = await gateway.ask(PATH, form(part("file", b"x", "a")), TYPE)
    assert (heard.status, heard.error["param"]) == (400, "model")


async def test_an_upload_over_the_bound_streams_to_the_first_target(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """While it comes in; every byte arrives, with the target's model in the place of ours."""
    body = large()
    async with serve(primary, backup, max_body=SMALL, target_model="another") as gateway:
        heard = await gateway.ask(PATH, body, TYPE)
        chunked = await ask_in_chunks(gateway, body)
    assert heard.status == chunked.status == 200
    assert [received.body == body.replace(b"gpt-4o", b"another") for received in primary.requests]
    assert primary.requests[0].header("content-length") == str(len(body) + 1)
    assert primary.requests[1].header("transfer-encoding") == "chunked"
    assert backup.requests == []


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("response_format", b"text", b"primary heard"),
        ("stream", b"true", b"event: transcript.text.done"),
    ],
)
async def test_fields_behind_a_large_file_are_the_providers_affair(
    serve: Serve, primary: Upstream, field: str, value: bytes, told: bytes
) -> None:
    """The answer to them is passed on, though nobody here has read them in time."""
    file = part("file", b"x" * 1_000_000, "a.mp3")
    async with serve(primary, max_body=SMALL) as gateway:
        heard = await gateway.ask(PATH, form(MODEL, file, part(field, value)), TYPE)
    assert heard.status == 200
    assert told in heard.body


async def test_an_upload_is_passed_on_while_it_comes_in(serve: Serve, primary: Upstream) -> None:
    """What is over the bound is not kept until the end."""
    body = large()
    received = asyncio.Event()

    async def script(_request: ReceivedRequest, _wire: Wire) -> None:
        received.set()

    primary.script(script)
    async with serve(primary, max_body=SMALL) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(PATH, body, TYPE)[: len(body) // 2])
        async with asyncio.timeout(2):
            while not primary.connections_open:
                await asyncio.sleep(0.01)
        assert not received.is_set()
        connection.leave()
        await primary.wait_closed_by_peer(timeout=1.0)
        await gateway.settle()


@pytest.mark.parametrize("fault", ["status=503", "close", "rate_limit", "hang"])
async def test_a_streamed_upload_is_never_sent_twice(
    serve: Serve, primary: Upstream, backup: Upstream, fault: str
) -> None:
    """Its failure is the caller's answer: nobody has the bytes any more."""
    primary.fail(fault)
    told: list[TelemetryEvent] = []
    limits = Timeouts(attempt=0.5)
    async with serve(
        primary, backup, max_body=SMALL, timeouts=limits, sinks=(told.append,)
    ) as gateway:
        heard = await gateway.ask(PATH, large(), TYPE)
    assert heard.status in {429, 502, 503, 504}
    assert [event.bound for event in told if isinstance(event, CallEnded)] == [Bound.UPLOAD]
    assert heard.error["message"]
    assert len(primary.requests) <= 1
    assert backup.requests == []


async def test_an_upload_that_was_not_begun_may_be_tried_again(serve: Serve) -> None:
    """A provider that cannot be reached has taken nothing of it."""
    async with Upstream("primary") as primary:
        primary.fail("refuse")
        async with serve(primary, max_body=SMALL) as gateway:
            heard = await gateway.ask(PATH, large(), TYPE)
    assert heard.status == 502
    assert heard.header("x-elizanet-attempts") == "2"


@pytest.mark.parametrize("fault", ["refuse", "rate_limit,retry-after=60", "status=401"])
async def test_an_upload_goes_elsewhere_as_long_as_nothing_of_it_was_sent(
    serve: Serve, primary: Upstream, backup: Upstream, fault: str
) -> None:
    """Nobody listens there, or another call has learnt that it need not be asked."""
    primary.fail(fault)
    async with serve(primary, backup, max_body=SMALL) as gateway:
        if fault != "refuse":
            assert (
                await gateway.ask(PATH, form(MODEL, part("file", b"x", "a.mp3")), TYPE)
            ).status == 200
        backup.requests.clear()
        primary.requests.clear()
        heard = await gateway.ask(PATH, large(), TYPE)
    assert (heard.status, heard.header("x-elizanet-provider")) == (200, "backup")
    assert heard.header("x-elizanet-fallback") is not None
    assert [received.body for received in backup.requests] == [large()]
    assert primary.requests == []


async def test_an_upload_has_all_the_time_of_its_call(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """None is kept for a second target: there will be none once it has begun."""
    primary.fail("slow=0.8")
    async with serve(primary, backup, max_body=SMALL) as gateway:
        heard = await gateway.ask(PATH, large(), TYPE, "x-request-timeout-ms: 1500")
    assert (heard.status, heard.header("x-elizanet-provider")) == (200, "primary")


async def test_a_caller_who_leaves_after_an_upload_ends_the_call(
    serve: Serve, primary: Upstream
) -> None:
    """Also while the answer to it is awaited."""
    primary.fail("hang")
    async with serve(primary, max_body=SMALL) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(PATH, large(), TYPE))
        await primary.wait_received()
        connection.leave()
        await primary.wait_closed_by_peer(timeout=1.0)
        await gateway.settle()


async def test_a_provider_may_refuse_an_upload_before_its_end(
    serve: Serve, primary: Upstream
) -> None:
    """Its reason reaches the caller, though the rest was not sent."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(HEAD_END)
        await reader.readexactly(SMALL)
        body = b'{"error":{"message":"too much audio","code":"too_large"}}'
        head = b"HTTP/1.1 413 Too Large\r\ncontent-type: application/json\r\n"
        writer.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        await reader.read()

    async with raw_server(talk) as server, serve(Raw(server), max_body=SMALL) as gateway:
        heard = await gateway.ask(PATH, large(20_000_000), TYPE)
    assert heard.status == 413
    assert heard.json["error"]["message"] == "too much audio"


async def test_a_large_upload_needs_its_model_before_its_file(
    serve: Serve, primary: Upstream
) -> None:
    """A 413 that says what would help."""
    async with serve(primary, max_body=SMALL) as gateway:
        heard = await gateway.ask(PATH, large(model_first=False), TYPE)
    assert heard.status == 413
    assert heard.error["code"] == "request_too_large"
    assert "before the file" in heard.error["message"]
    assert primary.requests == []


async def test_a_second_model_in_the_rest_ends_the_call(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """It would be another request than the one that was routed and allowed."""
    file = part("file", b"x" * 1_000_000, "a.mp3")
    body = form(MODEL, file, part("model", b"gpt-4"))
    async with serve(primary, backup, max_body=SMALL) as gateway:
        heard = await gateway.ask(PATH, body, TYPE)
    assert heard.status == 400
    assert "given twice" in heard.error["message"]
    assert primary.requests == []
    assert backup.requests == []


async def test_a_caller_with_a_list_of_models_cannot_upload_to_others(
    serve: Serve, primary: Upstream
) -> None:
    """The form's model is checked as a JSON body's is."""
    team = CallerSettings("team", Secret("team-key"), models=("gpt-4o-mini",))
    async with serve(primary, model="*", callers=[team]) as gateway:
        key = "Authorization: Bearer team-key"
        refused = await gateway.ask(PATH, audio_form(b"x"), TYPE, key)
        allowed = await gateway.ask(PATH, audio_form(b"x", "gpt-4o-mini"), TYPE, key)
    assert refused.status == 403
    assert allowed.status == 200


async def test_a_large_json_body_is_refused_as_ever(serve: Serve, primary: Upstream) -> None:
    """Only uploads may be larger than what is kept."""
    body = b'{"model":"gpt-4o","input":"%b"}' % (b"x" * 2 * SMALL)
    async with serve(primary, max_body=SMALL) as gateway:
        for path in ("audio/speech", "responses", "images/edits", "audio/transcriptions"):
            heard = await gateway.ask(f"/v1/{path}", body)
            assert (heard.status, heard.error["code"]) == (413, "request_too_large")
    assert primary.requests == []


async def test_an_upload_larger_than_any_bound_of_the_server_arrives(
    serve: Serve, primary: Upstream
) -> None:
    """Its size is its provider's affair."""
    total = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal total
        await reader.readuntil(HEAD_END)
        while total < size:
            total += len(await reader.read(1 << 20))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n" + b'{"text":""}')
        await writer.drain()

    body = form(MODEL, part("file", b"x" * 90_000_000, "a.mp3"))
    size = len(body)
    async with raw_server(talk) as server, serve(Raw(server), max_body=SMALL) as gateway:
        heard = await gateway.ask(PATH, body, TYPE)
    assert heard.status == 200
    assert total == size


class Raw:
    """A raw server as a provider."""

    name = "raw"

    def __init__(self, server: RawServer) -> None:
        self.base_url = server.url.removesuffix("/x")


async def ask_in_chunks(gateway: Running, body: bytes) -> Heard:
    """Send the form without saying how long it is."""
    connection = await gateway.connect()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    connection.send(head.encode())
    for start in range(0, len(body), 70_001):
        piece = body[start : start + 70_001]
        connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
    connection.send(b"0\r\n\r\n")
    async with asyncio.timeout(10):
        return await connection.hear()
