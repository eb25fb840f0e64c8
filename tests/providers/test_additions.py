"""What is added to a request upstream, over real sockets, and who does not take it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest

from elizanet.call import BodyKind, Call, EventKind
from elizanet.classify import verdict_for
from elizanet.errors import FailureClass, ProviderError, RawReply
from elizanet.http import Http
from elizanet.operation import Operation
from elizanet.providers.additions import Additions
from elizanet.providers.openai import OpenAIProvider
from elizanet.usage import Usage, usage_in
from support.raw_server import Talk, raw_server, read_request

BODY = b'{"model":"asked","messages":[{"role":"user","content":"caf\\u00e9"}], "n":1.0}'
STREAMED = BODY.replace(b'"n"', b'"stream":true,"n"')
WHOLE = b'{"object":"chat.completion","choices":[{"message":{"content":"whole"},"finish_reason":"stop"}]}'
HEAD = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}

Answers = Callable[[dict[str, object]], bytes]


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    http = Http()
    yield http
    await http.aclose()


def call(
    body: bytes = BODY, *, stream: bool = False, check: Callable[[bytes], None] | None = None
) -> Call:
    deadline = asyncio.get_running_loop().time() + 5
    return Call("req_1", Operation.CHAT, "target", body, deadline, stream=stream, check=check)


def reply(status: str, body: bytes, kind: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def stream_of(*pieces: str, usage: bool = True, cut: bool = False) -> bytes:
    chunks: list[dict[str, object]] = [
        {**HEAD, "choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces
    ]
    if not cut:
        chunks.append({**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if usage:
        chunks = [{**each, "usage": None} for each in chunks]
        chunks.append({**HEAD, "choices": [], "usage": USAGE})
    events = [b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks]
    return reply("200 OK", b"".join([*events, b"data: [DONE]\n\n"]), "text/event-stream")


def refusing(word: str) -> bytes:
    error = {"error": {"message": f"property '{word}' is unsupported", "type": "invalid"}}
    return reply("400 Bad Request", json.dumps(error).encode(), "application/json")


class Server:
    """Answers each request by its body, and remembers them."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.bodies: list[bytes] = []
        self.heads: list[str] = []

    @property
    def talk(self) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                head, body = await read_request(reader)
                self.heads.append(head)
                self.bodies.append(body)
                writer.write(self._answers(json.loads(body)))
                await writer.drain()

        return talk


def provider(http: Http, url: str, **settings: bool) -> OpenAIProvider:
    return OpenAIProvider("p", url.removesuffix("/x"), http, **settings)  # type: ignore[arg-type]


async def told(provider: OpenAIProvider, call: Call) -> tuple[bytes, list[bytes]]:
    """Return the bytes that the caller gets, and the data of the events."""
    answer = await provider.send(call)
    raw, data = b"", []
    while (event := await answer.next()) is not None:
        raw += event.raw
        data.append(event.data)
    await answer.aclose()
    return raw, data


async def test_a_whole_answer_is_asked_for_as_a_stream(http: Http) -> None:
    """The request asks for it and for its usage; the caller gets one body of JSON."""
    server = Server(lambda asked: stream_of("Hello", " there"))
    async with raw_server(server.talk) as running:
        folding = provider(http, running.url, fold_unary=True)
        assert folding.folds(call())
        answer = await folding.send(call())
        events = []
        while (event := await answer.next()) is not None:
            events.append(event)
        await answer.aclose()
    expected = BODY.replace(b"asked", b"target").replace(
        b"{", b'{"stream_options":{"include_usage":true},"stream":true,', 1
    )
    assert server.bodies == [expected]
    assert "accept: text/event-stream" in server.heads[0]
    assert answer.head.body is BodyKind.WHOLE
    assert dict(answer.head.headers)["content-type"] == "application/json"
    assert [event.kind for event in events][:1] == [EventKind.PROGRESS]
    assert json.loads(events[-1].raw) == {
        **HEAD,
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello there"},
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
    }
    assert repr(http).endswith("idle=1>")


