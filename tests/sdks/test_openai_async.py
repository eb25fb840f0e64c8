"""The official Python client, asynchronous: many calls at once, and callers who leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI

from support.gateway_process import Gateway, Providers

pytestmark = pytest.mark.sdks

ASKED = [{"role": "user", "content": "hello"}]


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=gateway.base_url, api_key=gateway.key) as made:
        yield made


async def test_many_calls_at_once_get_their_own_answers(client: AsyncOpenAI) -> None:
    """Sixty calls, whole and streamed, over shared connections: no answer is mixed up."""

    async def whole(number: int) -> str:
        said = [{"role": "user", "content": f"number {number}"}]
        answer = await client.chat.completions.create(model="gpt-4o", messages=said)
        return str(answer.choices[0].message.content)

    async def streamed(number: int) -> str:
        said = [{"role": "user", "content": f"number {number}"}]
        stream = await client.chat.completions.create(model="gpt-4o", messages=said, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    calls = [(streamed if number % 2 else whole)(number) for number in range(60)]
    answers = await asyncio.gather(*calls)
    assert answers == [f"primary answers: number {number}" for number in range(60)]


async def test_a_stream_that_is_left_is_closed_upstream(
    client: AsyncOpenAI, providers: Providers
) -> None:
    """A caller who breaks out of a stream does not keep the provider writing."""
    upstream = providers.by_name["stalling"]
    before = len(upstream.peer_closed_at)
    stream = await client.chat.completions.create(model="stalling", messages=ASKED, stream=True)
    async for _ in stream:
        break
    await stream.close()
    async with asyncio.timeout(2):
        while len(upstream.peer_closed_at) == before:
            await asyncio.sleep(0.01)


async def test_a_cancelled_call_is_cancelled_upstream(
    client: AsyncOpenAI, providers: Providers
) -> None:
    """A task that is cancelled closes the provider's connection with it."""
    upstream = providers.by_name["silent"]
    before = len(upstream.peer_closed_at)
    call = asyncio.create_task(client.chat.completions.create(model="silent", messages=ASKED))
    while not providers.received("silent"):
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    async with asyncio.timeout(2):
        while len(upstream.peer_closed_at) == before:
            await asyncio.sleep(0.01)


async def test_a_response_is_streamed(client: AsyncOpenAI) -> None:
    """The Responses API streams to the asynchronous client as well."""
    async with client.responses.stream(model="gpt-4o", input="hello") as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()
    assert kinds[-1] == "response.completed"
    assert final.output_text == "primary answers: hello"
