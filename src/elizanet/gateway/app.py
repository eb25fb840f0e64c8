"""The gateway as an ASGI application: the doors, the routes, and the boundary for errors."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from elizanet.errors import AllTargetsFailed, InputError, ProviderError, forget_frames
from elizanet.gateway import failures, models
from elizanet.gateway.admission import Admission, draining
from elizanet.gateway.asgi import Exchange, Receive, Scope, Send
from elizanet.gateway.controls import HopGuard
from elizanet.gateway.dashboard import Dashboard
from elizanet.gateway.doors import Doors
from elizanet.gateway.metrics_page import MetricsPage
from elizanet.gateway.observation import Observation
from elizanet.gateway.ownership import Ownership
from elizanet.gateway.passthrough import Passthrough
from elizanet.gateway.refusal import CallerGone, Draining, Refusal
from elizanet.gateway.relay import Relay
from elizanet.gateway.status import Status
from elizanet.operation import Operation
from elizanet.router import Router

logger = logging.getLogger("elizanet.gateway")

Handler = Callable[[Exchange], Awaitable[None]]

_JSON: Final = (b"content-type", b"application/json")


class Gateway:
    """OpenAI's API over a `Router`.

    `admission` and `observation` are the process's, `before` the gateway that this one replaces,
    `hops` and `ownership` what outlives it. `max_body`: bytes of the largest request that is kept.
    """

    def __init__(
        self,
        router: Router,
        admission: Admission,
        observation: Observation,
        before: Gateway | None = None,
    ) -> None:
        settings = router.settings.gateway
        self.max_body = settings.max_body
        self.doors: Doors = Doors(settings, admission, before.doors if before else None)
        self.hops: HopGuard = before.hops if before else HopGuard(secrets.token_hex(8))
        known = before.ownership if before else None
        self.ownership: Ownership = Ownership(router.settings, known)
        relay = Relay(router, self.max_body, self.hops, self.ownership)
        self._metrics = observation.metrics
        self._told = observation.turned_away
        self._passthrough = Passthrough(router, self.hops, self.ownership, self._metrics)
        self._models = models.Models(router, self.hops)
        status = Status(router, self.doors, observation.monitor)
        self.dashboard: Dashboard = Dashboard(
            router, self.doors, observation, before.dashboard if before else None
        )
        self._get: dict[str, Handler] = {
            "/live": _live,
            "/metrics": MetricsPage(router, self.doors, observation).show,
            "/ready": self._ready,
            "/status": status.show,
            "/v1/models": self._models.list,
        }
        self._post: dict[str, Handler] = {
            "/status/breakers": status.force,
            **{f"/v1/{operation}": partial(relay, operation) for operation in Operation},
        }

    def __repr__(self) -> str:
        return f"<Gateway {self.doors!r} {sorted((*self._get, *self._post))}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope, receive, send)
        method, path = scope["method"], scope["path"]
        try:
            if path in _ALWAYS or path.startswith(_DASHBOARD):
                await self._handler(method, path)(exchange)
                return
            with self.doors.enter(exchange) as exchange.visit:
                await self._handler(method, path)(exchange)
            return
        except CallerGone:
            return
        except Draining:  # it was let in, and so is told of as a call
            if exchange.begun is not None:
                await exchange.break_off(failures.drain_event(path))
                return
            answer = failures.refused(draining(), exchange.call_id)
        except InputError as error:
            answer = self._turned_away(exchange, error)
        except ProviderError as error:
            answer = failures.failed_alone(error, exchange.call_id)
            forget_frames(error)
        except AllTargetsFailed as error:
            answer = failures.all_failed(error, exchange.call_id)
            forget_frames(error)
            for each in error.errors:
                forget_frames(each)
        except Exception:  # the server's boundary: recorded, and the caller is told
            self._metrics.faults += 1
            logger.exception("[%s] the gateway failed", exchange.call_id)
            answer = failures.fault(exchange.call_id)
        await exchange.answer(*answer)

    def _handler(self, method: str, path: str) -> Handler:
        """Return who answers. Raises `Refusal` (404, 405)."""
        if path == _DASHBOARD or path.startswith(f"{_DASHBOARD}/"):
            return self.dashboard
        post = self._post.get(path)
        if post is not None and method == "POST":
            return post
        get = self._get.get(path)
        if get is None and path.startswith(models.PREFIX) and path != models.PREFIX:
            get = self._models.one
        if get is not None and method in _READING:
            return get
        if self._passthrough.takes(path):
            return self._passthrough
        if post is not None:
            raise _wrong_method(method, path, b"POST")
        if get is not None:
            raise _wrong_method(method, path, b"GET, HEAD")
        raise Refusal(f"there is no {path[:200]!r} here", code="unknown_url", status=404)

    def _turned_away(self, exchange: Exchange, error: InputError) -> failures.Answer:
        visit = getattr(exchange, "visit", None)  # of who was let in
        caller = visit.caller.alias if visit else ""
        is_api = exchange.scope["path"].startswith(_API)
        self._told.add(exchange.call_id, caller, error, is_api=is_api)
        return failures.refused(error, exchange.call_id)

    async def _ready(self, exchange: Exchange) -> None:
        draining = self.doors.admission.draining
        status, body = (503, b'{"status":"draining"}') if draining else (200, _READY)
        await exchange.answer(status, [_JSON], body)


_ALWAYS: Final = frozenset({"/live", "/ready", "/metrics", "/status", "/status/breakers"})
"""Paths that are answered however busy the process is; whoever answers looks at the key."""
_API: Final = "/v1/"
_DASHBOARD: Final = "/dashboard"
_READING: Final = frozenset({"GET", "HEAD"})
_READY: Final = b'{"status":"ready"}'


async def _live(exchange: Exchange) -> None:
    await exchange.answer(200, [_JSON], b'{"status":"live"}')


def _wrong_method(method: str, path: str, allowed: bytes) -> Refusal:
    message = f"{path[:200]} does not take {method}, but {allowed.decode()}"
    return Refusal(message, code="method_not_allowed", status=405, headers=((b"allow", allowed),))
