"""`[stream]` as an operator sets it, over real sockets: what a caller gets of each setting."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from elizanet import Elizanet, Operation
from elizanet.errors import AllTargetsFailed, FailureClass, ProviderError
from elizanet.model_types.served import Served
from elizanet.testing import ReceivedRequest, Upstream, Wire
from elizanet.testing.question import plain_text
from elizanet.testing.reply import DONE, EventKind, StreamEvent, encode, stream_reply

MakeNet = Callable[..., Elizanet]
Teller = Callable[[ReceivedRequest, Wire], Awaitable[None]]
QUESTION: dict[str, object] = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "one two three four"}],
}
STORY = "Once there was a provider that broke, and nobody who read its story ever noticed it."
QUICK = "[timeouts]\ntotal = 5.0\nfirst_event = 0.4\nstall = 0.4\n"


def setting(**values: object) -> str:
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    return "\n".join(["[stream]", *lines, ""])


async def streamed(net: Elizanet) -> tuple[bytes, list[bytes]]:
    """Return the bytes of a stream, and the data of its events."""
    raw, data = b"", []
    async with await net.send(Operation.CHAT, QUESTION, stream=True) as answer:
        while (event := await answer.next()) is not None:
            raw += event.raw
            data.append(event.data)
    return raw, data


def teller(story: str, *, cut: int | None = None, heeds: bool = True) -> Teller:
    """Return a responder that tells a story, from where the assistant's message stopped."""

    async def tell(request: ReceivedRequest, wire: Wire) -> None:
        last = request.fields["messages"][-1]  # type: ignore[index]
        said = plain_text(last["content"]) if last["role"] == "assistant" and heeds else ""
        head = {"id": f"of {len(said)}", "object": "chat.completion.chunk", "created": len(said)}
        words = story[len(said) :].split(" ")
        pieces = [words[0], *(f" {word}" for word in words[1:])]
        choices = [{"index": 0, "delta": {"content": piece}} for piece in pieces[:cut]]
        chunks = [encode({**head, "choices": [choice]}) for choice in choices]
        events = [StreamEvent(EventKind.CONTENT, chunk) for chunk in chunks]
        if cut is None:
            stop = {"index": 0, "delta": {}, "finish_reason": "stop"}
            events += [StreamEvent(EventKind.FINISH, encode({**head, "choices": [stop]})), DONE]
        await wire.reply(stream_reply(events))

    return tell


async def test_usage_is_counted_and_the_stream_stays_as_it_is(
    primary: Upstream, make_net: MakeNet
) -> None:
    """The caller's bytes are those of a stream without usage; the library tells it all the same."""
    plain, _ = await streamed(make_net(primary))
    counting = make_net(primary, extra=setting(count_usage=True))
    counted, _ = await streamed(counting)
    assert _without_ids(counted) == _without_ids(plain)
    assert primary.requests[-1].fields["stream_options"] == {"include_usage": True}
    assert "stream_options" not in primary.requests[0].fields
    told: list[Served] = []
    pieces = counting.stream("TEXT_SMALL", {"prompt": "one two"}, on_served=told.append)
    assert [piece async for piece in pieces]
    assert told[0].usage is not None
    assert not told[0].usage.estimated


async def test_a_folded_answer_is_the_whole_answer(primary: Upstream, make_net: MakeNet) -> None:
    """The text, the finish reason and the usage of the answer that was not streamed."""
    whole = await (await make_net(primary).send(Operation.CHAT, QUESTION)).read()
    net = make_net(primary, extra=setting(fold_unary=True))
    folded = await (await net.send(Operation.CHAT, QUESTION)).read()
    assert primary.requests[-1].fields["stream"] is True
    expected = json.loads(whole) | {name: json.loads(folded)[name] for name in ("id", "created")}
    assert json.loads(folded) == expected


@pytest.mark.parametrize("fault", ["stall_stream=2", "cut_stream=2", "hang", "no_finish"])
async def test_a_whole_answer_that_stops_on_its_way_comes_from_elsewhere(
    primary: Upstream, backup: Upstream, make_net: MakeNet, fault: str
) -> None:
    """Within the limits of a stream, not after the minutes that a whole answer is given."""
    primary.fail(fault)
    net = make_net(primary, backup, extra=QUICK + setting(fold_unary=True))
    began = asyncio.get_running_loop().time()
    answer = await net.send(Operation.CHAT, QUESTION)
    body = json.loads(await answer.read())
    assert body["choices"][0]["message"]["content"].startswith("backup answers:")
    assert answer.attempts[0].failure_class is not None
    assert asyncio.get_running_loop().time() - began < 3.0


async def test_a_whole_answer_may_take_longer_than_its_first_content(
    make_net: MakeNet,
) -> None:
    """It comes in all the time."""
    async with Upstream("slow", chunk_delay=0.15) as slow:
        net = make_net(slow, extra=QUICK + setting(fold_unary=True))
        began = asyncio.get_running_loop().time()
        await (await net.send(Operation.CHAT, QUESTION)).read()
        assert asyncio.get_running_loop().time() - began > 0.6


@pytest.mark.parametrize("cut", [1, 2, 7, 15])
async def test_a_broken_stream_goes_on_elsewhere(
    primary: Upstream, backup: Upstream, make_net: MakeNet, cut: int
) -> None:
    """One story, one identity, one end."""
    primary.script(teller(STORY, cut=cut))
    backup.script(teller(STORY))
    _, data = await streamed(make_net(primary, backup, extra=setting(on_break="continue")))
    assert _text(data) == STORY
    chunks = [json.loads(each) for each in data if each.startswith(b"{")]
    assert {(chunk["id"], chunk["created"]) for chunk in chunks} == {("of 0", 0)}
    assert [each for each in data if not each.startswith(b"{")] == [b"[DONE]"]
    assert backup.requests[0].fields["messages"][-1]["role"] == "assistant"  # type: ignore[index]


async def test_a_target_that_begins_the_same_answer_anew_is_cut(
    primary: Upstream, backup: Upstream, make_net: MakeNet
) -> None:
    """It does not heed what was said, but it says the same."""
    primary.script(teller(STORY, cut=9))
    backup.script(teller(STORY, heeds=False))
    _, data = await streamed(make_net(primary, backup, extra=setting(on_break="continue")))
    assert _text(data) == STORY


@pytest.mark.parametrize("cut", [2, 9])
async def test_another_answer_is_not_put_behind_the_first(
    primary: Upstream, backup: Upstream, make_net: MakeNet, cut: int
) -> None:
    """The stream ends with the error of its break."""
    primary.script(teller(STORY, cut=cut))
    backup.script(teller("It was a dark and stormy night, and nothing worked.", heeds=False))
    net = make_net(primary, backup, extra=setting(on_break="continue"))
    with pytest.raises((ProviderError, AllTargetsFailed)) as caught:
        await streamed(net)
    assert caught.value.failure_class is FailureClass.STREAM_INTERRUPTED


def _text(data: list[bytes]) -> str:
    chunks = [json.loads(each) for each in data if each.startswith(b"{")]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    return "".join(choice["delta"].get("content", "") for choice in choices)


def _without_ids(raw: bytes) -> list[object]:
    blocks = raw.split(b"\n\n")
    fields = [json.loads(b[6:]) if b.startswith(b"data: {") else b for b in blocks]
    return [{**each, "id": "", "created": 0} if isinstance(each, dict) else each for each in fields]
