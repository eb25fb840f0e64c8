"""Every model type of the plugin, called through a real agent or straight as a handler."""

from __future__ import annotations

from enum import Enum
from types import SimpleNamespace
from typing import Any, cast

import pytest
from elizaos import Character, ModelType, Plugin
from elizaos.types.runtime import IAgentRuntime

from elizanet import DegradedVector, InputError, ProviderError
from elizanet.testing import Upstream
from elizaos_plugin_elizanet_fallback import plugin as fallback
from support.agents import LogBook, bodies, log_of, openai_plugin, running

SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        (ModelType.TEXT_SMALL, "gpt-4o-mini"),
        (ModelType.TEXT_LARGE, "gpt-4o"),
        (ModelType.TEXT_REASONING_SMALL, "gpt-4o-mini"),
        (ModelType.TEXT_REASONING_LARGE, "gpt-4o"),
        (ModelType.TEXT_COMPLETION, "gpt-4o"),
    ],
)
async def test_each_text_type_has_its_model(
    kind: ModelType, model: str, elizanet: Upstream
) -> None:
    """Those the openai plugin does not know are answered too."""
    async with running(fallback) as agent:
        assert await agent.use_model(kind, {"prompt": "hi"}) == "elizanet answers: hi"
    assert bodies(elizanet)[0]["model"] == model


async def test_an_image_is_a_list_of_addresses(elizanet: Upstream) -> None:
    """As many as were asked for."""
    async with running(fallback) as agent:
        images = await agent.use_model("IMAGE", prompt="a sunset", size="1024x1024", count=2)
    assert [list(image) for image in images] == [["url"], ["url"]]
    assert bodies(elizanet)[0]["size"] == "1024x1024"


@pytest.mark.parametrize("kind", ["OBJECT_SMALL", "OBJECT_LARGE"])
async def test_an_object_fits_its_schema(kind: str, elizanet: Upstream) -> None:
    """And comes back as a value."""
    async with running(fallback) as agent:
        value = await agent.use_model(kind, {"prompt": "someone's age", "schema": SCHEMA})
    assert isinstance(value["age"], int)


async def test_an_object_may_be_one_of_some_values_or_a_list(elizanet: Upstream) -> None:
    """`output` and `enumValues` are the host's words for it."""
    async with running(fallback) as agent:
        asked: dict[str, Any] = {"prompt": "p", "output": "enum", "enumValues": ["red", "blue"]}
        assert await agent.use_model("OBJECT_SMALL", asked) in ("red", "blue")
        asked = {"prompt": "p", "output": "array", "schema": SCHEMA}
        assert isinstance(await agent.use_model("OBJECT_SMALL", asked), list)


async def test_tokenizers_work_without_a_network() -> None:
    """With the host's enum, its value, or no model type at all."""
    async with running(fallback) as agent:
        for more in ({}, {"modelType": "TEXT_SMALL"}, {"modelType": ModelType.TEXT_LARGE}):
            asked = {"prompt": "Hello <|endoftext|>", **more}
            ids = await agent.use_model(ModelType.TEXT_TOKENIZER_ENCODE, asked)
            decoded = {"tokens": ids, **more}
            assert await agent.use_model("TEXT_TOKENIZER_DECODE", decoded) == asked["prompt"]
        assert not log_of(agent).said("only provider")


