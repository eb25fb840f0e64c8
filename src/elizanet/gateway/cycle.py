"""One request and its answer on a connection, written in as few pieces as can be.

uvicorn writes the head of an answer as soon as it is known, and the body after it: two system
calls and two packets for every whole answer. Here the head waits for the first bytes of the body,
which follow at once; where they do not, an empty piece of body sends the head alone.

HTTP/1.0 knows no chunks: there the end of a body whose length nobody knows is the end of the
connection. Until it is complete, whatever ends the connection resets it, so that the caller sees.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from elizanet.gateway.asgi import BODY, DISCONNECT, REQUEST, START, Application, Message, Scope
from elizanet.gateway.watch import Presence

if TYPE_CHECKING:
    from elizanet.gateway.protocol import GatewayProtocol

logger = logging.getLogger("elizanet.gateway")

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK: Final = b"0\r\n\r\n"
_BODILESS: Final = frozenset({204, 304})
_SMALL: Final = 64 * 1024
"""Bytes of a body that is joined to its head; a longer one is not copied."""


class Cycle:
    """A request, and the answer to it under way. Header names are lower-case, as all of ours are.

    `keep_alive`: the connection stays after it. `disconnected`: the caller has gone.
    """

    __slots__ = (
        *("_chunked", "_connection", "_defaults", "_expects_continue", "_has_news", "_head"),
        *(
            "_more_body",
            "_pieces",
            "_promised",
            "_size",
            "_waiter",
            "disconnected",
            "flow",
            "keep_alive",
        ),
        *("presence", "response_complete", "response_started", "scope", "transport"),
    )

    def __init__(self, connection: GatewayProtocol, scope: Scope) -> None:
        self.scope = scope
        self.transport = connection.transport
        self.flow = connection.flow
        self.presence: Presence = scope["presence"]
        self.keep_alive = scope["http_version"] != "1.0" and connection.parser.should_keep_alive()
        self.disconnected = self.response_started = self.response_complete = False
        self._connection: GatewayProtocol | None = connection
        self._expects_continue = connection.expect_100_continue
        self._defaults = connection.server_state.default_headers
        self._pieces: list[bytes] = []
        self._size = 0
        self._more_body = True
        self._has_news = False
        self._waiter: asyncio.Future[None] | None = None
        self._head = b""
        self._chunked = False
        self._promised: int | None = 0  # bytes of the body still to come, None if nobody knows

    def __repr__(self) -> str:
        state = "complete" if self.response_complete else "begun" if self.response_started else ""
        return f"<Cycle {self.scope['method']} {self.scope['path']!r} {state or 'open'}>"

    # What the connection calls

    def body_came(self, body: bytes) -> None:
        """Take some of the request's body; reading pauses while much of it waits."""
        self._pieces.append(body)
        self._size += len(body)
        if self._size > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        self._tell()

    def body_ended(self) -> None:
        """Tell that the request is complete."""
        self._more_body = False
        self._tell()

    def leave(self) -> None:
        """Tell whoever answers that nobody waits for it any longer."""
        self.disconnected = True
        self._tell()
        self.presence.leave()

    async def run(self, app: Application) -> None:
        """Answer the request; an answer that does not come to its end never looks complete."""
        try:
            await app(self.scope, self.receive, self)
        except Exception:  # the server's boundary
            logger.exception("%r failed", self)
        finally:
            self._connection = None  # so that neither holds the other
            if not (self.response_complete or self.disconnected):
                self.transport.close()

    # What the application calls

    async def receive(self) -> Message:
        """Return what has come of the body, once there is something, or that nobody waits."""
        if self._expects_continue and not self.transport.is_closing():
            self._expects_continue = False
            self.transport.write(_CONTINUE)
        if not (self.disconnected or self.response_complete):
            self.flow.resume_reading()
            if not self._has_news:
                self._waiter = self.presence.loop.create_future()
                await self._waiter
        self._has_news = False
        if self.disconnected or self.response_complete:
            return {"type": DISCONNECT}
        body = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        return {"type": REQUEST, "body": body, "more_body": self._more_body}

    async def send(self, message: Message) -> None:
        """Take the head of the answer, or some of its body, for the caller.

        Raises `RuntimeError` for what cannot come now, or does not fit the promised length.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if self.response_complete or message["type"] != (BODY if self.response_started else START):
            raise RuntimeError(f"{self!r} has no place for {message['type']}")
        if not self.response_started:
            self._begin(message["status"], message["headers"])
            return
        last = not message.get("more_body", False)
        self._write(message.get("body", b""), last=last)
        if last:
            self._complete()

    __call__ = send

    async def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Send a whole answer; its length is among the headers. Raises as `send` does."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if self.response_started:
            raise RuntimeError(f"{self!r} has no place for another answer")
        self._begin(status, headers)
        self._write(body, last=True)
        self._complete()

    def push(self, piece: bytes) -> bool:
        """Write a piece of the body now; false if the caller has to be waited for before more."""
        if self.disconnected:
            return False
        self._write(piece, last=False)
        return not self.flow.write_paused

    def _tell(self) -> None:
        self._has_news = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.response_started = True
        self._expects_continue = False
        if self._defaults:
            headers = self._defaults + headers
        pieces = [STATUS_LINE[status]]
        self._chunked = self.scope["method"] != "HEAD" and status not in _BODILESS
        for name, value in headers:
            if name == b"content-length":
                self._chunked = False
                self._promised = int(value)
            pieces += (name, b": ", value, b"\r\n")
        if self._chunked and self.scope["http_version"] == "1.0":
            self._chunked, self._promised = False, None
            _reset_at_end(self.transport, on=True)
        if self._chunked:
            pieces.append(b"transfer-encoding: chunked\r\n")
        if not self.keep_alive:
            pieces.append(b"connection: close\r\n")
        pieces.append(b"\r\n")
        self._head = b"".join(pieces)
        lines = len(headers) + 2 + self._chunked + (not self.keep_alive)
        if self._head.count(b"\n") != lines or self._head.count(b"\r") != lines:
            raise RuntimeError("a header of the answer contains a line break")

    def _write(self, body: bytes, *, last: bool) -> None:
        head, self._head = self._head, b""
        if self._chunked:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            data = head + chunk + (_LAST_CHUNK if last else b"")
            if data:
                self.transport.write(data)
        elif self.scope["method"] == "HEAD":
            self.transport.write(head)
        else:
            self._count(len(body), last=last)
            if len(body) > _SMALL:
                self.transport.writelines((head, body))
            else:
                self.transport.write(head + body)

    def _count(self, size: int, *, last: bool) -> None:
        """Hold what was sent against the promised length."""
        if self._promised is None:
            return
        self._promised -= size
        if self._promised < 0 or (last and self._promised > 0):
            long = "longer" if self._promised < 0 else "shorter"
            raise RuntimeError(f"the body is {long} than its content-length")

    def _complete(self) -> None:
        self.response_complete = True
        if self._promised is None:
            _reset_at_end(self.transport, on=False)
        self._tell()
        if not self.keep_alive:
            self.transport.close()
        if self._connection is not None:
            self._connection.on_response_complete()


def _reset_at_end(transport: asyncio.Transport, *, on: bool) -> None:
    """Let the connection end with a reset, or in peace again."""
    opened: socket.socket = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it has ended already
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", on, 0))


def scope_of(
    parser: httptools.HttpRequestParser,
    url: bytes,
    headers: list[tuple[bytes, bytes]],
    fields: dict[bytes, bytes],
    loop: asyncio.AbstractEventLoop,
) -> Scope:
    """Return as much of ASGI's scope of a request as the gateway looks at, and what is ours.

    That is its `presence`, and `fields`: of each header its last value.
    """
    path, raw_path, query = _parsed(url)
    return {
        "type": "http",
        "http_version": parser.get_http_version(),
        "method": parser.get_method().decode("ascii"),
        "path": path,
        "raw_path": raw_path,
        "query_string": query,
        "headers": headers,
        "fields": fields,
        "presence": Presence(loop),
    }


@lru_cache(maxsize=64)
def _parsed(url: bytes) -> tuple[str, bytes, bytes]:
    """Return the path of a request's target, decoded and as it was sent, and its query."""
    parsed = httptools.parse_url(url)
    path = parsed.path.decode("ascii")
    return unquote(path) if "%" in path else path, parsed.path, parsed.query or b""
