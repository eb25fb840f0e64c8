"""A gateway with a dashboard, and records in a file of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from elizanet.gateway.dashboard import ranges
from elizanet.gateway.dashboard.calls import ListCalls
from elizanet.gateway.dashboard.findings import Examine, Findings
from elizanet.settings import CallerSettings
from elizanet.testing import Upstream
from gateway.conftest import (
    Heard,
    Running,
    pytest_asyncio_loop_factories,
    serving,
    settings_for,
)
from support.troubles import HOSTS, NOW, Found, Record, reader_of

__all__ = ["pytest_asyncio_loop_factories"]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave what needs a browser out of every run that does not ask for it, and the rest of one."""
    if collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return None
    asked_for = "browser" in str(config.getoption("markexpr"))
    return None if collection_path.name.startswith("test_browser") == asked_for else True


HERE = "Host: localhost"
"""What a browser on this machine says."""


@dataclass
class Board:
    """A gateway as its dashboard's page sees it; `headers` go with every request."""

    gateway: Running
    headers: tuple[str, ...] = (HERE,)

    async def get(self, path: str, *headers: str) -> Heard:
        """Ask for something below `/dashboard`."""
        return await self.gateway.get(f"/dashboard{path}", *(headers or self.headers))

    async def post(self, path: str, body: bytes, *headers: str) -> Heard:
        """Send something to a path below `/dashboard`."""
        return await self.gateway.ask(f"/dashboard{path}", body, *(headers or self.headers))

    async def overview(self, shown: str = "15m") -> Any:
        """Return the data of the page."""
        heard = await self.get(f"/data/overview?{urlencode({'range': shown})}")
        assert heard.status == 200, heard.body
        return heard.json

    async def until(self, holds: Callable[[Any], object]) -> Any:
        """Return the first data of the page for which this holds."""
        return await eventually(self.overview, holds)

    async def calls(self, **query: str) -> Any:
        """Return the calls that the page lists."""
        heard = await self.get(f"/data/calls?{urlencode(query)}")
        assert heard.status == 200, heard.body
        return heard.json["calls"]


async def eventually(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], object]) -> Any:
    """Ask until this holds: records are written a moment after the answer."""
    async with asyncio.timeout(20):
        while not holds(found := await ask()):
            await asyncio.sleep(0.1)
    return found


Boards = Callable[..., AbstractAsyncContextManager[Board]]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are kept for a moment only, so that no test has to wait for the next one."""
    monkeypatch.setattr(ranges, "LONGEST_KEPT_S", 0.05)
    for question in (Examine, ListCalls):
        monkeypatch.setattr(question, "kept", 0.05)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'records.db'}"


@pytest.fixture
def board(database: str) -> Boards:
    """How to serve a chain with records: `async with` it, giving the providers in order."""

    @asynccontextmanager
    async def served(
        *providers: Upstream,
        keys: Sequence[str] = (),
        callers: Sequence[CallerSettings] = (),
        records: str = database,
        **changes: Any,
    ) -> AsyncIterator[Board]:
        settings = settings_for(providers, keys=keys, callers=callers, **changes)
        async with serving(replace(settings, database=records)) as gateway:
            await asyncio.sleep(0)
            yield Board(gateway)

    return served


@pytest.fixture
def found(tmp_path: Path) -> Found:
    """Ask for findings among these records."""

    def ask(*records: Record) -> Findings:
        return Examine(HOSTS, "r")(reader_of(tmp_path, *records), NOW)

    return ask
