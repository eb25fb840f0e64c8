"""The other provider clients of elizaOS, failing for real: what their exceptions mean.

Only openai and gateway come as plugins; an agent calls the others from handlers of its own,
so the plugin meets their exceptions as they are raised.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from elizaos import Plugin
from elizaos_plugin_elizacloud.providers import ElizaCloudClient
from elizaos_plugin_elizacloud.types import ElizaCloudConfig
from elizaos_plugin_elizacloud.types import TextGenerationParams as CloudParams
from elizaos_plugin_gateway.client import GatewayClient
from elizaos_plugin_gateway.config import GatewayConfig
from elizaos_plugin_gateway.types import TextGenerationParams as GatewayParams
from elizaos_plugin_google_genai.client import GoogleGenAIClient
from elizaos_plugin_google_genai.config import GoogleGenAIConfig
from elizaos_plugin_groq.client import GroqClient
from elizaos_plugin_groq.types import GenerateTextParams as GroqParams
from elizaos_plugin_ollama.client import OllamaClient
from elizaos_plugin_ollama.config import OllamaConfig
from elizaos_plugin_openai.client import OpenAIClient
from elizaos_plugin_openai.types import OpenAIConfig
from elizaos_plugin_openai.types import TextGenerationParams as OpenAIParams
from elizaos_plugin_openrouter.client import OpenRouterClient
from elizaos_plugin_openrouter.config import OpenRouterConfig

from elizanet.testing import HttpReply, Upstream, Wire
from elizaos_plugin_elizanet_fallback import plugin as fallback
from support.agents import calls, running

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # pydantic's, about anthropic's types
    from elizaos_plugin_anthropic import AnthropicClient
    from elizaos_plugin_anthropic.config import AnthropicConfig

Ask = Callable[[], Awaitable[object]]
KEY = "sk-planted-key-123"


@asynccontextmanager
async def asking(client: str, url: str, patience: float) -> AsyncIterator[Ask]:
    """Return a call of a real client to a server, with so many seconds of patience."""
    root = url.removesuffix("/v1")
    made: Any
    ask: Ask
    match client:
        case "anthropic":
            made = AnthropicClient(AnthropicConfig(KEY, base_url=root))
            ask = lambda: made.generate_text_small("hi")  # noqa: E731
        case "elizacloud":
            made = ElizaCloudClient(ElizaCloudConfig(KEY, base_url=url))
            ask = lambda: made.generate_text(CloudParams(prompt="hi"))  # noqa: E731
        case "gateway":
            made = GatewayClient(GatewayConfig(api_key=KEY, base_url=url))
            ask = lambda: made.generate_text(GatewayParams(prompt="hi", model="m"))  # noqa: E731
        case "google-genai":
            made = GoogleGenAIClient(GoogleGenAIConfig(KEY, base_url=root))
            ask = lambda: made.generate_text_small("hi")  # noqa: E731
        case "groq":
            made = GroqClient(KEY, base_url=url)
            ask = lambda: made.generate_text_small(GroqParams(prompt="hi"))  # noqa: E731
        case "ollama":
            made = OllamaClient(OllamaConfig(base_url=root))
            ask = lambda: made.generate_text_small("hi")  # noqa: E731
        case "openai":
            made = OpenAIClient(OpenAIConfig(api_key=KEY, base_url=url))
            ask = lambda: made.generate_text(OpenAIParams(prompt="hi", model="m"))  # noqa: E731
        case _:
            made = OpenRouterClient(OpenRouterConfig(KEY, base_url=url))
            ask = lambda: made.generate_text_small("hi")  # noqa: E731
    wire = next(part for part in vars(made).values() if isinstance(part, httpx.AsyncClient))
    wire.timeout = httpx.Timeout(patience)
    with _without_sleep("groq"), _without_sleep("openai"):
        yield ask
    await made.close()


def _without_sleep(name: str) -> Any:
    """Two of the clients retry by themselves, with up to ten seconds between."""

    class NoSleep:
        @staticmethod
        async def sleep(_seconds: float) -> None:
            pass

    return patch(f"elizaos_plugin_{name}.client.asyncio", NoSleep)


CLIENTS = (
    "anthropic",
    "elizacloud",
    "gateway",
    "google-genai",
    "groq",
    "ollama",
    "openai",
    "openrouter",
)
OUTAGES = {
    "rate_limit": "rate_limit",
    "status=500": "overloaded",
    "status=502,html": "overloaded",
    "status=503": "overloaded",
    "status=504": "overloaded",
    "status=529": "overloaded",
    "status=408": "timeout",
    "refuse": "connection",
    "close": "connection",
    "reset": "connection",
    "hang": "timeout",
}
REFUSALS = {
    "status=400": "bad_request",
    "status=401": "auth",
    "status=403": "auth",
    "status=404": "model_not_found",
    "status=422": "bad_request",
}
NATIVE = (
    ("anthropic", 429, "rate_limit_error", "m", "rate_limit"),
    ("anthropic", 529, "overloaded_error", "Overloaded", "overloaded"),
    ("anthropic", 400, "invalid_request_error",
     "Your credit balance is too low to access the Anthropic API.", "quota_exhausted"),
    ("anthropic", 400, "invalid_request_error", "max_tokens: field required", "bad_request"),
    ("anthropic", 401, "authentication_error", "invalid x-api-key", "auth"),
    ("google-genai", 429, "RESOURCE_EXHAUSTED", "Resource has been exhausted.", "rate_limit"),
    ("google-genai", 503, "UNAVAILABLE", "The model is overloaded.", "overloaded"),
    ("google-genai", 400, "INVALID_ARGUMENT", "API key not valid.", "auth"),
    ("groq", 429, "rate_limit_exceeded", "Rate limit reached. Please try again in 7.66s.", "rate_limit"),
    ("groq", 503, "internal_server_error", "Service Unavailable", "overloaded"),
    ("openrouter", 402, 402, "Insufficient credits", "quota_exhausted"),
    ("openrouter", 401, 401, "No auth credentials found", "auth"),
    ("openrouter", 400, 400, "m is not a valid model ID", "model_not_found"),
    ("ollama", 404, None, "model 'llama9' not found", "model_not_found"),
    ("elizacloud", 402, None, "Insufficient credits", "quota_exhausted"),
    ("gateway", 429, "insufficient_quota", "You exceeded your current quota", "quota_exhausted"),
)  # fmt: skip
"""Client, status, the provider's own code and words, and what they mean."""


