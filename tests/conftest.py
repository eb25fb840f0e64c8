"""What many tests share: providers on real sockets, and a library in front of them."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from elizanet import Elizanet
from elizanet.settings import Settings, load_settings
from elizanet.telemetry import Sink
from elizanet.testing import Upstream


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A job in the background of a script ignores SIGINT, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test: an empty directory, and none of our names.

    Nothing is recorded but where a test says so.
    """
    for name in list(os.environ):
        if name.startswith(("ELIZANET_", "OPENAI_", "SMALL_", "LARGE_")) or name.lower() in PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("ELIZANET_DB", "none")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})


def settings_for(*providers: Upstream, extra: str = "", routes: str | None = None) -> Settings:
    """Return settings with one chain over all providers, in order; `extra` is more TOML."""
    tables = [f'[providers.{p.name}]\nbase_url = "{p.base_url}"\n' for p in providers]
    chain = ", ".join(f'"{p.name}/*"' for p in providers)
    tables.append(f'[models."*"]\nchain = [{chain}]\n' if routes is None else routes)
    path = Path("elizanet.toml")
    path.write_text("\n".join([*tables, extra]), encoding="utf-8")
    return load_settings(config_file=path, environ={"ELIZANET_DB": "none"})


@pytest.fixture
def make_settings() -> Callable[..., Settings]:
    return settings_for


@pytest.fixture
async def primary() -> AsyncIterator[Upstream]:
    async with Upstream(name="primary") as upstream:
        yield upstream


@pytest.fixture
async def backup() -> AsyncIterator[Upstream]:
    async with Upstream(name="backup") as upstream:
        yield upstream


@pytest.fixture
async def make_net() -> AsyncIterator[Callable[..., Elizanet]]:
    """Return a maker of libraries over upstreams; all are closed at the end."""
    async with AsyncExitStack() as stack:

        def make(*providers: Upstream, extra: str = "", sinks: tuple[Sink, ...] = ()) -> Elizanet:
            net = Elizanet(settings_for(*providers, extra=extra), sinks=sinks)
            stack.push_async_callback(net.aclose)
            return net

        yield make
