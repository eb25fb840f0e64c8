"""Byte for byte, both ways: what is sent goes upstream, what is answered comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from elizanet.testing import Upstream, Wire

if TYPE_CHECKING:
    from elizanet.testing import ReceivedRequest
    from gateway.conftest import Serve

    Script = Callable[[ReceivedRequest, Wire], Awaitable[None]]

CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
STREAM = CHAT[:-1] + b',"stream":true}'
ANSWER = b'{ "choices" : [{"message":{"content":"h\\u00e9 \xc3\xa9"},"finish_reason":"stop"}],"n":1.0e0}\n'

BODIES = {
    "spacing": b' \t{ "messages" : [ ] ,\r\n "model"\t:\n"gpt-4o" } \n',
    "escapes": b'{"model":"gpt-4o","messages":[{"content":"\\u00e9\\/\\ud83d\\ude00\\n\\"model\\":\\"x\\""}]}',
    "unicode": '{"model":"gpt-4o","messages":[{"content":"\u00e9\u4e2d\U0001f600\u2028"}]}'.encode(),
    "numbers": b'{"seed":123456789012345678901234567890,"temperature":1.0e0,"x":-0.0,"y":1E+2,"model":"gpt-4o"}',
    "nested models": b'{"a":{"model":"inner"},"b":[{"model":"gpt-4o"}],"model":"gpt-4o","c":{"model":1}}',
    "duplicate keys": b'{"user":"a","user":"b","model":"gpt-4o","messages":[],"messages":[1]}',
    "a prompt that looks like one": b'{"messages":[{"content":"{\\"model\\":\\"gpt-4o\\"}"}],"model":"gpt-4o"}',
    "unknown fields": b'{"zzz":null,"model":"gpt-4o","stream":false,"future":{"deep":[[[{}]]]}}',
    "half a character": rb'{"a":"\udE00","model" : "gpt-4o","messages":[{"content":"cut \ud83d"}]}',
    "stream is null": b'{"model":"gpt-4o","stream":null}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_only_the_value_of_model_changes_on_the_way_up(
    serve: Serve, primary: Upstream, body: bytes
) -> None:
    """Every other byte of an unusual body arrives as it was sent."""
    primary.script(answering(ANSWER))
    async with serve(primary, target_model="other-name") as gateway:
        assert (await gateway.ask(body=body)).status == 200
    (received,) = primary.requests
    assert received.path == "/v1/chat/completions"
    first, value, last = received.body.partition(b'"other-name"')
    assert value
    assert first + b'"gpt-4o"' + last == body


async def test_a_kept_name_leaves_the_whole_body_alone(serve: Serve, primary: Upstream) -> None:
    """With `*` as the target's model nothing at all is changed."""
    primary.script(answering(ANSWER))
    body = BODIES["spacing"]
    async with serve(primary) as gateway:
        await gateway.ask(body=body)
    assert primary.requests[0].body == body


async def test_a_unary_answer_comes_back_byte_for_byte(serve: Serve, primary: Upstream) -> None:
    """Spacing, escapes and number formats of the provider survive, and so does its status."""
    primary.script(answering(ANSWER, status="203 Odd But Good"))
    async with serve(primary) as gateway:
        heard = await gateway.ask()
    assert heard.status == 203
    assert heard.body == ANSWER
    assert heard.header("content-type") == "application/json; charset=x"


ODD_ANSWERS = {
    "chat/completions": rb'{"choices":[{"message":{"content":"cut \ud83d"},"logprobs":{"x":NaN}}]}',
    "completions": rb'{"choices":[{"text":"\ude00 cut","logprobs":-Infinity}]}',
    "responses": rb'{"id":"r","output":[{"content":[{"text":"cut \ud83d"}]}]}',
    "images/generations": rb'{"data":[{"url":"https://x.test/1","revised_prompt":"cut \ud83d"}]}',
    "moderations": rb'{"results":[{"category_scores":{"hate":NaN}}]}',
}


