"""A real LiteLLM proxy on loopback, and our own failing provider behind it.

`make test-peers` installs LiteLLM in `.venv-litellm` and runs `pytest -m peers tests/peers`.
Any other run does not even collect these files: `pytest_ignore_collect` below leaves them out
unless `-m` names `peers`, so `make test` neither needs LiteLLM nor lists it as skipped.

One proxy serves the whole session, and so does the provider behind it, whose address stands
in the proxy's configuration (`litellm.yaml`). The tests therefore share the session's event
loop; each of them finds the provider healed.
"""

from __future__ import annotations

import http.client
import os
import random
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from elizanet import Elizanet, load_settings
from elizanet.testing import Upstream

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / ".venv-litellm" / "bin" / "litellm"
CONFIGURATION = Path(__file__).with_name("litellm.yaml")

READY_WITHIN_S = 120.0
STOPPED_WITHIN_S = 5.0

KEY_LINE = 'api_key = "env:LITELLM_KEY"'
CHAIN = """
[providers.litellm]
base_url = "{litellm}"
{key_line}
[providers.backup]
base_url = "{backup}"
[models."*"]
chain = ["litellm/*", "backup/*"]
[retry]
same_provider = 0
[health]
interval = 0
"""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the tests of this folder out of every run that does not ask for peers."""
    asked_for = "peers" in str(config.getoption("markexpr"))
    return None if asked_for or collection_path.suffix != ".py" else True


@dataclass(frozen=True)
class Proxy:
    """A running LiteLLM: the URL of its root, and the key it asks for."""

    url: str
    key: str = field(repr=False)


class Endpoint(Protocol):
    """A library whose only provider is LiteLLM, by environment settings alone.

    `path` is appended to LiteLLM's URL; `key` None is anonymous, by default the right one.
    """

    def __call__(self, path: str = "", *, key: str | None = "", **variables: str) -> Elizanet: ...


class Chain(Protocol):
    """A library that asks LiteLLM first and a healthy provider second, for any model.

    Nothing is tried again at the same provider. `extra` is more of the configuration file.
    """

    def __call__(self, *, key: str | None = "", extra: str = "", **variables: str) -> Elizanet: ...


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _backend() -> AsyncIterator[Upstream]:
    async with Upstream(name="backend", api_key="sk-backend") as upstream:
        yield upstream


@pytest_asyncio.fixture(loop_scope="session")
async def backend(_backend: Upstream) -> Upstream:
    """The provider behind LiteLLM, healed, with no requests on record."""
    _backend.heal()
    _backend.requests.clear()
    return _backend


@pytest_asyncio.fixture(loop_scope="session")
async def backup() -> AsyncIterator[Upstream]:
    """The healthy second choice."""
    async with Upstream(name="backup") as upstream:
        yield upstream


@pytest.fixture(scope="session")
def litellm(_backend: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """The running proxy. It is stopped, with all its children, when the session ends."""
    if not COMMAND.exists():
        pytest.fail(f"{COMMAND} is missing: `make test-peers` installs it", pytrace=False)
    home = tmp_path_factory.mktemp("litellm")
    port, key = _free_port(), f"sk-{secrets.token_hex(16)}"
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [COMMAND, "--config", CONFIGURATION, "--host", "127.0.0.1", "--port", str(port)],
            cwd=home,
            env=_environment(home, key, _backend.base_url),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, port, home / "log")
        yield Proxy(f"http://127.0.0.1:{port}", key)
    finally:
        _stop(process)


@pytest_asyncio.fixture(loop_scope="session")
async def endpoint(litellm: Proxy, tmp_path: Path) -> AsyncIterator[Endpoint]:
    """A maker of `Endpoint`s; all are closed at the end."""
    async with AsyncExitStack() as stack:

        def make(path: str = "", *, key: str | None = "", **variables: str) -> Elizanet:
            environ = {"ELIZANET_BASE_URL": litellm.url + path, **variables}
            if key is not None:
                environ["ELIZANET_API_KEY"] = key or litellm.key
            net = Elizanet(load_settings(environ=environ, working_directory=tmp_path))
            stack.push_async_callback(net.aclose)
            return net

        yield make


@pytest_asyncio.fixture(loop_scope="session")
async def chain(litellm: Proxy, chain_toml: str, tmp_path: Path) -> AsyncIterator[Chain]:
    """A maker of `Chain`s; all are closed at the end."""
    file = tmp_path / "chain.toml"
    async with AsyncExitStack() as stack:

        def make(*, key: str | None = "", extra: str = "", **variables: str) -> Elizanet:
            toml = chain_toml if key is not None else chain_toml.replace(KEY_LINE, "")
            file.write_text(toml + extra, encoding="utf-8")
            environ = {"LITELLM_KEY": key or litellm.key, **variables}
            net = Elizanet(load_settings(config_file=file, environ=environ))
            stack.push_async_callback(net.aclose)
            return net

        yield make


@pytest.fixture
def chain_toml(litellm: Proxy, backup: Upstream) -> str:
    """The configuration of a chain; it takes LiteLLM's key from `LITELLM_KEY`."""
    return CHAIN.format(litellm=litellm.url, key_line=KEY_LINE, backup=backup.base_url)


def _environment(home: Path, key: str, backend_url: str) -> Mapping[str, str]:
    """Return all that LiteLLM sees of this machine: nothing that could lead it off loopback."""
    return {
        "PATH": os.defpath,
        "HOME": str(home),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it fetches a price list at its start
        "LITELLM_MASTER_KEY": key,
        "BACKEND_URL": backend_url,
    }


def _free_port() -> int:
    """Return a port that stays free while LiteLLM loads: clients are given higher ones."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    pytest.fail("no free port between 20000 and 30000", pytrace=False)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        if _is_ready(port):
            return
        time.sleep(0.25)
    state = "silent" if process.poll() is None else f"gone with exit code {process.returncode}"
    end_of_log = log.read_text(encoding="utf-8", errors="replace")[-4000:]
    pytest.fail(f"LiteLLM is {state} after its start; its log ends:\n{end_of_log}", pytrace=False)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/readiness")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process politely, then whatever is left of its group."""
    with suppress(subprocess.TimeoutExpired):
        process.terminate()
        process.wait(STOPPED_WITHIN_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
