"""A record of a fallback in PostgreSQL, by way of elizaOS's own adapter.

    ELIZANET_TEST_POSTGRES=postgresql+asyncpg://user@127.0.0.1:5432/db

It wants `elizaos-plugin-sql` and a database in which it may create tables.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest
from elizaos import Character
from elizaos_plugin_sql.adapters import PostgresAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from elizanet.testing import Upstream
from support.agents import running

URL = os.environ["ELIZANET_TEST_POSTGRES"]
pytestmark = pytest.mark.postgres
COLUMNS = "SELECT entity_id, room_id, body FROM logs WHERE type = 'useModel:TEXT_SMALL:fallback'"


async def rows() -> list[Any]:
    """Read the records by SQL: the adapter's own `get_logs` always fails in 2.0.0a5."""
    engine = create_async_engine(URL)
    try:
        async with engine.connect() as connection:
            return list(await connection.execute(text(COLUMNS)))
    finally:
        await engine.dispose()


async def test_a_record_in_postgresql(primary: Upstream, elizanet: Upstream) -> None:
    """Through the host's `log`, with ids that the tables take."""
    primary.fail("rate_limit")
    character = Character(name="Ada", bio="An agent")
    # Abstract only to mypy: the host's protocol has a method without a body.
    adapter = PostgresAdapter(URL, "5c3cb098-d52d-0b3f-a7e9-7b7fba960c4c")  # type: ignore[abstract]
    async with running(character=character, adapter=adapter) as agent:
        before = len(await rows())
        assert await agent.use_model("TEXT_SMALL", {"prompt": "hi"}) == "elizanet answers: hi"
        async with asyncio.timeout(5):
            while len(found := await rows()) == before:
                await asyncio.sleep(0.05)
        agent_id = str(agent.agent_id)
    entity, room, body = found[-1]
    assert str(entity) == str(room) == agent_id
    body = json.loads(body) if isinstance(body, str) else body
    assert body["provider"] == "elizanet-fallback"
    assert body["fallbackReason"].startswith("OpenAI API error (429)")
