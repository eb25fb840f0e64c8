"""Every path under `/dashboard`: the page, its files, its data, and an operator's hand.

The page and its files hold nothing that is secret; the data do, and are for operators: with keys,
those who signed in or send one without limits, without keys, whoever is on this machine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import time as now
from typing import Final

from elizanet.gateway.asgi import Exchange
from elizanet.gateway.dashboard.assets import assets
from elizanet.gateway.dashboard.data import Data
from elizanet.gateway.dashboard.replies import redirect, send_file, send_json, send_page
from elizanet.gateway.dashboard.sessions import Sessions
from elizanet.gateway.dashboard.sign_in import HOME, PATH, SignIn
from elizanet.gateway.doors import Doors
from elizanet.gateway.observation import Observation
from elizanet.gateway.refusal import Refusal
from elizanet.gateway.status import obey
from elizanet.gateway.web_pages import refuse_other_sites
from elizanet.router import Router

Handler = Callable[[Exchange], Awaitable[None]]

_STATIC: Final = "/dashboard/static/"
_CALLS: Final = "/dashboard/data/calls"
_READING: Final = frozenset({"GET", "HEAD"})


class Dashboard:
    """The dashboard of one gateway; call it with every exchange under `/dashboard`.

    Sessions are those of `before`, the dashboard that this one replaces.
    """

    def __init__(
        self,
        router: Router,
        doors: Doors,
        observation: Observation,
        before: Dashboard | None = None,
    ) -> None:
        self.started: float = before.started if before else now()
        self.sessions: Sessions = before.sessions if before else Sessions()
        self._router = router
        self._doors = doors
        self._sign_in = SignIn(doors, self.sessions)
        self._data = Data(router, doors, observation, self.started)
        self._get: dict[str, Handler] = {
            HOME: self._page,
            f"{HOME}/": _home,
            PATH: self._sign_in.show,
            "/dashboard/session": self._sign_in.tell,
            "/dashboard/data/overview": self._data.overview,
            _CALLS: self._data.calls,
        }
        self._post: dict[str, Handler] = {
            PATH: self._sign_in.enter,
            "/dashboard/sign-out": self._sign_in.leave,
            "/dashboard/data/breakers": self._force,
        }

    def __repr__(self) -> str:
        return f"<Dashboard {self.sessions!r} {self._data!r}>"

    async def __call__(self, exchange: Exchange) -> None:
        """Answer. Raises `Refusal`."""
        method, path = exchange.scope["method"], exchange.scope["path"]
        if path.startswith("/dashboard/data/"):
            self._sign_in.refuse_others(exchange)
        if method in _READING and path.startswith(_STATIC):
            await _file(exchange, path.removeprefix(_STATIC))
        elif method in _READING and path.startswith(f"{_CALLS}/"):
            await self._data.call(exchange, path.removeprefix(f"{_CALLS}/"))
        else:
            await self._handler(method, path)(exchange)

    def _handler(self, method: str, path: str) -> Handler:
        get, post = self._get.get(path), self._post.get(path)
        if get is not None and method in _READING:
            return get
        if post is not None and method == "POST":
            return post
        if get is None and post is None:
            raise Refusal(f"there is no {path[:200]!r} here", code="unknown_url", status=404)
        allowed = ", ".join(filter(None, (get and "GET, HEAD", post and "POST")))
        raise Refusal(
            f"{path} does not take {method}, but {allowed}",
            code="method_not_allowed",
            status=405,
            headers=((b"allow", allowed.encode()),),
        )

    async def _page(self, exchange: Exchange) -> None:
        refuse_other_sites(exchange.headers, is_open=self._doors.keyring.is_open)
        if self._sign_in.is_signed_in(exchange):
            await send_page(exchange, assets()["index.html"])
        else:
            await redirect(exchange, PATH)

    async def _force(self, exchange: Exchange) -> None:
        await send_json(exchange, await obey(exchange, self._router))


async def _home(exchange: Exchange) -> None:
    await redirect(exchange, HOME)


async def _file(exchange: Exchange, name: str) -> None:
    asset = assets().get(name)
    if asset is None:
        raise Refusal(f"there is no file {name[:200]!r} here", code="unknown_url", status=404)
    await send_file(exchange, asset)
