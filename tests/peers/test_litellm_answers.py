"""Every model type, answered by a real LiteLLM."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from elizanet import (
    DegradedVector,
    Elizanet,
    FailureClass,
    ModelType,
    Operation,
    ProviderError,
)

if TYPE_CHECKING:
    from elizanet.testing import Upstream
    from peers.conftest import Chain, Endpoint

pytestmark = [
    pytest.mark.peers,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),  # the first test of a session waits for LiteLLM
]

MOCK_TEXT = "The answer is forty-two."
MOCK_VECTOR = [0.25, -0.5, 0.75, 1.0]
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
async def test_the_base_url_may_end_in_any_of_its_spellings(path: str, endpoint: Endpoint) -> None:
    """With and without `/v1`, with and without a slash: each reaches every kind of request."""
    net = endpoint(path, ELIZANET_EMBEDDING_DIMENSIONS="4")
    assert await net.use_model(ModelType.TEXT_SMALL, {"prompt": "What is it?"}) == MOCK_TEXT
    assert await net.use_model(ModelType.TEXT_EMBEDDING, {"text": "it"}) == MOCK_VECTOR
    assert [bool(health) for health in (await net.health_check()).values()] == [True]


async def test_it_is_litellm_that_answers(endpoint: Endpoint) -> None:
    """The answer comes with LiteLLM's own headers, and its body as LiteLLM wrote it."""
    fields = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "What is it?"}]}
    async with await endpoint().send(Operation.CHAT, fields) as answer:
        headers = dict(answer.head.headers)
        body = await answer.read()
    assert headers["x-litellm-version"] == "1.108.7"
    assert len(body) == int(headers["content-length"])
    assert json.loads(body)["choices"][0]["message"]["content"] == MOCK_TEXT


@pytest.mark.parametrize("kind", [ModelType.TEXT_SMALL, ModelType.REASONING_SMALL])
async def test_the_small_models_are_answered(kind: ModelType, endpoint: Endpoint) -> None:
    """By LiteLLM's own mock."""
    assert await endpoint().use_model(kind, {"prompt": "What is it?"}) == MOCK_TEXT


@pytest.mark.parametrize(
    "kind", [ModelType.TEXT_LARGE, ModelType.REASONING_LARGE, ModelType.TEXT_COMPLETION]
)
async def test_the_large_models_are_answered(
    kind: ModelType, endpoint: Endpoint, backend: Upstream
) -> None:
    """By the provider behind LiteLLM, which passes on what we ask for, a zero too."""
    text = await endpoint().use_model(kind, {"prompt": "What is it?", "temperature": 0})
    assert text == "backend answers: What is it?"
    assert [request.fields["temperature"] for request in backend.requests] == [0]


async def test_a_raw_prompt_is_completed(endpoint: Endpoint) -> None:
    """The older completions API, which LiteLLM translates."""
    fields = {"model": "gpt-4o-mini", "prompt": "The answer is"}
    async with await endpoint().send(Operation.COMPLETION, fields) as answer:
        assert json.loads(await answer.read())["choices"][0]["text"] == MOCK_TEXT


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ModelType.TEXT_SMALL, MOCK_TEXT),
        (ModelType.TEXT_SMALL_STREAM, MOCK_TEXT),
        (ModelType.TEXT_LARGE, "backend answers: What is it?"),
    ],
)
async def test_a_stream_arrives_in_pieces(
    kind: ModelType, text: str, endpoint: Endpoint, backend: Upstream
) -> None:
    """LiteLLM's own stream, and one that passes through it."""
    pieces = [piece async for piece in endpoint().stream(kind, {"prompt": "What is it?"})]
    assert "".join(pieces) == text
    assert len(pieces) > 1


async def test_many_texts_are_embedded_in_one_request(
    endpoint: Endpoint, backend: Upstream
) -> None:
    """Each text has its vector, in the order of the texts."""
    net = endpoint(
        ELIZANET_EMBEDDING_MODEL="text-embedding-3-large", ELIZANET_EMBEDDING_DIMENSIONS="8"
    )
    vectors = await net.use_model("TEXT_EMBEDDING", {"texts": ["a sky", "a sea"]})
    alone = await net.use_model(ModelType.TEXT_EMBEDDING, {"text": "a sea"})
    assert isinstance(vectors, list)
    assert len(vectors) == 2
    assert vectors[1] == pytest.approx(alone)
    assert [request.fields["dimensions"] for request in backend.requests] == [8, 8]


