"""Offers to change the protocol are declined: the request is answered as HTTP/1.1.

A server may always do so (RFC 9110, 7.8), and Java's HTTP client offers HTTP/2 with every first
request. The parser stops at such an offer and would take the body for another protocol's bytes;
so it is started anew with the same head in which nothing is offered.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_OFFERS: Final = frozenset({b"upgrade", b"http2-settings"})


def without_offer(
    method: str, url: bytes, version: str, headers: Iterable[tuple[bytes, bytes]]
) -> bytes:
    """Return the head of a request again, without the offer; header names are lower-case."""
    lines = [b"%b %b HTTP/%b" % (method.encode("ascii"), url, version.encode("ascii"))]
    for name, value in headers:
        kept = _without_options(value) if name == b"connection" else value
        if name not in _OFFERS and (kept or not value):
            lines.append(b"%b: %b" % (name, kept))
    return b"\r\n".join((*lines, b"", b""))


def _without_options(value: bytes) -> bytes:
    options = [option.strip() for option in value.split(b",")]
    return b", ".join(option for option in options if option.lower() not in _OFFERS)