async def test_a_provider_that_answers_whole_is_taken_at_its_word(http: Http) -> None:
    """It ignored the wish for a stream, and gave what the caller wants."""
    server = Server(lambda asked: reply("200 OK", WHOLE, "application/json"))
    async with raw_server(server.talk) as running:
        folding = provider(http, running.url, fold_unary=True)
        raw, _ = await told(folding, call())
        assert not folding.folds(call())  # so that its answers have the time of whole ones
    assert raw == WHOLE


@pytest.mark.parametrize("setting", ["fold_unary", "count_usage"])
@pytest.mark.parametrize("word", ["stream_options", "include_usage"])
async def test_a_provider_that_refuses_what_was_added_is_asked_as_the_caller_did(
    http: Http, setting: str, word: str
) -> None:
    """At once, and never with it again for this model."""
    stream = setting == "count_usage"
    plain = stream_of("hi", usage=False) if stream else reply("200 OK", WHOLE, "application/json")
    server = Server(lambda asked: refusing(word) if "stream_options" in asked else plain)
    body = STREAMED if stream else BODY
    async with raw_server(server.talk) as running:
        asking = provider(http, running.url, **{setting: True})
        raw, _ = await told(asking, call(body, stream=stream))
        again, _ = await told(asking, call(body, stream=stream))
        assert not asking.folds(call(body))
    assert raw == again == plain.partition(b"\r\n\r\n")[2]
    own = body.replace(b"asked", b"target")
    assert server.bodies[1:] == [own, own]


async def test_any_other_refusal_is_the_callers(http: Http) -> None:
    """An upstream that is overloaded is not asked twice for the word `stream` in it."""
    for status, sentence in (("400 Bad Request", "no"), ("503 Busy", "the stream is full")):
        answer = reply(
            status, b'{"error":{"message":"%b"}}' % sentence.encode(), "application/json"
        )
        server = Server(lambda asked, answer=answer: answer)  # type: ignore[misc]
        async with raw_server(server.talk) as running:
            folding = provider(http, running.url, fold_unary=True)
            with pytest.raises(ProviderError, match=sentence):
                await folding.send(call())
            assert folding.folds(call())
        assert len(server.bodies) == 1


async def test_a_refusal_of_both_requests_is_the_last_one(http: Http) -> None:
    """The caller's own request is refused for a reason of its own."""
    server = Server(lambda asked: refusing("stream_options" if "stream" in asked else "n"))
    async with raw_server(server.talk) as running:
        with pytest.raises(ProviderError, match="'n'"):
            await provider(http, running.url, fold_unary=True).send(call())


async def test_a_cut_stream_is_never_a_short_answer(http: Http) -> None:
    """What had come is thrown away."""
    server = Server(lambda asked: stream_of("Hello", cut=True))
    async with raw_server(server.talk) as running:
        with pytest.raises(ProviderError) as caught:
            await told(provider(http, running.url, fold_unary=True), call())
    assert caught.value.failure_class is FailureClass.STREAM_INTERRUPTED


async def test_a_folded_answer_is_checked_like_any_other(http: Http) -> None:
    """The caller's own check sees the whole body."""

    def check(body: bytes) -> None:
        raise ValueError(f"{json.loads(body)['choices'][0]['message']['content']} is no number")

    server = Server(lambda asked: stream_of("Hello"))
    async with raw_server(server.talk) as running:
        with pytest.raises(ProviderError, match="Hello is no number") as caught:
            await told(provider(http, running.url, fold_unary=True), call(check=check))
    assert caught.value.failure_class is FailureClass.MALFORMED_RESPONSE


async def test_usage_is_counted_and_the_stream_is_as_without(http: Http) -> None:
    """The caller reads the bytes of a stream that was not asked for its usage."""
    server = Server(lambda asked: stream_of("a", "b", usage="stream_options" in asked))
    async with raw_server(server.talk) as running:
        raw, data = await told(
            provider(http, running.url, count_usage=True), call(STREAMED, stream=True)
        )
        plain, _ = await told(provider(http, running.url), call(STREAMED, stream=True))
    assert raw == plain
    assert [usage_in(each) for each in data if usage_in(each)] == [Usage(1, 2, 3)]
    assert b'{"stream_options":{"include_usage":true},"model":"target"' in server.bodies[0]


