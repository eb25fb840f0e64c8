"""Records on both databases: what is asked of one is asked of the other."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from support.postgres_server import drop_schema

SERVER = os.environ.get("ELIZANET_TEST_POSTGRES", "").replace("+asyncpg", "")

collect_ignore = [] if SERVER else ["test_outages_postgres.py"]


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
    if SERVER
    else ["sqlite"]
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/records.db"
    asyncio.run(drop_schema(SERVER))
    return SERVER