async def test_what_only_the_host_knows_does_not_go_out(elizanet: Upstream) -> None:
    """Runtime objects, callbacks and other providers' sampling parameters are left behind."""
    async with running(fallback) as agent:
        await agent.use_model(
            "TEXT_SMALL",
            {
                "prompt": "hi", "temperature": 0, "topP": 0, "maxTokens": 5, "stopSequences": ["."],
                "frequencyPenalty": 0.5, "presencePenalty": 0.25, "responseFormat": "json_object",
                "runtime": agent, "onStreamChunk": print, "modelType": "TEXT_SMALL", "stream": True,
                "topK": 4, "minP": 0.1, "repetitionPenalty": 1.1, "minTokens": 1, "system": None,
            },
        )  # fmt: skip
    assert bodies(elizanet)[0] == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0,
        "top_p": 0,
        "max_tokens": 5,
        "stop": ["."],
        "frequency_penalty": 0.5,
        "presence_penalty": 0.25,
        "response_format": {"type": "json_object"},
    }


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        ({"prompt": "hi"}, ["system", "user"]),
        ({"prompt": "hi", "system": "other"}, ["system", "user"]),
        ({"messages": [{"role": "user", "content": "hi"}]}, ["user"]),
        ("hi", ["system", "user"]),
    ],
)
async def test_the_characters_system_prompt_comes_first(
    given: Any, roles: list[str], elizanet: Upstream
) -> None:
    """Unless the call brings its own, or its own conversation."""
    async with running(fallback, character=Character(name="Ada", system="Be brief")) as agent:
        await agent.use_model("TEXT_SMALL", given)
    messages = cast("list[dict[str, str]]", bodies(elizanet)[0]["messages"])
    assert [message["role"] for message in messages] == roles
    own = "other" if isinstance(given, dict) and "system" in given else "Be brief"
    assert messages[0]["content"] == (own if len(roles) > 1 else "hi")


@pytest.mark.parametrize(
    ("given", "marker"),
    [(None, 0.1), ({}, 0.1), ({"other": 1}, 0.2), ({"text": 7}, 0.2), ({"text": " "}, 0.3)],
)
async def test_an_embedding_of_nothing_is_a_marker_vector(
    given: Any, marker: float, elizanet: Upstream
) -> None:
    """None reaches a handler of this host as `{}`, and only asks for the length."""
    async with running(fallback) as agent:
        vector = await agent.use_model("TEXT_EMBEDDING", given)
    assert isinstance(vector, DegradedVector)
    assert (vector[0], len(vector)) == (marker, 1536)
    assert bodies(elizanet) == []


@pytest.mark.parametrize(
    ("fault", "marker"), [("status=503", 0.4), ("wrong_dimensions", 0.5), ("refuse", 0.6)]
)
async def test_both_embeddings_failed(
    fault: str, marker: float, primary: Upstream, elizanet: Upstream
) -> None:
    """A marker vector that knows what it is, with a warning, an event and a count each time."""
    primary.fail("status=503")
    elizanet.fail(fault)
    events: list[dict[str, Any]] = []

    async def listen(payload: dict[str, Any]) -> None:
        events.append(payload)

    async with running() as agent:
        agent.register_event("EMBEDDING_GENERATION_FAILED", listen)
        vector = await agent.use_model("TEXT_EMBEDDING", {"text": "hi"})
        log = log_of(agent)
        assert isinstance(vector, DegradedVector)
        assert vector[0] == marker
        assert len(log.said(f"degraded to a marker vector ({marker})", "warning")) == 1
        assert log.said("[useModel] ElizaNet fallback also failed")
        assert not log.said("Successfully fell back")
        assert "degraded=1" in repr(vars(agent)["_elizanet_fallback"])
    assert [event["marker"] for event in events] == [marker]


async def test_both_embeddings_failed_and_errors_are_wanted(
    primary: Upstream, elizanet: Upstream
) -> None:
    """ELIZANET_EMBEDDING_ON_FAILURE=raise: the first error, and nothing invented."""
    primary.fail("status=503")
    elizanet.fail("status=503")
    async with running(settings={"ELIZANET_EMBEDDING_ON_FAILURE": "raise"}) as agent:
        with pytest.raises(Exception, match="OpenAI API error"):
            await agent.use_model("TEXT_EMBEDDING", {"text": "hi"})


async def test_an_embedding_of_another_length_than_the_agents_is_refused(
    primary: Upstream, elizanet: Upstream
) -> None:
    """A store filled by one provider must not get vectors that do not fit it."""
    settings = {"ELIZANET_EMBEDDING_DIMENSIONS": 768}
    async with running(settings=settings) as agent:
        assert len(await agent.use_model("TEXT_EMBEDDING", {"text": "hi"})) == 1536
        primary.fail("status=503")
        with pytest.raises(Exception, match="503"):
            await agent.use_model("TEXT_EMBEDDING", {"text": "hi"})
        assert log_of(agent).said("ELIZANET_EMBEDDING_DIMENSIONS=1536 makes them fit", "error")
        elizanet.fail("status=503")
        assert isinstance(await agent.use_model("TEXT_EMBEDDING", {"text": "hi"}), DegradedVector)
        elizanet.heal()
        with pytest.raises(Exception, match="503"):
            await agent.use_model("TEXT_EMBEDDING", {"text": "hi"})
    async with running() as agent:
        primary.heal()
        await agent.use_model("TEXT_EMBEDDING", {"text": "hi"})
        primary.fail("status=503")
        assert len(await agent.use_model("TEXT_EMBEDDING", {"text": "hi"})) == 1536


