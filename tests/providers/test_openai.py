"""The provider over real sockets: what goes up, and what each reply becomes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from elizanet.call import Call, EventKind
from elizanet.errors import FailureClass, ProviderError
from elizanet.http import Http
from elizanet.operation import Operation
from elizanet.providers.openai import OpenAIProvider
from elizanet.settings import Secret
from support.raw_server import Talk, raw_server, read_request, saying

BODY = b'{ "messages":[{"role":"user","content":"caf\\u00e9"}],\n"model" : "asked", "n":1.0 }'
KEY = "correct horse"


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    http = Http()
    yield http
    await http.aclose()


def call(body: bytes = BODY, *, stream: bool = False) -> Call:
    deadline = asyncio.get_running_loop().time() + 5
    return Call("req_1", Operation.CHAT, "target", body, deadline, stream=stream)


def provider(http: Http, url: str) -> OpenAIProvider:
    base = url.removesuffix("/x")
    return OpenAIProvider("p", base, http, api_key=Secret(KEY), headers={"X-Team": "blue"})


def answering(status: str, body: bytes, *headers: str) -> Talk:
    lines = [f"HTTP/1.1 {status}", *headers, f"content-length: {len(body)}", "", ""]
    return saying("\r\n".join(lines).encode() + body)


def streaming(*events: bytes) -> Talk:
    body = b"".join(b"data: " + event + b"\n\n" for event in events)
    return answering("200 OK", body, "content-type: text/event-stream")


def delta(finish: str | None = None, **fields: object) -> bytes:
    return json.dumps(
        {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}
    ).encode()


async def failure_of(http: Http, talk: Talk, *, stream: bool = False) -> ProviderError:
    async with raw_server(talk) as server:
        with pytest.raises(ProviderError) as caught:
            answer = await provider(http, server.url).send(call(stream=stream))
            try:
                while await answer.next() is not None:
                    pass
            finally:
                await answer.aclose()
    return caught.value


async def test_the_body_goes_up_byte_for_byte_but_for_the_model(http: Http) -> None:
    """White space, escapes and numbers stay as the caller wrote them."""
    seen = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        body = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with raw_server(talk) as server:
        answer = await provider(http, server.url).send(call())
        event = await answer.next()
    head, body = seen[0]
    assert body == BODY.replace(b'"asked"', b'"target"')
    assert head.startswith("POST /v1/chat/completions HTTP/1.1\r\n")
    assert f"authorization: Bearer {KEY}\r\n" in head
    assert "x-team: blue\r\n" in head
    assert event is not None
    assert event.raw == b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'


async def test_a_stream_comes_back_byte_for_byte(http: Http) -> None:
    """Comments, CRLF and the spelling of the JSON are the provider's."""
    raw = (
        b": hello\r\n\r\n"
        b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\r\n\r\n'
        b'data:  {"choices": [ {"index":0,"delta":{"content":"h\\u00e9"}} ]}\n\n'
        b'event: message\ndata: {"choices":[{"index":0,"delta":{},\ndata: "finish_reason":"stop"}]}\n\n'
        b"data: [DONE]\n\n"
    )
    async with raw_server(answering("200 OK", raw, "content-type: text/event-stream")) as server:
        answer = await provider(http, server.url).send(call(stream=True))
        events = []
        while (event := await answer.next()) is not None:
            events.append(event)
        await answer.aclose()
    assert b"".join(event.raw for event in events) == raw
    kinds = [event.kind for event in events]
    assert kinds.index(EventKind.CONTENT) == 2
    assert repr(http).endswith("idle=1>")


STREAMS = [
    ((), FailureClass.MALFORMED_RESPONSE),
    ((b"[DONE]",), FailureClass.MALFORMED_RESPONSE),
    ((delta("stop"), b"[DONE]"), FailureClass.MALFORMED_RESPONSE),
    ((delta(content="a"),), FailureClass.STREAM_INTERRUPTED),
    ((delta(content="a"), b"[DONE]"), FailureClass.STREAM_INTERRUPTED),
    ((delta(content="a"), b"{", b"{", b"{"), FailureClass.STREAM_INTERRUPTED),
    ((b'{"error":{"message":"busy","type":"overloaded_error"}}',), FailureClass.OVERLOADED),
    ((b'{"error":{"message":"x","code":"rate_limit_exceeded"}}',), FailureClass.RATE_LIMIT),
    ((delta(content="a"), b'{"error":{"message":"busy"}}'), FailureClass.STREAM_INTERRUPTED),
    (
        (delta(content="a"), b'{"error":{"message":"no","code":"content_filter"}}'),
        FailureClass.CONTENT_POLICY,
    ),
]


@pytest.mark.parametrize(("events", "failure"), STREAMS)
async def test_a_stream_without_its_end_is_an_error(
    http: Http, events: tuple[bytes, ...], failure: FailureClass
) -> None:
    """Errors before content keep their class; after content the stream was interrupted."""
    error = await failure_of(http, streaming(*events), stream=True)
    assert error.failure_class is failure


