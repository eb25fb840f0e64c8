"""What no gateway may start with: an open door to the network, or itself as its provider."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from elizanet.settings import address, ranges
from elizanet.settings.report import shown

if TYPE_CHECKING:
    from elizanet.settings.model import GatewaySettings, ProviderSettings


def problems(gateway: GatewaySettings, providers: Iterable[ProviderSettings]) -> list[str]:
    """Return a sentence for each thing that a gateway must not start with."""
    if not address.is_host(gateway.host):
        return [f"the host is {shown(gateway.host)}; it must be a host name or an IP address"]
    if not ranges.ANY_PORT.admits(gateway.port):
        return [f"the port is {gateway.port}; it must be {ranges.ANY_PORT}"]
    sentences = (is_open(gateway), *(is_itself(gateway, provider) for provider in providers))
    return [sentence for sentence in sentences if sentence]


def is_open(gateway: GatewaySettings) -> str | None:
    """Return the problem of a gateway that strangers can reach and that asks for no key."""
    if gateway.callers or address.is_loopback(gateway.host):
        return None
    return (
        f'gateway.host "{gateway.host}" can be reached from other machines, and there are neither '
        'gateway.keys nor gateway.callers; add a key, as in keys = ["env:ELIZANET_GATEWAY_KEY"], '
        "or use 127.0.0.1"
    )


def is_itself(gateway: GatewaySettings, provider: ProviderSettings) -> str | None:
    """Return the problem of a provider that is this gateway."""
    host, port = address.host_and_port(provider.base_url)
    here = address.is_loopback(host) or address.is_any_address(host)
    listens_here = address.is_loopback(gateway.host) or address.is_any_address(gateway.host)
    same_host = host == gateway.host.lower() or (here and listens_here)
    if port != gateway.port or not same_host:
        return None
    return f"providers.{provider.name}.base_url is this gateway itself ({provider.base_url})"
