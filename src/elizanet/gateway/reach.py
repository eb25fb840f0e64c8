"""How far a gateway can be reached: without keys not beyond this machine.

The settings are held against that when they are read, by the host that they name. What counts in
the end are the addresses that are really listened on: a name may mean others than it looks like,
and settings that are read anew change keys at once, but no address.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

from elizanet.errors import ConfigurationError
from elizanet.settings import GatewaySettings
from elizanet.settings.address import is_loopback


def hosts_of(sockets: Iterable[socket.socket]) -> tuple[str, ...]:
    """Return the addresses that the sockets listen on."""
    return tuple(listening.getsockname()[0] for listening in sockets)


def refuse_open_door(gateway: GatewaySettings, hosts: Iterable[str]) -> None:
    """Refuse to let strangers in. Raises `ConfigurationError`.

    `hosts`: the addresses that are listened on.
    """
    reached = [host for host in hosts if not is_loopback(host)]
    if reached and not gateway.callers:
        raise ConfigurationError(
            f"the gateway listens on {reached[0]}, which can be reached from other machines, and "
            "there are neither gateway.keys nor gateway.callers; add a key, or start it on "
            "127.0.0.1"
        )
