"""An elizaOS agent whose own provider fails, with a real language model behind the plugin.

`demo_real.py` runs it with OPENAI_BASE_URL at a failing provider and ELIZANET_BASE_URL at
LiteLLM. The agent itself knows nothing of either.
"""

from __future__ import annotations

import asyncio

from elizaos import AgentRuntime, Character
from elizaos_plugin_openai import get_openai_plugin

from elizaos_plugin_elizanet_fallback import plugin as elizanet_fallback

QUESTION = "What is the capital of France?"
GREETING = "Say hello to the people of Paris."


async def main() -> None:
    """Ask through the runtime: once for a whole answer, once for a stream."""
    runtime = AgentRuntime(
        character=Character(name="Ada", bio="A traveller", system="You are Ada. Be brief."),
        plugins=[get_openai_plugin(), elizanet_fallback],
    )
    runtime.register_event("MODEL_USED", tell)
    await runtime.initialize()
    try:
        print(f"you: {QUESTION}")
        print(f"Ada: {await runtime.use_model('TEXT_SMALL', {'prompt': QUESTION})}", flush=True)
        print(f"you: {GREETING}\nAda: ", end="", flush=True)
        async for piece in runtime.use_model_stream("TEXT_LARGE_STREAM", {"prompt": GREETING}):
            print(piece, end="", flush=True)
        print()
    finally:
        await runtime.stop()


async def tell(event: dict[str, object]) -> None:
    """Print what the plugin says of an answer."""
    print(f"event: {event['type']} by {event['provider']}, tokens {event['tokens']}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
