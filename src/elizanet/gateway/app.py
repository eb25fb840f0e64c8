"""The gateway as an ASGI application: the doors, the routes, and the boundary for errors."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from elizanet.errors import AllTargetsFailed, InputError, ProviderError
from elizanet.gateway import failures, models
from elizanet.gateway.asgi import Exchange, Receive, Scope, Send
from elizanet.gateway.auth import Keyring
from elizanet.gateway.controls import HopGuard
from elizanet.gateway.refusal import CallerGone, Refusal
from elizanet.gateway.relay import Relay
from elizanet.operation import Operation
from elizanet.router import Router

logger = logging.getLogger("elizanet.gateway")

Handler = Callable[[Exchange], Awaitable[None]]

_JSON: Final = (b"content-type", b"application/json")


class Gateway:
    """OpenAI's API over a `Router`.

    `max_body`: bytes of the largest request. `draining`: it answers, but wants no more calls.
    """

    def __init__(self, router: Router) -> None:
        settings = router.settings.gateway
        self.max_body = settings.max_body
        relay = Relay(router, self.max_body, HopGuard(secrets.token_hex(8)))
        self._models = models.Models(router)
        self._keyring = Keyring(settings.keys)
        self._open: dict[str, Handler] = {"/live": _live, "/ready": self._ready}
        self._get: dict[str, Handler] = {**self._open, "/v1/models": self._models.list}
        self._post: dict[str, Handler] = {
            f"/v1/{operation}": partial(relay, operation) for operation in Operation
        }
        self.draining = False

    def __repr__(self) -> str:
        state = "draining" if self.draining else "ready"
        return f"<Gateway {state} {self._keyring!r} {sorted((*self._get, *self._post))}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope, receive, send)
        try:
            if scope["path"] not in self._open:
                self._keyring.check(exchange.headers)
            await self._handler(scope["method"], scope["path"])(exchange)
            return
        except CallerGone:
            return
        except InputError as error:
            answer = failures.refused(error, exchange.call_id)
        except ProviderError as error:
            answer = failures.failed_alone(error, exchange.call_id)
        except AllTargetsFailed as error:
            answer = failures.all_failed(error, exchange.call_id)
        except Exception:  # the server's boundary: recorded, and the caller is told
            logger.exception("[%s] the gateway failed", exchange.call_id)
            answer = failures.fault(exchange.call_id)
        await exchange.answer(*answer)

    def _handler(self, method: str, path: str) -> Handler:
        """Return who answers. Raises `Refusal` (404, 405)."""
        if (post := self._post.get(path)) is not None:
            if method == "POST":
                return post
            raise _wrong_method(method, path, b"POST")
        get = self._get.get(path)
        if get is None and path.startswith(models.PREFIX) and path != models.PREFIX:
            get = self._models.one
        if get is None:
            raise Refusal(f"there is no {path[:200]!r} here", code="unknown_url", status=404)
        if method not in {"GET", "HEAD"}:
            raise _wrong_method(method, path, b"GET, HEAD")
        return get

    async def _ready(self, exchange: Exchange) -> None:
        status, body = (503, b'{"status":"draining"}') if self.draining else (200, _READY)
        await exchange.answer(status, [_JSON], body)


_READY: Final = b'{"status":"ready"}'


async def _live(exchange: Exchange) -> None:
    await exchange.answer(200, [_JSON], b'{"status":"live"}')


def _wrong_method(method: str, path: str, allowed: bytes) -> Refusal:
    message = f"{path[:200]} does not take {method}, but {allowed.decode()}"
    return Refusal(message, code="method_not_allowed", status=405, headers=((b"allow", allowed),))
