"""The plugin's test suite, in the form the host knows: run it against a live ElizaNet.

for case in plugin.tests[0].tests:
    await case.fn(runtime)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from elizaos.types.plugin import TestCase, TestSuite
from elizaos.types.runtime import IAgentRuntime

from elizanet import DegradedVector, ModelType
from elizaos_plugin_elizanet_fallback.names import PLUGIN_NAME
from elizaos_plugin_elizanet_fallback.registration import agent_of

_PHRASE: Final = "Hello, ElizaNet: naïve café, 12 tokens?"


async def _connection(runtime: IAgentRuntime) -> None:
    health = await agent_of(runtime).net.health_check()
    _require(any(health.values()), f"no provider answers: {health}")


async def _text_generation(runtime: IAgentRuntime) -> None:
    text = await _use(runtime, ModelType.TEXT_SMALL, {"prompt": "Say hello in exactly 5 words"})
    _require(isinstance(text, str) and text.strip(), f"no text: {text!r}")


async def _embedding(runtime: IAgentRuntime) -> None:
    vector = await _use(runtime, ModelType.TEXT_EMBEDDING, {"text": _PHRASE})
    length = agent_of(runtime).settings.model_types.embedding_dimensions
    _require(not isinstance(vector, DegradedVector), f"no embedding: {vector!r}")
    _require(isinstance(vector, list) and len(vector) == length, f"not {length} numbers long")


async def _image(runtime: IAgentRuntime) -> None:
    images = await _use(runtime, ModelType.IMAGE, {"prompt": "A blue circle", "size": "256x256"})
    _require(isinstance(images, list) and images and images[0].get("url"), f"no image: {images!r}")


async def _tokenizer(runtime: IAgentRuntime) -> None:
    ids = await _use(runtime, ModelType.TEXT_TOKENIZER_ENCODE, {"prompt": _PHRASE})
    text = await _use(runtime, ModelType.TEXT_TOKENIZER_DECODE, {"tokens": ids})
    _require(text == _PHRASE, f"{_PHRASE!r} came back as {text!r}")


async def _object(runtime: IAgentRuntime) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
    }
    prompt = "Return a JSON object with the name of any planet."
    value = await _use(runtime, ModelType.OBJECT_SMALL, {"prompt": prompt, "schema": schema})
    _require(isinstance(value, dict) and isinstance(value.get("name"), str), f"not it: {value!r}")


async def _use(runtime: IAgentRuntime, kind: ModelType, params: dict[str, object]) -> object:
    answer: object = await runtime.use_model(kind.value, params, PLUGIN_NAME)
    return answer


def _require(held: object, otherwise: str) -> None:
    if not held:
        raise AssertionError(otherwise)


def _suite(cases: dict[str, Callable[[IAgentRuntime], Awaitable[None]]]) -> TestSuite:
    # As imported, the host's two classes are not complete.
    TestCase.model_rebuild(_types_namespace={"IAgentRuntime": IAgentRuntime})
    TestSuite.model_rebuild(force=True)
    tests = [TestCase(name=f"elizanet_test_{name}", fn=fn) for name, fn in cases.items()]
    return TestSuite(name="elizanet_fallback_plugin_tests", tests=tests)


SUITE: Final = _suite(
    {
        "connection": _connection,
        "text_generation": _text_generation,
        "embedding": _embedding,
        "image": _image,
        "tokenizer": _tokenizer,
        "object": _object,
    }
)
"""Connection, text, embedding, image, tokenizer, object."""
