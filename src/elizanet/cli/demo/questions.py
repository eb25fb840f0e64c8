"""What the scenarios ask: ordinary use of the library, one function a kind of answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final

from elizanet.library import Elizanet
from elizanet.model_types import ModelType

GREETING: Final = "Hello, world!"
QUESTION: Final = "What is the capital of France?"
SCHEMA: Final = {
    "type": "object",
    "properties": {"capital": {"const": "Paris"}, "rivers": {"type": "integer", "minimum": 1}},
    "required": ["capital", "rivers"],
}


async def text(net: Elizanet) -> AsyncIterator[str]:
    yield await net.use_model(ModelType.TEXT_SMALL, {"prompt": GREETING, "maxTokens": 100})


async def stream(net: Elizanet) -> AsyncIterator[str]:
    messages = [{"role": "user", "content": GREETING}]
    async for piece in net.stream(ModelType.TEXT_LARGE, {"messages": messages}):
        yield piece


async def embedding(net: Elizanet) -> AsyncIterator[str]:
    vector = await net.use_model(ModelType.TEXT_EMBEDDING, {"text": "This is text to embed"})
    yield f"{len(vector)} numbers"


async def image(net: Elizanet) -> AsyncIterator[str]:
    images = await net.use_model(ModelType.IMAGE, {"prompt": "A sunset", "size": "1024x1024"})
    yield images[0]["url"]


async def structured(net: Elizanet) -> AsyncIterator[str]:
    value = await net.use_model(ModelType.OBJECT_LARGE, {"prompt": QUESTION, "schema": SCHEMA})
    yield json.dumps(value)
