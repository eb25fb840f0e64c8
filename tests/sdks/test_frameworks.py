"""Frameworks that bring their own use of the API: LangChain and pydantic-ai."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, DefaultHttpxClient
from pydantic import BaseModel, SecretStr
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from support.gateway_process import Gateway

pytestmark = pytest.mark.sdks

QUESTION = "why is the sky blue"
ANSWER = "primary answers: why is the sky blue"


Langchain = Callable[..., ChatOpenAI]


class City(BaseModel):
    """An object that a model is asked for."""

    name: str
    people: int


@pytest.fixture
async def langchain(gateway: Gateway) -> AsyncIterator[Langchain]:
    """Return a maker of LangChain's models; LangChain itself never closes its connections."""
    async with DefaultAsyncHttpxClient() as asynchronous:
        with DefaultHttpxClient() as blocking:
            yield partial(
                ChatOpenAI,
                base_url=gateway.base_url,
                api_key=SecretStr(gateway.key),
                http_client=blocking,
                http_async_client=asynchronous,
            )


@pytest.fixture
async def provider(gateway: Gateway) -> AsyncIterator[OpenAIProvider]:
    """The gateway as pydantic-ai sees it."""
    async with AsyncOpenAI(base_url=gateway.base_url, api_key=gateway.key) as client:
        yield OpenAIProvider(openai_client=client)


def test_langchain_is_answered(langchain: Langchain) -> None:
    """A whole answer, with its usage."""
    message = langchain(model="gpt-4o").invoke(QUESTION)
    assert message.content == ANSWER
    assert message.usage_metadata["total_tokens"] > 0


def test_langchain_streams(langchain: Langchain) -> None:
    """The pieces of a stream add up, also when the first provider is down."""
    pieces = [chunk.content for chunk in langchain(model="falls-back").stream(QUESTION)]
    assert len(pieces) > 2
    assert "".join(pieces) == "backup answers: why is the sky blue"


def test_langchain_gets_an_object(langchain: Langchain) -> None:
    """Structured output comes back as the class that was asked for."""
    model = langchain(model="gpt-4o").with_structured_output(City, method="json_schema")
    assert isinstance(model.invoke(QUESTION), City)


async def test_langchain_asks_many_at_once(langchain: Langchain) -> None:
    """A batch is answered in its order."""
    answers = await langchain(model="gpt-4o").abatch([f"number {n}" for n in range(10)])
    assert [answer.content for answer in answers] == [
        f"primary answers: number {n}" for n in range(10)
    ]


def test_langchain_embeds(gateway: Gateway) -> None:
    """Texts become vectors of the asked length."""
    with DefaultHttpxClient() as blocking:
        embeddings = OpenAIEmbeddings(
            model="text-embedding-3-small",
            dimensions=16,
            base_url=gateway.base_url,
            api_key=SecretStr(gateway.key),
            check_embedding_ctx_length=False,  # its tokenizer is downloaded
            http_client=blocking,
        )
        assert [len(vector) for vector in embeddings.embed_documents(["one", "two"])] == [16, 16]


async def test_pydantic_ai_is_answered(provider: OpenAIProvider) -> None:
    """An agent's run over chat completions."""
    agent = Agent(OpenAIChatModel("gpt-4o", provider=provider))
    assert (await agent.run(QUESTION)).output == ANSWER


async def test_pydantic_ai_streams(provider: OpenAIProvider) -> None:
    """An agent's streamed run over chat completions, with the fallback unseen."""
    agent = Agent(OpenAIChatModel("falls-back", provider=provider))
    async with agent.run_stream(QUESTION) as run:
        pieces = [piece async for piece in run.stream_text(delta=True, debounce_by=None)]
    assert "".join(pieces) == "backup answers: why is the sky blue"


async def test_pydantic_ai_gets_an_object(provider: OpenAIProvider) -> None:
    """An agent whose output is an object."""
    model = OpenAIChatModel("gpt-4o", provider=provider)
    agent = Agent(model, output_type=NativeOutput(City))
    assert isinstance((await agent.run(QUESTION)).output, City)


async def test_pydantic_ai_uses_responses(provider: OpenAIProvider) -> None:
    """An agent over the Responses API."""
    agent = Agent(OpenAIResponsesModel("gpt-4o", provider=provider))
    assert (await agent.run(QUESTION)).output == ANSWER
