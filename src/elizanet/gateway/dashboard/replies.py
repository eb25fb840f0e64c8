"""Answers to browsers: each carries what it may do, which is nothing that is not ours."""

from __future__ import annotations

from typing import Final

import msgspec

from elizanet.gateway.asgi import BODY, Exchange
from elizanet.gateway.dashboard.assets import Asset

_Header = tuple[bytes, bytes]

_GUARD: Final[tuple[_Header, ...]] = (
    (
        b"content-security-policy",
        b"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # Not "no-referrer": the forms of a page with that have no Origin that could be checked.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_NOT_KEPT: Final[_Header] = (b"cache-control", b"no-store")


async def send_page(exchange: Exchange, asset: Asset, status: int = 200) -> None:
    """Answer with a page; it is not kept, because what it shows depends on who asks."""
    headers = [*_GUARD, (b"content-type", asset.kind), _NOT_KEPT]
    await exchange.answer(status, headers, asset.body)


async def send_file(exchange: Exchange, asset: Asset) -> None:
    """Answer with a file of the page, or with 304 to those who have it."""
    headers = [*_GUARD, (b"cache-control", b"no-cache"), (b"etag", asset.tag)]
    if exchange.headers.get(b"if-none-match") == asset.tag:
        await exchange.begin(304, headers)
        await exchange.send({"type": BODY, "body": b""})
        return
    await exchange.answer(200, [*headers, (b"content-type", asset.kind)], asset.body)


async def send_json(exchange: Exchange, content: object) -> None:
    """Answer with data."""
    headers = [*_GUARD, (b"content-type", b"application/json"), _NOT_KEPT]
    await exchange.answer(200, headers, msgspec.json.encode(content))


async def redirect(exchange: Exchange, path: str, *more: _Header) -> None:
    """Send a browser to another path with GET."""
    headers = [*_GUARD, *more, (b"location", path.encode()), _NOT_KEPT]
    await exchange.answer(303, headers, b"")