async def test_a_last_event_without_its_blank_line_counts(http: Http) -> None:
    """Some servers forget it."""
    body = b"data: " + delta(content="a") + b"\n\ndata: " + delta("stop")
    async with raw_server(answering("200 OK", body, "content-type: text/event-stream")) as server:
        answer = await provider(http, server.url).send(call(stream=True))
        raw = b""
        while (event := await answer.next()) is not None:
            raw += event.raw
    assert raw == body


async def test_nothing_follows_done(http: Http) -> None:
    """What a provider sends after its end is not passed on."""
    talk = streaming(delta(content="a"), delta("stop"), b"[DONE]", delta(content="more"))
    async with raw_server(talk) as server:
        answer = await provider(http, server.url).send(call(stream=True))
        datas = []
        while (event := await answer.next()) is not None:
            datas.append(event.data)
        await answer.aclose()
    assert datas[-1] == b"[DONE]"
    assert len(datas) == 3


async def test_a_connection_that_stays_open_after_done_does_not_hold_the_caller(
    http: Http,
) -> None:
    """A tenth of a second is enough to end a body."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
        rest = b"data: %b\n\ndata: %b\n\ndata: [DONE]\n\n" % (delta(content="a"), delta("stop"))
        writer.write(head + rest)
        await reader.read()

    async with raw_server(talk) as server, asyncio.timeout(2):
        answer = await provider(http, server.url).send(call(stream=True))
        while await answer.next() is not None:
            pass


REPLIES = [
    ("429 Too Many Requests", b'{"error":{"message":"slow down"}}', FailureClass.RATE_LIMIT),
    ("302 Found", b"", FailureClass.MALFORMED_RESPONSE),
    ("200 OK", b'{"error":{"message":"Rate limit","code":"rate_limit_exceeded"}}', FailureClass.RATE_LIMIT),
    ("200 OK", b"<html>login</html>", FailureClass.MALFORMED_RESPONSE),
    ("200 OK", b"", FailureClass.MALFORMED_RESPONSE),
    ("200 OK", b"[1,2", FailureClass.MALFORMED_RESPONSE),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "failure"), REPLIES)
async def test_each_reply_becomes_its_failure(
    http: Http, status: str, body: bytes, failure: FailureClass
) -> None:
    """With the status, and the provider's reason in one line."""
    error = await failure_of(http, answering(status, body, "x-request-id: abc"))
    assert error.failure_class is failure
    assert error.status == int(status[:3])
    assert error.request_id == "abc"
    assert "\n" not in error.message


async def test_a_page_instead_of_an_answer_is_not_worth_another_try(http: Http) -> None:
    """It is a wrong address or a login page, and will be there again."""
    error = await failure_of(http, answering("200 OK", b"  <!doctype html>"))
    assert not error.verdict.retry_same_provider


async def test_an_endless_error_body_is_cut_off(http: Http) -> None:
    """64 KiB say enough."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 503 Unavailable\r\n\r\n")
        while True:
            writer.write(b"x" * 10_000)
            await writer.drain()

    error = await failure_of(http, talk)
    assert error.failure_class is FailureClass.OVERLOADED
    assert error.reply is not None
    assert len(error.reply.body) <= 64 * 1024


async def test_a_key_never_reaches_an_error(http: Http) -> None:
    """Not even if the provider sends it back."""
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}}).encode()
    error = await failure_of(http, answering("401 Unauthorized", body))
    assert error.failure_class is FailureClass.AUTH
    assert KEY not in f"{error} {error!r} {error.message} {error.reply}"


async def test_a_body_that_names_no_model_is_refused(http: Http) -> None:
    """Nothing is invented, and nobody is asked."""
    with pytest.raises(ProviderError) as caught:
        await provider(http, "http://127.0.0.1:9/v1/x").send(call(b'{"x":1}'))
    assert caught.value.failure_class is FailureClass.BAD_REQUEST


async def test_a_stream_refused_with_json_is_classified_by_its_error(http: Http) -> None:
    """A provider that does not stream, but explains why."""
    body = b'{"error":{"message":"streaming is not supported","code":"unsupported_value"}}'
    talk = answering("200 OK", body, "content-type: application/json")
    error = await failure_of(http, talk, stream=True)
    assert error.failure_class is not FailureClass.STREAM_INTERRUPTED


async def test_models_are_listed_or_refused(http: Http) -> None:
    """A list of ids, or an error like any other."""
    good = b'{"data":[{"id":"a"},{"id":"b","owned_by":"x"}]}'
    async with raw_server(answering("200 OK", good)) as server:
        assert await provider(http, server.url).list_models() == ("a", "b")
    async with raw_server(answering("200 OK", b'{"models":[]}')) as server:
        with pytest.raises(ProviderError, match="not a list of models"):
            await provider(http, server.url).list_models()


def test_the_repr_shows_no_key() -> None:
    """One line of state."""
    made = OpenAIProvider("p", "https://x.test/v1", Http(), api_key=Secret(KEY))
    assert repr(made) == "<OpenAIProvider 'p' https://x.test/v1>"
