"""Which web pages may use the gateway: none that others serve.

A browser sends a page's requests also to this machine, with the page's `Origin`, and a name that
its owner lets point here makes them look like the gateway's own (DNS rebinding). A gateway with
keys is safe from both, because the page has none; an open one has to look at what browsers say:

* `Origin` is a page of another machine, or a page without one: refused. Programs send none, and
  applications with a scheme of their own (`vscode-webview://`, `tauri://`) are no pages of others.
* `Host` is a name that is not this machine's: refused. What a page reads from where it came from
  itself has no `Origin`, so this alone tells of a name that points here now. An address cannot be
  rebound, and only programs of an old kind send no `Host`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from elizanet.gateway.refusal import Refusal
from elizanet.settings.address import is_loopback

_AUTHORITY: Final = r"(\[[0-9a-f:.]+\]|[^\[\]:/@?#\s]+)(?::[0-9]{1,5})?"
_HOST: Final = re.compile(_AUTHORITY, re.IGNORECASE)
_WEB_ORIGIN: Final = re.compile(f"https?://{_AUTHORITY}", re.IGNORECASE)
_AS_SEEN_FROM_CONTAINERS: Final = frozenset({"host.docker.internal", "host.containers.internal"})
"""What Docker and Podman call this machine; nobody can own a name that ends so."""
_APPLICATION: Final = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*://.*", re.IGNORECASE)


def refuse_strange_pages(headers: Mapping[bytes, bytes]) -> None:
    """Refuse what a web page of another machine asks of an open gateway. Raises `Refusal` (403)."""
    if _is_strange(headers[b"origin"]):
        raise _forbidden("web pages of other machines may not use this gateway, which has no keys")


def refuse_strange_names(headers: Mapping[bytes, bytes]) -> None:
    """Refuse what is asked of an open gateway under a name of others. Raises `Refusal` (403)."""
    host = headers.get(b"host")
    if host is not None and not _is_here(host):
        message = (
            "this gateway has no keys, and so answers only under localhost or an address, "
            f"not as {host[:100].decode('latin-1')!a}"
        )
        raise Refusal(message, code="forbidden_host", status=403)


def refuse_other_sites(headers: Mapping[bytes, bytes], *, is_open: bool) -> None:
    """Refuse what another site asks of a page for browsers. Raises `Refusal` (403)."""
    if is_open:
        refuse_strange_names(headers)
    host = headers.get(b"host", b"").lower()
    origin = headers.get(b"origin")
    if origin is not None and origin.lower() not in {b"http://" + host, b"https://" + host}:
        raise _forbidden("other sites may not use this page")


@lru_cache(maxsize=64)
def _is_strange(origin: bytes) -> bool:
    text = origin.decode("latin-1")
    page = _WEB_ORIGIN.fullmatch(text)
    if page is None:
        return not _APPLICATION.fullmatch(text)
    return not is_loopback(page[1].strip("[]"))


@lru_cache(maxsize=64)
def _is_here(host: bytes) -> bool:
    found = _HOST.fullmatch(host.decode("latin-1").lower())
    name = found[1].strip("[]") if found else ""
    return is_loopback(name) or _is_address(name) or name in _AS_SEEN_FROM_CONTAINERS


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _forbidden(message: str) -> Refusal:
    return Refusal(message, code="forbidden_origin", status=403)
