"""Gateways and providers as users run them: processes, sockets, and a bad network between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import pytest

from support.processes import Process

TIMEOUTS = """
[timeouts]
total = 20.0
connect = 1.0
attempt = 8.0
first_event = 6.0
stall = 2.0
"""
"""Seconds; shorter than the defaults, so that a test can wait for them."""


class Named(Protocol):
    """Something with a base URL."""

    @property
    def base_url(self) -> str: ...


Gateway = Callable[..., Awaitable[Process]]
Provider = Callable[..., Awaitable[Process]]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def gateway(stack: AsyncExitStack, tmp_path: Path) -> Gateway:
    """Return how to start `elizanet serve` over providers, in the order of the chain."""

    async def start(
        providers: dict[str, Named],
        *,
        name: str = "gateway",
        extra: str = TIMEOUTS,
        open_files: int | None = None,
    ) -> Process:
        tables = [f'[providers.{key}]\nbase_url = "{p.base_url}"\n' for key, p in providers.items()]
        chain = ", ".join(f'"{key}/*"' for key in providers)
        config = tmp_path / f"{name}.toml"
        config.write_text("\n".join([*tables, f'[models."*"]\nchain = [{chain}]', extra]))
        arguments = ("serve", "--config", str(config))
        process = Process(name, *arguments, folder=tmp_path, open_files=open_files)
        return await stack.enter_async_context(process)

    return start


@pytest.fixture
def provider(stack: AsyncExitStack, tmp_path: Path) -> Provider:
    """Return how to start `elizanet upstream` as a process."""

    async def start(name: str, *options: str) -> Process:
        process = Process(name, "upstream", "--name", name, *options, folder=tmp_path)
        return await stack.enter_async_context(process)

    return start
