"""One request and its answer on a connection, written in as few pieces as can be.

uvicorn writes the head of an answer as soon as it is known, and the body after it: two system
calls and two packets for every whole answer. Here the head waits for the first bytes of the body,
which follow at once; where they do not, an empty piece of body sends the head alone.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any, Final, cast
from urllib.parse import unquote

import httptools
from uvicorn._types import HTTPScope
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from elizanet.gateway.asgi import BODY, START, Message
from elizanet.gateway.watch import Presence

_LAST_CHUNK: Final = b"0\r\n\r\n"
_BODILESS: Final = frozenset({204, 304})


class Cycle(RequestResponseCycle):
    """An answer under way. Header names are lower-case, as all of ours are."""

    def __init__(self, connection: HttpToolsProtocol, scope: HTTPScope) -> None:
        parser = connection.parser
        super().__init__(
            scope=scope,
            transport=connection.transport,
            flow=connection.flow,
            logger=connection.logger,
            access_logger=connection.access_logger,
            access_log=False,
            default_headers=connection.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=connection.expect_100_continue,
            keep_alive=scope["http_version"] != "1.0" and parser.should_keep_alive(),
            on_response=connection.on_response_complete,
        )
        self._head = b""
        self._presence = scope["presence"]  # type: ignore[typeddict-item]

    def __repr__(self) -> str:
        state = "complete" if self.response_complete else "begun" if self.response_started else ""
        return f"<Cycle {self.scope['method']} {self.scope['path']!r} {state or 'open'}>"

    def leave(self) -> None:
        """Tell whoever answers that nobody waits for it any longer."""
        self.disconnected = True
        self.message_event.set()
        self._presence.leave()

    async def send(self, message: Any) -> None:
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
            self._begin(message)
            return
        last = not message.get("more_body", False)
        self._write(message.get("body", b""), last=last)
        if last:
            self._complete()

    def _begin(self, message: Message) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        status, headers = message["status"], self.default_headers + message["headers"]
        pieces = [STATUS_LINE[status]]
        self.chunked_encoding = self.scope["method"] != "HEAD" and status not in _BODILESS
        for name, value in headers:
            if name == b"content-length":
                self.chunked_encoding = False
                self.expected_content_length = int(value)
            pieces += (name, b": ", value, b"\r\n")
        if self.chunked_encoding:
            pieces.append(b"transfer-encoding: chunked\r\n")
        if not self.keep_alive:
            pieces.append(b"connection: close\r\n")
        pieces.append(b"\r\n")
        self._head = b"".join(pieces)
        lines = len(headers) + 2 + self.chunked_encoding + (not self.keep_alive)
        if self._head.count(b"\n") != lines or self._head.count(b"\r") != lines:
            raise RuntimeError("a header of the answer contains a line break")

    def _write(self, body: bytes, *, last: bool) -> None:
        head, self._head = self._head, b""
        if self.chunked_encoding:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            data = head + chunk + (_LAST_CHUNK if last else b"")
            if data:
                self.transport.write(data)
        elif self.scope["method"] == "HEAD":
            self.transport.write(head)
        else:
            self._count(len(body), last=last)
            self.transport.writelines((head, body))  # a long body is not copied

    def _count(self, size: int, *, last: bool) -> None:
        """Hold what was sent against the promised length."""
        self.expected_content_length -= size
        if self.expected_content_length < 0 or (last and self.expected_content_length > 0):
            long = "longer" if self.expected_content_length < 0 else "shorter"
            raise RuntimeError(f"the body is {long} than its content-length")

    def _complete(self) -> None:
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def scope_of(
    parser: httptools.HttpRequestParser,
    url: bytes,
    headers: list[tuple[bytes, bytes]],
    loop: asyncio.AbstractEventLoop,
) -> HTTPScope:
    """Return as much of ASGI's scope of a request as the gateway looks at, and its `Presence`."""
    path, raw_path, query = _parsed(url)
    scope = {
        "type": "http",
        "http_version": parser.get_http_version(),
        "method": parser.get_method().decode("ascii"),
        "path": path,
        "raw_path": raw_path,
        "query_string": query,
        "headers": headers,
        "presence": Presence(loop),
    }
    return cast("HTTPScope", scope)


@lru_cache(maxsize=64)
def _parsed(url: bytes) -> tuple[str, bytes, bytes]:
    """Return the path of a request's target, decoded and as it was sent, and its query."""
    parsed = httptools.parse_url(url)
    path = parsed.path.decode("ascii")
    return unquote(path) if "%" in path else path, parsed.path, parsed.query or b""
