"""Without keys a gateway is for this machine only, whatever its settings say now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from elizanet.errors import ConfigurationError
from elizanet.gateway.reach import hosts_of
from elizanet.gateway.reload import Reloader
from elizanet.gateway.server import listen
from elizanet.settings import Settings
from elizanet.testing import Upstream
from gateway.conftest import until

if TYPE_CHECKING:
    from gateway.conftest import Serve

ANYWHERE = "0.0.0.0"
_MOVED = "to listen on 127.0.0.2:8787 the gateway has to be started anew"


def opened(settings: Settings, host: str) -> Settings:
    """The settings without keys, for another host."""
    return replace(settings, gateway=replace(settings.gateway, callers=(), host=host))


def test_the_hosts_are_those_that_are_listened_on() -> None:
    """Whatever name they were asked for by."""
    sockets = listen("localhost", 0)
    assert set(hosts_of(sockets)) <= {"127.0.0.1", "::1"}
    for listening in sockets:
        listening.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", ANYWHERE])
async def test_a_reload_opens_no_door_to_the_network(
    serve: Serve, primary: Upstream, caplog: pytest.LogCaptureFixture, host: str
) -> None:
    """The socket stays where it is, so the keys stay too, and that is told in one sentence."""
    sockets = listen(ANYWHERE, 0)
    async with serve(primary, sockets=sockets, host=ANYWHERE, keys=["k"]) as gateway:
        before = gateway.app.gateway
        reloader = Reloader(gateway.app, lambda: opened(gateway.app.settings, host))
        reloader.request()
        await until(lambda: caplog.records)
        await reloader.aclose()
        assert gateway.app.gateway is before
        assert (await gateway.ask()).status == 401
    (told,) = caplog.messages
    assert told.startswith(
        f"the settings were not reloaded, the old ones stay: the gateway listens on {ANYWHERE}, "
    )
    assert "gateway.keys" in told


async def test_a_reload_may_open_a_door_that_only_this_machine_has(
    serve: Serve, primary: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where the settings name another host by now: it is not listened on."""
    async with serve(primary, keys=["k"]) as gateway:
        assert (await gateway.ask()).status == 401
        elsewhere = opened(gateway.app.settings, "127.0.0.2")
        for _ in range(2):
            reloader = Reloader(gateway.app, lambda: elsewhere)
            reloader.request()
            await until(lambda: _MOVED in caplog.messages)
            await reloader.aclose()
            caplog.clear()
        assert gateway.app.settings.gateway.host == "127.0.0.1"
        assert (await gateway.ask()).status == 200


async def test_a_name_that_is_not_what_it_looks_like_opens_nothing(
    serve: Serve, primary: Upstream
) -> None:
    """`localhost` may mean anything in a file of hosts: what counts is what it was bound to."""
    sockets = listen(ANYWHERE, 0)
    with pytest.raises(ConfigurationError, match=r"listens on 0\.0\.0\.0, which"):
        async with serve(primary, sockets=sockets, host="localhost") as gateway:
            await gateway.ask()
    assert [listening.fileno() for listening in sockets] == [-1]
