"""A primary behind the real openai plugin, and the ElizaNet end, both on real sockets."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from elizanet.testing import Upstream
from support.agents import OPENAI_KEY

collect_ignore = [] if os.environ.get("ELIZANET_TEST_POSTGRES") else ["test_postgres.py"]


@pytest.fixture
async def primary(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Upstream]:
    """The agent's own provider: what the openai plugin finds in its environment."""
    async with Upstream(name="primary", api_key=OPENAI_KEY) as upstream:
        monkeypatch.setenv("OPENAI_API_KEY", OPENAI_KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", upstream.base_url)
        monkeypatch.setenv("OPENAI_TIMEOUT", "1")
        yield upstream


@pytest.fixture
async def elizanet(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Upstream]:
    """The fallback's provider."""
    async with Upstream(name="elizanet") as upstream:
        monkeypatch.setenv("ELIZANET_BASE_URL", upstream.base_url)
        yield upstream
