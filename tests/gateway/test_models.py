"""`GET /v1/models`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from elizanet.testing import Upstream

if TYPE_CHECKING:
    from gateway.conftest import Serve


async def test_configured_names_are_listed_without_asking(serve: Serve, primary: Upstream) -> None:
    """OpenAI's list shape."""
    async with serve(primary) as gateway:
        heard = await gateway.get("/v1/models")
    assert heard.status == 200
    assert heard.header("content-type") == "application/json"
    model = {"id": "gpt-4o", "object": "model", "created": 0, "owned_by": "elizanet"}
    assert heard.json == {"object": "list", "data": [model]}
    assert primary.requests == []


async def test_a_glob_lists_what_its_providers_have(serve: Serve) -> None:
    """Names that do not match stay out."""
    models = ["gpt-4o", "gpt-5", "whisper"]
    async with (
        Upstream("primary", models=models) as upstream,
        serve(upstream, model="gpt-*") as gateway,
    ):
        heard = await gateway.get("/v1/models")
    assert [model["id"] for model in heard.json["data"]] == ["gpt-4o", "gpt-5"]


async def test_one_model_is_found_by_its_name(serve: Serve) -> None:
    """Also one with a slash in it, written plainly or escaped."""
    async with (
        Upstream("primary", models=["meta/llama-3"]) as upstream,
        serve(upstream, model="*") as gateway,
    ):
        for name in ("meta/llama-3", "meta%2Fllama-3"):
            heard = await gateway.get(f"/v1/models/{name}")
            assert heard.status == 200
            assert heard.json["id"] == "meta/llama-3"
        assert (await gateway.get("/v1/models/gpt-4o")).status == 404


async def test_a_model_that_no_chain_serves_is_a_404(serve: Serve, primary: Upstream) -> None:
    """With the code that the SDKs know."""
    async with serve(primary) as gateway:
        heard = await gateway.get("/v1/models/gpt-5")
    assert heard.status == 404
    assert heard.error["code"] == "model_not_found"
    assert primary.requests == []


async def test_a_chain_that_renames_serves_every_name(serve: Serve, primary: Upstream) -> None:
    """A glob whose target has a name of its own needs no provider to be asked."""
    async with serve(primary, model="gpt-*", target_model="real") as gateway:
        assert (await gateway.get("/v1/models/gpt-anything")).status == 200
    assert primary.requests == []


async def test_the_list_survives_a_provider_that_is_down(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """What the others have is listed."""
    primary.fail("refuse")
    async with serve(primary, backup, model="*") as gateway:
        heard = await gateway.get("/v1/models")
    assert heard.status == 200
    assert heard.json["data"]


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt-4o"])
async def test_a_provider_that_leads_back_here_is_asked_once(
    serve: Serve, path: str, primary: Upstream
) -> None:
    """Else each list would ask for the next one, until the places are taken."""
    async with serve(primary, model="*") as gateway:
        await gateway.get(path, "x-elizanet-hop: another")
        (asked,) = primary.requests
        hops = asked.header("x-elizanet-hop")
        assert hops.startswith("another, ")
        heard = await gateway.get(path, f"x-elizanet-hop: {hops}")
        assert (heard.status, heard.error["code"]) == (508, "gateway_loop")
        assert len(primary.requests) == 1
