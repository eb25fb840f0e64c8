"""A complete elizaOS agent that answers a message while its model provider is down.

    pip install "elizanet[elizaos]" elizaos-plugin-openai "httpx<1"
    python examples/elizaos_agent.py

It runs without a network and without a key: the provider of the openai plugin is a server on
this machine that says 429 to everything, and ElizaNet is another one that works. For an agent
of your own, take `main` without the two servers, and set OPENAI_API_KEY.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from uuid import uuid4

from elizaos import AgentRuntime, ChannelType, Character, Content, Memory
from elizaos_plugin_openai import get_openai_plugin

from elizanet.testing import ReceivedRequest, Upstream, Wire
from elizanet.testing.reply import json_reply
from elizaos_plugin_elizanet_fallback import plugin as elizanet_fallback

QUESTION = "Are you still there?"
ANSWER = "Yes. My own provider is not, so ElizaNet lent me its voice."


async def main() -> int:
    """Run the agent, send it a message, and tell what happened."""
    async with (
        Upstream(name="openai", faults=["rate_limit"]) as openai,
        Upstream(name="elizanet") as elizanet,
    ):
        elizanet.script(answer_like_a_model)
        os.environ["OPENAI_API_KEY"] = "sk-of-a-server-on-this-machine"
        os.environ["OPENAI_BASE_URL"] = openai.base_url

        runtime = AgentRuntime(
            character=Character(name="Ada", bio="A patient agent", system="Be brief."),
            plugins=[get_openai_plugin(), elizanet_fallback],
            settings={"ELIZANET_BASE_URL": elizanet.base_url},
            check_should_respond=False,
        )
        runtime.register_event("MODEL_USED", tell)
        await runtime.initialize()
        try:
            result = await runtime.message_service.handle_message(runtime, message(QUESTION))
        finally:
            await runtime.stop()

        print(f"you:   {QUESTION}")
        print(f"Ada:   {result.response_content.text if result.did_respond else '(silence)'}")
        print(f"asked: openai {asked(openai)} time, elizanet {asked(elizanet)} time")
        return 0 if result.did_respond else 1


async def tell(event: dict[str, object]) -> None:
    """Print which model answered: the event that the plugin emits."""
    print(f"event: {event['type']} answered by {event['model']}, tokens {event['tokens']}")


def message(text: str) -> Memory:
    """Return a message as a chat would send it."""
    content = Content(text=text, source="cli", channel_type=ChannelType.DM.value)
    return Memory(entity_id=str(uuid4()), room_id=str(uuid4()), content=content)


async def answer_like_a_model(request: ReceivedRequest, wire: Wire) -> None:
    """Answer as the agent's prompt asks a model to: in XML, with the codes of the prompt."""
    if request.endpoint == "models":
        await wire.reply(json_reply({"object": "list", "data": []}))
        return
    codes = re.findall(r"(initial|middle|end) code: ([\w-]+)", request.body.decode())
    echoed = "".join(f"<one_{name}_code>{code}</one_{name}_code>" for name, code in codes)
    said = f"<thought>Answer</thought><actions>REPLY</actions><text>{ANSWER}</text>"
    text = {"role": "assistant", "content": f"<response>{echoed}{said}</response>"}
    usage = {"prompt_tokens": 1200, "completion_tokens": 60, "total_tokens": 1260}
    choice = {"index": 0, "message": text, "finish_reason": "stop"}
    await wire.reply(json_reply({"model": "gpt-4o", "choices": [choice], "usage": usage}))


def asked(upstream: Upstream) -> int:
    """Count the model calls that a server received."""
    return sum(request.method == "POST" for request in upstream.requests)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