def native_body(client: str, status: int, code: object, words: str) -> bytes:
    """Return an error as that provider writes it."""
    body: object
    if client == "anthropic":
        body = {"type": "error", "error": {"type": code, "message": words}}
    elif client == "google-genai":
        body = {"error": {"code": status, "message": words, "status": code}}
    elif code is None:
        body = {"error": words}
    else:
        body = {"error": {"message": words, "type": code, "code": code}}
    return json.dumps(body).encode()


async def classes(client: str, upstream: Upstream, elizanet: Upstream) -> tuple[str, bool]:
    """Return the class of what a client raises, and whether the agent was answered for it."""
    silent = [fault.spec for fault in upstream.faults] == ["hang"]
    async with asking(client, upstream.base_url, 0.5 if silent else 10) as ask:

        async def handler(_runtime: object, _params: object) -> object:
            return await ask()

        own = Plugin(name="own", description="", models={"TEXT_SMALL": handler})
        async with running(own, fallback) as agent:
            with pytest.raises(Exception) as raised:  # noqa: PT011 -- whatever the client raises
                await ask()
            found = vars(agent)["_elizanet_fallback"].net.judge(raised.value).failure_class
            try:
                answer = await agent.use_model("TEXT_SMALL", {"prompt": "hi"})
            except Exception:  # noqa: BLE001 -- the client's own, passed on
                return str(found), False
    return str(found), answer == "elizanet answers: hi" and calls(elizanet) == 1


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("fault", OUTAGES)
async def test_an_outage_is_answered_for(client: str, fault: str, elizanet: Upstream) -> None:
    """Whatever the client makes of it: status, text or cause."""
    async with Upstream(name="primary", faults=[fault]) as upstream:
        found, answered = await classes(client, upstream, elizanet)
    assert found == OUTAGES[fault]
    assert answered


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("fault", REFUSALS)
async def test_a_refusal_is_passed_on(client: str, fault: str, elizanet: Upstream) -> None:
    """Even where the client calls it a NetworkError."""
    async with Upstream(name="primary", faults=[fault]) as upstream:
        found, answered = await classes(client, upstream, elizanet)
    assert found == REFUSALS[fault]
    assert not answered


@pytest.mark.parametrize(("client", "status", "code", "words", "expected"), NATIVE)
async def test_a_providers_own_words_are_understood(
    client: str, status: int, code: object, words: str, expected: str, elizanet: Upstream
) -> None:
    """With the bodies that the real providers send."""

    async def refuse(_request: object, wire: Wire) -> None:
        await wire.reply(HttpReply(status, native_body(client, status, code, words)))

    async with Upstream(name="primary") as upstream:
        upstream.script(refuse)
        found, answered = await classes(client, upstream, elizanet)
    assert found == expected
    assert answered == (expected in ("rate_limit", "overloaded", "quota_exhausted"))