@pytest.mark.parametrize("path", ODD_ANSWERS)
async def test_an_answer_that_only_strict_readers_refuse_is_an_answer(
    serve: Serve, primary: Upstream, path: str
) -> None:
    """Half a surrogate pair, and `NaN`: the text was cut between two units, and is paid for."""
    primary.script(answering(ODD_ANSWERS[path]))
    async with serve(primary) as gateway:
        heard = await gateway.ask(f"/v1/{path}", b'{"model":"gpt-4o","input":"cut \\ud83d"}')
    assert (heard.status, heard.body) == (200, ODD_ANSWERS[path])


async def test_a_vector_of_what_is_no_number_is_none(serve: Serve, primary: Upstream) -> None:
    """Nothing could be compared with it."""
    primary.script(answering(b'{"data":[{"embedding":[NaN,0.5]}]}'))
    async with serve(primary) as gateway:
        heard = await gateway.ask("/v1/embeddings", b'{"model":"gpt-4o","input":"a"}')
    assert (heard.status, heard.error["code"]) == (502, "malformed_response")


@pytest.mark.parametrize(
    ("value", "named"), [("NaN", "NaN"), ("[1, NaN]", "NaN"), ("-Infinity", "Infinity")]
)
async def test_what_is_no_number_in_a_request_is_named(
    serve: Serve, primary: Upstream, value: str, named: str
) -> None:
    """Where it stands, and what can be sent instead."""
    async with serve(primary) as gateway:
        body = f'{{"model":"gpt-4o","note":"NaN \\ud83d","temperature":{value}}}'.encode()
        heard = await gateway.ask(body=body)
    at = body.rindex(named.encode())
    assert (heard.status, heard.error["code"]) == (400, "invalid_json")
    assert heard.error["message"] == (
        f"the request body is not JSON: {named} (byte {at}) is no number there; send null, "
        "or leave it out"
    )
    assert not primary.requests


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_an_encoded_answer_arrives_decoded(
    serve: Serve, primary: Upstream, coding: str
) -> None:
    """What was encoded between provider and gateway is plain for the caller, and says so."""
    async with serve(primary) as gateway:
        plain = await gateway.ask()
        primary.fail(coding)
        heard = await gateway.ask()
    assert heard.json["choices"] == plain.json["choices"]
    assert heard.header("content-encoding") is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("completions", b'{"model":"gpt-4o","prompt":"hi"}'),
        ("embeddings", b'{"model":"gpt-4o","input":["a","b"]}'),
        ("images/generations", b'{"model":"gpt-4o","prompt":"a cat"}'),
    ],
)
async def test_every_operation_goes_to_its_own_path(
    serve: Serve, primary: Upstream, path: str, body: bytes
) -> None:
    """Completions, embeddings and images are relayed as chats are."""
    async with serve(primary) as gateway:
        heard = await gateway.ask(f"/v1/{path}", body)
    assert heard.status == 200
    assert primary.requests[0].endpoint == path
    assert primary.requests[0].body == body
    assert heard.header("x-elizanet-provider") == "primary"


EVENTS = (
    b": a comment first\n\n",
    b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\r\n\r\n',
    b"\n",
    b'id: 7\nevent: message\ndata: {"choices" : [ {"index":0,"delta":{"content":"h\xc3\xa9"}} ]}\n\n',
    b": ping\r\n\r\n",
    b'data:{"choices":[{"index":0,"delta":{"content":"\\u00e9"}}]}\r\r',
    b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"two lines"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    b'data: {"choices":[],"usage":{"total_tokens":1.0e0}}\n\n',
    b"data: [DONE]\n\n",
)


async def test_a_stream_comes_back_byte_for_byte(serve: Serve, primary: Upstream) -> None:
    """Comments, CRLF, CR, ids, event names, split data lines and `[DONE]`: nothing is rewritten."""
    primary.script(streaming(*EVENTS))
    async with serve(primary) as gateway:
        heard = await gateway.ask(body=STREAM)
    assert heard.status == 200
    assert heard.header("content-type") == "text/event-stream"
    assert heard.body == b"".join(EVENTS)
    assert primary.requests[0].body == STREAM


