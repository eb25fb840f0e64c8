"""Where a gateway may listen, and whom it may not ask."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from elizanet.errors import ConfigurationError
from elizanet.settings import (
    GatewaySettings,
    Settings,
)

Load = Callable[..., Settings]
Problems = Callable[..., tuple[str, ...]]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "gateway.example"])
def test_an_open_gateway_stays_on_this_machine(load: Load, problems: Problems, host: str) -> None:
    """With a key it may listen anywhere."""
    (problem,) = problems(f"[gateway]\nhost = '{host}'")
    assert problem.startswith(f'elizanet.toml:2: gateway.host "{host}" can be reached')
    assert (
        load(f"[gateway]\nhost = '{host}'\nkeys = ['env:K']", environ={"K": "k"}).gateway.host
        == host
    )
    for near in ("localhost", "127.0.0.2", "::1"):
        assert load(f"[gateway]\nhost = '{near}'").gateway.host == near


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000",
        "http://localhost:9000/v1",
        "http://[::1]:9000",
        "http://0.0.0.0:9000",
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_provider_that_is_this_gateway_is_refused(
    problems: Problems, url: str, host: str
) -> None:
    """It would ask itself for ever."""
    toml = f"[gateway]\nhost = '{host}'\nport = 9000\nkeys = ['env:K']\n[providers.p]\nbase_url = '{url}'\n"
    (problem,) = problems(toml, environ={"K": "k"})
    assert problem.startswith("elizanet.toml:6: providers.p.base_url is this gateway itself")


def test_starting_a_gateway_checks_where_it_will_listen(load: Load) -> None:
    """The command line may say another host and port than the file."""
    settings = load(environ={"ELIZANET_BASE_URL": "http://localhost:8787"})
    with pytest.raises(
        ConfigurationError, match=r"providers\.elizanet\.base_url is this gateway itself"
    ):
        settings.serving()
    assert settings.serving(port=8788).gateway.port == 8788
    assert settings.serving(port=0).gateway.port == 0
    with pytest.raises(ConfigurationError, match="can be reached from other machines"):
        settings.serving(host="0.0.0.0", port=1)
    with pytest.raises(ConfigurationError, match="the port is 70000"):
        settings.serving(port=70000)
    with pytest.raises(ConfigurationError, match='the host is "a b"'):
        settings.serving(host="a b")
    assert settings.gateway == GatewaySettings()