async def test_the_only_provider_says_so_once(elizanet: Upstream) -> None:
    """It answers, raises its own errors, and never asks itself again."""
    async with running(fallback) as agent:
        await agent.use_model("TEXT_SMALL", {"prompt": "hi"})
        await agent.use_model("TEXT_LARGE", {"prompt": "hi"})
        elizanet.fail("status=503,retry-after=0")
        with pytest.raises(ProviderError):
            await agent.use_model("TEXT_SMALL", {"prompt": "hi"})
        assert len(log_of(agent).said("is the only provider of TEXT_SMALL", "warning")) == 1
        assert not log_of(agent).said("Attempting fallback")
    assert len(bodies(elizanet)) == 4  # the failing one is tried twice, by the chain


async def test_a_wrong_call_says_what_is_wrong(elizanet: Upstream) -> None:
    """One sentence, before anything is sent."""
    async with running(fallback) as agent:
        wrongs: tuple[Any, ...] = ({}, {"prompt": 7}, {"prompt": "hi", "temperature": "hot"}, 7)
        for wrong in wrongs:
            with pytest.raises(InputError):
                await agent.use_model("TEXT_SMALL", wrong)
    assert bodies(elizanet) == []


async def test_a_handler_works_without_a_runtime_of_the_host(elizanet: Upstream) -> None:
    """As plugin tests call it: with an object that has settings, a character and a logger."""

    async def emit_event(*_: object) -> None:
        pass

    runtime = SimpleNamespace(
        get_setting={"ELIZANET_BASE_URL": elizanet.base_url, "ELIZANET_API_KEY": "k-1"}.get,
        character=SimpleNamespace(system="", settings={}, secrets={}),
        logger=LogBook(),
        emit_event=emit_event,
    )
    assert fallback.models is not None
    handler = fallback.models["TEXT_SMALL"]
    answer = await handler(cast("IAgentRuntime", runtime), {"prompt": "hi"})
    assert answer == "elizanet answers: hi"
    assert elizanet.requests[-1].header("authorization") == "Bearer k-1"
    await vars(runtime)["_elizanet_fallback"].aclose()


async def test_a_call_keeps_the_model_it_names(primary: Upstream, elizanet: Upstream) -> None:
    """As the POC did: the fallback asks for the same model."""
    primary.fail("status=503")
    async with running(openai_plugin(), fallback) as agent:
        await agent.use_model("TEXT_SMALL", {"prompt": "hi", "model": "llama-3"})
    assert bodies(elizanet)[0]["model"] == "llama-3"


async def test_a_value_of_another_enum_is_sent_as_its_value(elizanet: Upstream) -> None:
    """A host's string enums would else be sent by their Python names."""

    class Size(str, Enum):  # noqa: UP042 -- as the host's are
        SMALL = "256x256"

    async with running(fallback) as agent:
        await agent.use_model("IMAGE", {"prompt": "p", "size": Size.SMALL})
    assert bodies(elizanet)[0]["size"] == "256x256"


async def test_a_provider_that_takes_strings_is_answered_for(elizanet: Upstream) -> None:
    """Some handlers want a plain string; the fallback and its record understand it."""

    async def down(_runtime: object, params: object) -> str:
        raise ConnectionError(f"nobody to take {params}")

    own = Plugin(name="own", description="", models={"TEXT_SMALL": down})
    async with running(own, fallback) as agent:
        answer = await agent.use_model("TEXT_SMALL", cast("dict[str, object]", "hi"))
    assert answer == "elizanet answers: hi"