async def test_a_stream_split_anywhere_is_the_same_stream(serve: Serve, primary: Upstream) -> None:
    """One byte at a time from the provider changes no byte for the caller."""
    primary.script(streaming(*(bytes((byte,)) for byte in b"".join(EVENTS))))
    async with serve(primary) as gateway:
        heard = await gateway.ask(body=STREAM)
    assert heard.body == b"".join(EVENTS)


async def test_events_are_passed_on_when_they_come(serve: Serve, primary: Upstream) -> None:
    """An event reaches the caller before the provider has sent the next one."""
    primary.fail("stall_stream=2")
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request("/v1/chat/completions", STREAM))
        await connection.hear(head_only=True)
        chunks = connection.chunks()
        assert b"role" in await anext(chunks)
        assert b"primary" in await anext(chunks)


async def test_end_to_end_headers_pass_and_the_rest_does_not(
    serve: Serve, primary: Upstream
) -> None:
    """Rate limits and ids are the caller's business; connections and accounts are not."""
    kept = {
        "x-request-id": "req_1",
        "x-ratelimit-remaining-project-tokens": "17",
        "retry-after": "3",
        "openai-processing-ms": "12",
        "openai-version": "2020-10-01",
        "cache-control": "no-cache",
    }
    stripped = {
        "openai-organization": "org-secret",
        "openai-project": "proj_secret",
        "set-cookie": "a=b",
        "server": "cloudflare",
        "via": "1.1 inner",
        "cf-ray": "abc",
        "x-litellm-model-api-base": "http://10.0.0.3",
        "access-control-allow-origin": "*",
        "x-elizanet-provider": "somebody-else",
        "keep-alive": "timeout=5",
        "x-of-this-hop": "1",
    }
    primary.script(answering(ANSWER, **kept, **stripped, connection="keep-alive, X-Of-This-Hop"))
    async with serve(primary) as gateway:
        heard = await gateway.ask()
    assert {name: heard.header(name) for name in kept} == kept
    own = {"x-elizanet-provider"}
    assert not [name for name in set(stripped) - own if heard.header(name) is not None]
    assert heard.header("x-elizanet-provider") == "primary"
    assert heard.header("content-length") == str(len(ANSWER))
    assert "1999" not in (heard.header("date") or "")


async def test_no_header_of_the_caller_goes_upstream(serve: Serve, primary: Upstream) -> None:
    """Credentials and cookies stay here; the provider gets its own key."""
    async with serve(primary, keys=["caller-key"]) as gateway:
        heard = await gateway.ask(
            "/v1/chat/completions", CHAT, "Authorization: Bearer caller-key", "Cookie: a=b",
            "OpenAI-Organization: org-caller", "api-key: caller-key",
        )  # fmt: skip
    assert heard.status == 200
    told = str(primary.requests[0].headers)
    assert "caller" not in told
    assert primary.requests[0].header("cookie") == ""
    assert primary.requests[0].header("authorization") == "Bearer sk-of-primary-0123456789"


async def test_a_chunked_request_is_a_request(serve: Serve, primary: Upstream) -> None:
    """A body in chunks, cut anywhere, arrives whole."""
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        pieces = [CHAT[start : start + 5] for start in range(0, len(CHAT), 5)]
        chunks = [b"%x;ext=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
        connection.send(head + b"".join(chunks) + b"0\r\n\r\n")
        assert (await connection.hear()).status == 200
    assert primary.requests[0].body == CHAT


def answering(body: bytes, status: str = "200 OK", **headers: str) -> Script:
    """Answer with exactly these bytes."""

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = [
            f"HTTP/1.1 {status}",
            "content-type: application/json; charset=x",
            "date: Fri, 01 Jan 1999 00:00:00 GMT",
            f"content-length: {len(body)}",
            *lines,
        ]
        await wire.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    return script


def streaming(*pieces: bytes) -> Script:
    """Answer with a stream in exactly these pieces."""

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        for piece in pieces:
            await wire.chunk(piece)
        await wire.end_stream()

    return script
