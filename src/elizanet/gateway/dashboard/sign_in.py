"""Signing in with a key of the gateway, and who of those that come has done so.

A page cannot send the key with each request without keeping it; a session's cookie, which no
script can read and no other site's request carries, stands in for it.
"""

from __future__ import annotations

import asyncio
from html import escape
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs

from elizanet.gateway.asgi import Exchange
from elizanet.gateway.auth import fingerprint
from elizanet.gateway.body import read_body
from elizanet.gateway.dashboard.assets import assets
from elizanet.gateway.dashboard.replies import redirect, send_json, send_page
from elizanet.gateway.dashboard.sessions import LIFE_S, Sessions
from elizanet.gateway.doors import Doors
from elizanet.gateway.refusal import Refusal
from elizanet.gateway.status import refuse_others, refuse_restricted
from elizanet.gateway.web_pages import refuse_other_sites

HOME: Final = "/dashboard"
PATH: Final = "/dashboard/sign-in"
COOKIE: Final = "elizanet_dashboard"
WRONG_KEY_S: Final = 1.0
"""Seconds after which somebody is told that a key is wrong."""
_MOST_BYTES: Final = 8 * 1024
_SOON: Final = ((b"retry-after", b"1"),)
_PLACE: Final = b"<!-- what went wrong -->"


class SignIn:
    """The sign-in page, what it sends, and the end of a session."""

    def __init__(self, doors: Doors, sessions: Sessions) -> None:
        self._doors = doors
        self._sessions = sessions

    def __repr__(self) -> str:
        return f"<SignIn {self._sessions!r}>"

    def is_signed_in(self, exchange: Exchange) -> bool:
        """Tell whether a browser may see the page: it has a session, or needs none."""
        return self._doors.keyring.is_open or self._session_key(exchange) is not None

    def refuse_others(self, exchange: Exchange) -> None:
        """Refuse whoever has neither a session nor an operator's key. Raises `Refusal`."""
        key = self._session_key(exchange)
        caller = None if key is None else self._doors.keyring.holder(key)
        if caller is None:
            refuse_others(exchange, self._doors)
            return
        refuse_restricted(caller)
        refuse_other_sites(exchange.headers, is_open=False)

    async def show(self, exchange: Exchange) -> None:
        """Answer with the page that asks for a key."""
        if self.is_signed_in(exchange):
            await redirect(exchange, HOME)
            return
        await _page(exchange, 200, "")

    async def tell(self, exchange: Exchange) -> None:
        """Answer whether there is a session."""
        await send_json(exchange, {"signed_in": self.is_signed_in(exchange)})

    async def enter(self, exchange: Exchange) -> None:
        """Begin a session for whoever sends the right key. Raises `Refusal` (403, 413, 429)."""
        refuse_other_sites(exchange.headers, is_open=self._doors.keyring.is_open)
        if self._sessions.trying.locked():
            message = "too many keys are being tried at once; try again in a moment"
            raise Refusal(message, code="too_many_sign_ins", status=429, headers=_SOON)
        async with self._sessions.trying:
            form = parse_qs(await read_body(exchange, _MOST_BYTES))
            key = fingerprint(form.get(b"key", [b""])[0].strip())
            caller = self._doors.keyring.holder(key)
            if caller is None:
                await asyncio.sleep(WRONG_KEY_S)
                await _page(exchange, 401, "This is not a key of this gateway.")
                return
        if caller.is_restricted:
            await _page(exchange, 403, "The dashboard needs a key without limits.")
            return
        token = self._sessions.begin(key, exchange.presence.loop.time())
        await redirect(exchange, HOME, _cookie(exchange, token, LIFE_S))

    async def leave(self, exchange: Exchange) -> None:
        """End the session. Raises `Refusal` (403)."""
        refuse_other_sites(exchange.headers, is_open=self._doors.keyring.is_open)
        self._sessions.end(_token(exchange))
        await redirect(exchange, PATH, _cookie(exchange, "", 0))

    def _session_key(self, exchange: Exchange) -> bytes | None:
        """Return the fingerprint of the key behind a session, if it still is somebody's."""
        key = self._sessions.key_of(_token(exchange), exchange.presence.loop.time())
        return key if key is not None and self._doors.keyring.holder(key) else None


def _token(exchange: Exchange) -> str:
    try:
        cookies = SimpleCookie(exchange.headers.get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""


def _cookie(exchange: Exchange, token: str, life: int) -> tuple[bytes, bytes]:
    """Return the header that sets the cookie; `Secure` where the browser speaks TLS."""
    origin, proxied = (exchange.headers.get(n, b"") for n in (b"origin", b"x-forwarded-proto"))
    is_secure = origin.startswith(b"https://") or proxied == b"https"
    secure = "; Secure" if is_secure else ""
    value = f"{COOKIE}={token}; Path={HOME}; Max-Age={life}; HttpOnly; SameSite=Strict{secure}"
    return b"set-cookie", value.encode()


async def _page(exchange: Exchange, status: int, wrong: str) -> None:
    page = assets()["sign_in.html"]
    told = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    body = page.body.replace(_PLACE, told.encode())
    await send_page(exchange, page._replace(body=body), status)
