"""Events that a provider's answer gives out as they arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from elizanet.call import Call, Event, EventKind, Head
from elizanet.errors import ProviderError
from elizanet.http import Http
from elizanet.operation import Operation
from elizanet.providers.openai import OpenAIProvider
from elizanet.providers.usage import UsageHidden
from elizanet.pushing import PushingAnswer, Take, push
from support.raw_server import Talk, raw_server, read_request

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = b'{"model":"m","messages":[],"stream":true}'
DONE = b"data: [DONE]\n\n"


def word(text: str, finish: bytes = b"null") -> bytes:
    choice = b'{"index":0,"delta":{"content":"%b"},"finish_reason":%b}' % (text.encode(), finish)
    return b'data: {"choices":[%b]}\n\n' % choice


def segments(*told: bytes) -> Talk:
    """A stream whose every argument is a segment of its own."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for body in told:
            writer.write((HEAD if body is told[0] else b"") + b"%x\r\n%b\r\n" % (len(body), body))
            await writer.drain()
            await asyncio.sleep(0.02)
        writer.write(b"0\r\n\r\n")

    return talk


async def streaming(http: Http, url: str) -> PushingAnswer:
    deadline = asyncio.get_running_loop().time() + 5
    call = Call("c", Operation.CHAT, "m", BODY, deadline, stream=True)
    answer = await OpenAIProvider("p", url.rpartition("/")[0], http).send(call)
    assert isinstance(answer, PushingAnswer)
    return answer


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    http = Http()
    yield http
    await http.aclose()


async def test_what_is_refused_comes_later(http: Http) -> None:
    """Events that share a segment with the one that was enough are not lost, nor out of order."""
    got: list[bytes] = []

    def take(event: Event) -> bool:
        got.append(event.raw)
        return len(got) < 2

    words = [word(text) for text in "abcd"]
    async with raw_server(
        segments(words[0], words[1] + words[2] + words[3], word("", b'"stop"'), DONE)
    ) as server:
        answer = await streaming(http, server.url)
        first = await answer.next()  # type: ignore[attr-defined]
        await answer.push(take)
        assert [first.raw, *got] == words[:3]
        rest = []
        while (event := await answer.next()) is not None:  # type: ignore[attr-defined]
            rest.append(event.raw)
        assert rest == [words[3], word("", b'"stop"'), DONE]
        await answer.push(lambda _: pytest.fail("it is over"))


async def test_a_break_is_raised_by_the_next(http: Http) -> None:
    """What was pushed before it stays pushed."""
    got: list[bytes] = []

    def take(event: Event) -> bool:
        got.append(event.raw)
        return True

    async with raw_server(segments(word("a"), word("b"))) as server:
        answer = await streaming(http, server.url)
        await answer.next()  # type: ignore[attr-defined]
        await answer.push(take)
        assert got == [word("b")]
        with pytest.raises(ProviderError, match="stopped before its end"):
            await answer.next()  # type: ignore[attr-defined]


class Pushed:
    """An answer of these events, all of which it pushes."""

    def __init__(self, *events: Event) -> None:
        self.head = Head(200, (), "p", "m")
        self._events = list(events)

    async def next(self) -> Event | None:
        return None

    async def push(self, take: Take) -> None:
        while self._events and take(self._events.pop(0)):
            pass

    async def aclose(self) -> None:
        """There is nothing to close."""


async def test_usage_that_only_we_asked_for_is_hidden_from_what_is_pushed() -> None:
    """The caller's bytes are without it; whoever counts is told."""
    both = b'{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"total_tokens":3}}'
    events = [
        Event(word("a"), word("a")[6:-2], EventKind.CONTENT),
        Event(b"data: %b\n\n" % both, both, EventKind.END),
        Event(DONE, b"[DONE]", EventKind.END),
    ]
    got: list[Event] = []

    def take(event: Event) -> bool:
        got.append(event)
        return True

    await UsageHidden(Pushed(*events)).push(take)
    assert b"usage" not in b"".join(event.raw for event in got)
    assert [bool(event.raw) for event in got] == [True, True, False, True]
    assert b'"total_tokens":3' in got[2].data


async def test_an_answer_that_cannot_push_is_asked_as_before() -> None:
    """Pushing it is over at once."""

    class Plain:
        head = Head(200, (), "p", "m")

        async def next(self) -> Event | None:
            return None

        async def aclose(self) -> None:
            """There is nothing to close."""

    await push(Plain(), lambda _: pytest.fail("nothing can be pushed"))
