"""A pool of connections for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from elizanet.http import Http


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    http = Http()
    yield http
    await http.aclose()