async def test_a_caller_who_asks_for_usage_gets_it(http: Http) -> None:
    """Nothing is added, and nothing is taken out."""
    body = STREAMED.replace(b'"n"', b'"stream_options":{"include_usage":true},"n"')
    server = Server(lambda asked: stream_of("a"))
    async with raw_server(server.talk) as running:
        raw, _ = await told(provider(http, running.url, count_usage=True), call(body, stream=True))
    assert server.bodies == [body.replace(b"asked", b"target")]
    assert raw == stream_of("a").partition(b"\r\n\r\n")[2]


async def test_without_the_settings_nothing_is_added(http: Http) -> None:
    """The wire mode is the caller's."""
    server = Server(lambda asked: reply("200 OK", WHOLE, "application/json"))
    async with raw_server(server.talk) as running:
        plain = provider(http, running.url)
        assert not plain.folds(call())
        await told(plain, call())
    assert server.bodies == [BODY.replace(b"asked", b"target")]


async def test_a_body_that_is_no_object_is_refused_before_it_is_sent(http: Http) -> None:
    """By whoever replaces the model, as without the settings."""
    for stream in (True, False):
        with pytest.raises(ProviderError) as caught:
            await provider(http, "http://127.0.0.1:9/v1/x", fold_unary=True, count_usage=True).send(
                call(b"[]", stream=stream)
            )
        assert caught.value.failure_class is FailureClass.BAD_REQUEST


async def test_what_is_remembered_of_refusals_is_bounded() -> None:
    """A caller may make up any number of models."""
    additions = Additions(fold_unary=True, count_usage=True)
    verdict = verdict_for(FailureClass.BAD_REQUEST)
    error = ProviderError("no", verdict, status=400, reply=RawReply(400, (), b"stream_options"))
    for number in range(1_001):
        asked = Call("r", Operation.CHAT, f"m{number}", b'{"model":"m"}', 0.0)
        assert additions.refused(asked, error)
        assert not additions.folds(asked)
        assert f"refused={number % 1_000 + 1}>" in repr(additions)
    assert not additions.refused(asked, ProviderError("no", verdict, status=400))


@pytest.mark.parametrize(
    ("status", "body", "refused"),
    [
        (400, b"Unknown parameter: 'stream_options'", True),
        (422, b"include_usage: extra fields not permitted", True),
        (501, b"Streaming is not implemented", True),
        (400, b"Unknown parameter: 'n'", False),
        (400, b"upstream is not available", False),
        (500, b"stream", False),
        (404, b"stream", False),
        (421, b"stream", False),
        (423, b"stream", False),
        (502, b"stream", False),
    ],
)
def test_only_a_refusal_that_names_it_is_one(status: int, body: bytes, refused: bool) -> None:
    """A request that is wrong in itself is not sent twice, nor one that met a busy provider."""
    additions = Additions(fold_unary=True)
    verdict = verdict_for(FailureClass.BAD_REQUEST)
    error = ProviderError("no", verdict, status=status, reply=RawReply(status, (), body))
    asked = Call("r", Operation.CHAT, "m", b'{"model":"m"}', 0.0)
    assert additions.refused(asked, error) is refused
    assert additions.folds(asked) is not refused


@pytest.mark.parametrize(
    ("operation", "stream", "settings"),
    [
        (Operation.CHAT, False, {"count_usage": True}),
        (Operation.RESPONSE, True, {"count_usage": True}),
        (Operation.EMBEDDING, False, {"count_usage": True, "fold_unary": True}),
        (Operation.CHAT, True, {"fold_unary": True}),
        (Operation.CHAT, True, {}),
        (Operation.CHAT, False, {}),
    ],
)
def test_nothing_is_added_to_any_other_call(
    operation: Operation, stream: bool, settings: dict[str, bool]
) -> None:
    """Usage to streams of chats and completions, a stream to their whole answers."""
    asked = Call("r", operation, "m", b'{"model":"m"}', 0.0, stream=stream)
    assert Additions(**settings).asked(asked) is asked