async def test_a_vector_of_another_length_is_never_passed_on(endpoint: Endpoint) -> None:
    """LiteLLM's mock has four numbers where 1536 are configured."""
    strict = endpoint(ELIZANET_EMBEDDING_ON_FAILURE="raise")
    with pytest.raises(ProviderError, match="4 numbers instead of 1536") as raised:
        await strict.use_model(ModelType.TEXT_EMBEDDING, {"text": "it"})
    assert raised.value.failure_class is FailureClass.MALFORMED_RESPONSE

    vector = await endpoint().use_model(ModelType.TEXT_EMBEDDING, {"text": "it"})
    assert isinstance(vector, DegradedVector)
    assert len(vector) == 1536


async def test_one_vector_for_two_texts_moves_on(chain: Chain, backup: Upstream) -> None:
    """LiteLLM's mock answers any number of texts with one vector."""
    net = chain()
    model = "text-embedding-3-small"
    fields = {"model": model, "input": ["a sky", "a sea"], "dimensions": 4}
    async with await net.send(Operation.EMBEDDING, fields) as answer:
        assert len(json.loads(await answer.read())["data"]) == 2
        first = answer.attempts[0]
    assert (answer.head.provider, first.failure_class) == ("backup", "malformed_response")


async def test_an_image_is_a_url(endpoint: Endpoint) -> None:
    """LiteLLM leaves out nothing of an image: what it does not know it sends as null."""
    mock = await endpoint().use_model(ModelType.IMAGE, {"prompt": "a cat"})
    assert mock == [{"url": "https://images.example/cat.png"}]


async def test_an_image_passes_through(endpoint: Endpoint, backend: Upstream) -> None:
    """LiteLLM adds fields of its own to the provider's image; the URL is the same."""
    net = endpoint(ELIZANET_IMAGE_MODEL="backend-image")
    [picture] = await net.use_model(ModelType.IMAGE, {"prompt": "a cat", "size": "512x512"})
    assert picture["url"].startswith(backend.base_url)
    assert backend.requests[0].fields["size"] == "512x512"


async def test_an_object_fits_its_schema(endpoint: Endpoint) -> None:
    """The object LiteLLM gives is checked against the schema."""
    net = endpoint(ELIZANET_SMALL_MODEL="mock-object")
    value = await net.use_model(ModelType.OBJECT_SMALL, {"prompt": "Paris", "schema": CITY})
    assert value == {"city": "Paris", "people": 2102650}


async def test_the_schema_reaches_the_provider_behind_litellm(
    endpoint: Endpoint, backend: Upstream
) -> None:
    """LiteLLM passes `response_format` on."""
    value = await endpoint().use_model(ModelType.OBJECT_LARGE, {"prompt": "Paris", "schema": CITY})
    assert isinstance(value, dict)
    assert set(value) == {"city", "people"}
    response_format = backend.requests[0].fields["response_format"]
    assert isinstance(response_format, dict)
    assert response_format["type"] == "json_schema"


async def test_a_text_where_an_object_was_asked_for_moves_on(
    chain: Chain, backup: Upstream
) -> None:
    """LiteLLM's mock ignores the schema; the second choice does not."""
    value = await chain().use_model(ModelType.OBJECT_SMALL, {"prompt": "Paris", "schema": CITY})
    assert isinstance(value, dict)
    assert set(value) == {"city", "people"}
    assert len(backup.requests) == 1


async def test_health_names_the_models(chain: Chain) -> None:
    """A healthy LiteLLM lists what it serves."""
    health = (await chain().health_check())["litellm"]
    assert health
    assert {"gpt-4o-mini", "gpt-4o", "text-embedding-3-small", "dall-e-3"} <= set(health.models)


async def test_without_a_key_litellm_is_unhealthy(endpoint: Endpoint) -> None:
    """It does not even name its models to a stranger."""

    async def health(net: Elizanet) -> tuple[bool, str]:
        [found] = (await net.health_check()).values()
        return bool(found), found.reason

    healthy, reason = await health(endpoint(key=None))
    assert not healthy
    assert reason.startswith("auth")
