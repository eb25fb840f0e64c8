"""Base URLs and hosts: their one written form, and how far away they are."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from elizanet.operation import Operation

_VERSION_PATH: Final = "/v1"
_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_LOCAL_NAMES: Final = (".local", ".internal", ".localhost", ".home.arpa")
_LOCAL_NETWORKS: Final = tuple(
    ip_network(network)
    for network in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
        *("fc00::/7", "fe80::/10"),
    )
)


def normalised(text: str) -> str:
    """Return a base URL with its version path and without a trailing slash.

    A URL without a path means `/v1`; one with a path of its own keeps that path as it is.
    Raises ValueError with the end of a sentence that begins with the setting's name, and
    that does not repeat what may be a secret.
    """
    parts = _split(text)
    path = parts.path.rstrip("/") or _VERSION_PATH
    if own := next((kind for kind in Operation if path.endswith(f"/{kind}")), None):
        raise ValueError(f"must be the base URL, without /{own}")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    default_port = parts.port in (None, _DEFAULT_PORTS[parts.scheme])
    return f"{parts.scheme}://{host}{'' if default_port else f':{parts.port}'}{path}"


def _split(text: str) -> SplitResult:
    if re.search(r"[^\x21-\x7e]", text):
        raise ValueError("must be a URL of printable ASCII characters without blanks")
    if not text.lower().startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL: its host or port cannot be read") from None
    if "@" in parts.netloc:
        raise ValueError("must not carry a user name or password; put the key into api_key")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise ValueError("must not have a query or a fragment (? or #)")
    if not is_host(parts.hostname or "") or port == 0:
        raise ValueError("must name a host, as in https://api.example.com/v1")
    return parts


def host_and_port(base_url: str) -> tuple[str, int]:
    """Return the host and the port of a normalised base URL."""
    parts = urlsplit(base_url)
    return parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]


def is_host(text: str) -> bool:
    """Tell whether this is a host name or an IP address (IPv6 without brackets)."""
    return _address(text) is not None or bool(_NAME.fullmatch(text))


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, whoever asks."""
    address = _address(host)
    if address is not None:
        return address.is_loopback
    return host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost")


def is_any_address(host: str) -> bool:
    """Tell whether a host to listen on means all interfaces."""
    address = _address(host)
    return address is not None and address.is_unspecified


def is_local(host: str) -> bool:
    """Tell whether a host is this machine or on a private network."""
    address = _address(host)
    if address is not None:
        nets = _LOCAL_NETWORKS
        return is_loopback(host) or address.is_unspecified or any(address in net for net in nets)
    name = host.lower().rstrip(".")
    single_label = "." not in name and not name[:1].isdigit()
    return single_label or name.endswith(_LOCAL_NAMES)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
