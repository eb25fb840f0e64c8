"""The gateway in front of a real LiteLLM: caller, gateway, LiteLLM, provider."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from elizanet import Elizanet, ModelType, Operation, ProviderError, load_settings

if TYPE_CHECKING:
    from elizanet.testing import Upstream
    from peers.conftest import Proxy

pytestmark = [
    pytest.mark.peers,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),  # the first test of a session waits for LiteLLM
]

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]
GREETING = "elizanet listens on "


@pytest.fixture
def chain_file(chain_toml: str, tmp_path: Path) -> Path:
    """The configuration of the gateway."""
    file = tmp_path / "chain.toml"
    file.write_text(chain_toml, encoding="utf-8")
    return file


@pytest_asyncio.fixture(loop_scope="session")
async def caller(litellm: Proxy, chain_file: Path, tmp_path: Path) -> AsyncIterator[Elizanet]:
    """A library whose only provider is `elizanet serve`, which asks LiteLLM first."""
    command = ["-m", "elizanet", "serve", "--config", str(chain_file), "--port", "0"]
    environment = {"PATH": os.defpath, "HOME": str(tmp_path), "LITELLM_KEY": litellm.key}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            greeting = (await process.stdout.readline()).decode()
        assert greeting.startswith(GREETING)
        environ = {"ELIZANET_BASE_URL": greeting.removeprefix(GREETING).split()[0]}
        async with Elizanet(load_settings(environ=environ, working_directory=tmp_path)) as net:
            yield net
    finally:
        process.terminate()
        await process.communicate()


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
async def test_the_gateway_passes_litellms_answer_on(
    *, stream: bool, caller: Elizanet, backend: Upstream
) -> None:
    """The caller hears the provider behind LiteLLM, and who it was that answered."""
    fields = {"model": "gpt-4o", "messages": MESSAGES, "seed": 7}
    async with await caller.send(Operation.CHAT, fields, stream=stream) as answer:
        headers = dict(answer.head.headers)
        body = await answer.read()
    assert b"backend" in body
    assert body.endswith(b"data: [DONE]\n\n") is stream
    assert headers["x-elizanet-provider"] == "litellm"
    assert headers["x-elizanet-attempts"] == "1"
    assert backend.requests[0].fields["seed"] == 7


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
async def test_the_gateway_answers_when_litellm_fails(*, stream: bool, caller: Elizanet) -> None:
    """The caller sees a plain answer; a header tells what it was spared."""
    fields = {"model": "mock-rate-limit", "messages": MESSAGES}
    async with await caller.send(Operation.CHAT, fields, stream=stream) as answer:
        headers = dict(answer.head.headers)
        assert b"backup" in await answer.read()
    assert headers["x-elizanet-provider"] == "backup"
    assert headers["x-elizanet-attempts"] == "2"
    assert headers["x-elizanet-fallback"] == "rate_limit"


async def test_the_gateway_passes_litellms_refusal_on(caller: Elizanet, backend: Upstream) -> None:
    """An error that nobody else could help reaches the caller in LiteLLM's own words."""
    backend.fail("bad_request")
    with pytest.raises(ProviderError) as raised:
        await caller.send(Operation.CHAT, {"model": "gpt-4o", "messages": MESSAGES})
    reply = raised.value.reply
    assert reply is not None
    assert reply.status == 400
    assert json.loads(reply.body)["error"]["message"].startswith("litellm.BadRequestError")


async def test_the_gateway_embeds_and_names_the_models(caller: Elizanet, backend: Upstream) -> None:
    """Embeddings and models take the same way as a chat."""
    fields = {"model": "text-embedding-3-large", "input": ["a", "b"], "dimensions": 8}
    async with await caller.send(Operation.EMBEDDING, fields) as answer:
        vectors = [item["embedding"] for item in json.loads(await answer.read())["data"]]
    assert [len(vector) for vector in vectors] == [8, 8]
    [health] = (await caller.health_check()).values()
    assert "mock-rate-limit" in health.models


async def test_a_stream_cut_behind_litellm_is_cut_for_the_callers_caller(
    caller: Elizanet, backend: Upstream
) -> None:
    """Through two proxies, what was cut off is not presented as complete."""
    backend.fail("error_event=2")
    pieces: list[str] = []

    async def collect() -> None:
        async for piece in caller.stream(ModelType.TEXT_LARGE, {"prompt": "Why?"}):
            pieces.append(piece)  # noqa: PERF401 -- the pieces before a break count

    with pytest.raises(ProviderError):
        await collect()
    assert "".join(pieces) == "backend answers:"
