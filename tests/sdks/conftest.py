"""The official clients of OpenAI's API against a real gateway.

`make test-sdks` installs the clients in `.venv-sdks` and `node/node_modules`, and runs
`pytest -m sdks tests/sdks` there. Any other run does not even collect these files:
`pytest_ignore_collect` leaves them out unless `-m` names `sdks`.

One gateway process and one set of providers serve the whole session.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.gateway_process import FAULTS, Gateway, Providers, running_gateway


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the tests of this folder out of every run that does not ask for SDKs."""
    asked_for = "sdks" in str(config.getoption("markexpr"))
    return None if asked_for or collection_path.suffix != ".py" else True


@pytest.fixture(scope="session")
def _providers() -> Iterator[Providers]:
    with Providers(FAULTS) as providers:
        yield providers


@pytest.fixture
def providers(_providers: Providers) -> Providers:
    """The providers, with no requests on record."""
    for upstream in _providers.by_name.values():
        upstream.requests.clear()
    return _providers


@pytest.fixture(scope="session")
def gateway(_providers: Providers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """`elizanet serve` in a process of its own, in front of all providers."""
    with running_gateway(_providers, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway
