"""uvicorn's HTTP protocol with the doors closed that it leaves open.

*Head*: at most 64 KiB and 200 headers, complete within 10 s. *Body*: never silent for 30 s,
bounded with all that chunks can hide in it; what trails it never counts as headers. *Upgrade*:
refused, because the parser would take the body for the next request. *After an answer* to a
request that is not complete (a 413 for example) the rest is discarded, because closing at
once would take the answer back. *Errors* have OpenAI's shape and never run into an answer
that is under way. *Pipelining*: the answer under way notices, too, that its caller has left.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

from uvicorn import Config
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from elizanet.gateway.app import Gateway
from elizanet.gateway.failures import error_body

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 200
HEAD_S: Final = 10.0
"""Seconds for the head of a request, and for the first byte of a connection."""
BODY_SILENCE_S: Final = 30.0
LINGER_S: Final = 2.0
"""Seconds a refused connection is still read from, so that its refusal arrives."""
_MESSAGE_OVERHEAD: Final = 64 << 20
"""Bytes a message may have beyond twice the largest body: chunk sizes, and what is discarded."""

_INVALID: Final = (HTTPStatus.BAD_REQUEST, "the request is not valid HTTP/1.1")
_TOO_LARGE: Final = (
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"the head of the request has more than {MAX_HEADERS} headers or {MAX_HEAD_BYTES} bytes",
)
_UPGRADE: Final = (
    HTTPStatus.BAD_REQUEST,
    "this gateway speaks HTTP/1.1 only: send the request without `Connection: Upgrade`",
)


class _HeadRefusedError(Exception):
    """Stops the parser; the reason is in `_reason`."""


class GatewayProtocol(HttpToolsProtocol):
    """One connection of a caller."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        gateway = config.app
        assert isinstance(gateway, Gateway)  # noqa: S101 -- the server is made for it
        self._max_message = 2 * gateway.max_body + _MESSAGE_OVERHEAD
        self._timer: asyncio.TimerHandle | None = None
        self._answering: RequestResponseCycle | None = None
        self._reason = _INVALID
        self._in_head = self._in_body = self._refused = False
        self._piece = 0
        self._received = 0  # bytes of the message under way before this piece, never too many

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)
        if (cycle := self._answering) is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._piece = len(data)
        super().data_received(data)
        self._received += self._piece
        if self._in_head:
            self._check_head()
        elif self._in_body:
            self._arm(BODY_SILENCE_S)
            if self._received > self._max_message or len(self.headers) > MAX_HEADERS:
                self.transport.abort()
        elif self.timeout_keep_alive_task is None and self._is_idle():
            self._arm(self.timeout_keep_alive)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        size = self._received + self._piece
        if len(self.headers) > MAX_HEADERS or (size > MAX_HEAD_BYTES and self._is_head_large()):
            self._reason = _TOO_LARGE
            raise _HeadRefusedError
        if self.parser.should_upgrade():
            self._reason = _UPGRADE
            raise _HeadRefusedError
        self._in_body = True
        self._disarm()
        super().on_headers_complete()
        self.headers = []  # what trails a chunked body lands here, and not among the headers

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_body = False
        self._received = -self._piece
        self._disarm()

    def send_400_response(self, msg: str) -> None:
        """Refuse the connection; uvicorn calls this for whatever stopped the parser."""
        del msg
        self._refuse(*self._reason)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _is_idle(self) -> bool:
        return self._answering is None or self._answering.response_complete

    def _is_body_awaited(self) -> bool:
        return self._in_body and self.cycle is self._answering

    def _is_head_large(self) -> bool:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        return size > MAX_HEAD_BYTES

    def _check_head(self) -> None:
        if self._received > MAX_HEAD_BYTES:
            self._refuse(*_TOO_LARGE)
        elif self._timer is None:
            self._arm(HEAD_S)

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        awaited = self._is_body_awaited()
        self._refused, self._in_head, self._in_body = True, False, False
        if awaited and not self.cycle.response_started:
            self.cycle.disconnected = True  # this is its answer; nobody waits for another
            self.cycle.message_event.set()
        elif not self._is_idle():  # an answer is on this wire: it can only be cut
            self.transport.abort()
            return
        body = error_body(message, "invalid_request_error", "invalid_http")
        head = f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.write_eof()
        self.flow.resume_reading()
        self._arm(LINGER_S)

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, self._late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        if self._refused or self._is_idle() or self._is_body_awaited():
            self.transport.abort()
        else:  # the next request is late, while the one before it is still being answered
            self._arm(HEAD_S)
