"""uvicorn's HTTP protocol with the doors closed that it leaves open.

*Head*: at most 64 KiB and 200 headers, complete within 10 s. *Body*: never silent for 30 s and
not much slower than 1 KiB/s, bounded with all that chunks can hide in it; what trails it never
counts as headers. *Upgrade*: declined (`upgrades.py`). *After an answer* to a request that is not
complete (a 413 for example) the rest is discarded, because closing at once would take the answer
back. *Errors* have OpenAI's shape and never run into an answer that is under way. *Reading*: a
caller who does not read is cut off (`write_watch.py`). *Pipelining*: the answer under way notices,
too, that its caller has left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from http import HTTPStatus
from typing import Any, Final

import httptools
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from elizanet.gateway.alarm import Alarm
from elizanet.gateway.asgi import Application
from elizanet.gateway.connections import Connections
from elizanet.gateway.cycle import Cycle, scope_of
from elizanet.gateway.failures import error_body
from elizanet.gateway.upgrades import without_offer
from elizanet.gateway.write_watch import WriteWatch
from elizanet.router import new_call_id

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 200
MAX_WAITING: Final = 8
"""Requests that may wait for the answer before them until no more is read from their caller."""
HEAD_S: Final = 10.0
"""Seconds for the head of a request, and for the first byte of a connection."""
BODY_SILENCE_S: Final = 30.0
BODY_FREE_S: Final = 60.0
"""Seconds a body may take however slow it is."""
BODY_BYTES_A_SECOND: Final = 1024
"""The pace that a body must keep on average beyond those."""
LINGER_S: Final = 2.0
"""Seconds a refused connection is still read from, so that its refusal arrives."""
_MESSAGE_OVERHEAD: Final = 64 << 20
"""Bytes beyond the largest body that a message may have and nobody reads: chunk sizes, and what is
discarded behind an answer."""

_INVALID: Final = (HTTPStatus.BAD_REQUEST, "the request is not valid HTTP/1.1")
_NO_HOST: Final = (HTTPStatus.BAD_REQUEST, "the request has no Host header")
_TOO_LARGE: Final = (
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"the head of the request has more than {MAX_HEADERS} headers or {MAX_HEAD_BYTES} bytes",
)
_TOO_SLOW: Final = (
    HTTPStatus.REQUEST_TIMEOUT,
    "the request came too slowly, and was not waited for any longer",
)
_EXPECT: Final = b"expect"
_HOST: Final = b"host"
_CONNECT: Final = (HTTPStatus.BAD_REQUEST, "this gateway is no proxy: it does not take CONNECT")


_VERSIONS: Final = frozenset({"1.1", "1.0"})


class _HeadRefusedError(Exception):
    """Stops the parser; the reason is in `_reason`."""


class GatewayProtocol(HttpToolsProtocol):
    """One connection of a caller.

    Of uvicorn's there is left what frames it: the parser's set-up and the flow of reading and
    writing. What a request passes through is here, and does less.
    """

    cycle: Cycle  # type: ignore[assignment]  # has what uvicorn uses of its own
    _writing: WriteWatch

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        assert isinstance(server_state, Connections)  # noqa: S101 -- the server makes both
        self._shared = server_state
        self._gateway: Application = config.app  # type: ignore[assignment]
        self._alarm = Alarm(self.loop, self._late)  # for the message that is coming
        self._idle = Alarm(self.loop, self._close_idle)  # for the next one
        self._waiting: deque[Cycle] = deque()
        self._answering: Cycle | None = None
        self._reason = _INVALID
        self._in_head = self._in_body = self._refused = self._upgrade = False
        self._piece = 0
        self._received = 0  # bytes of the message under way before this piece, never too many
        self._read = 0  # bytes of the body that were given to whoever answers
        self._since = 0.0  # when the connection was made
        self._body_due = 0.0  # when a body that is just fast enough would have brought nothing yet

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._writing = WriteWatch(transport, self.loop)
        self._since = self.loop.time()
        self._alarm.set(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._alarm.close()
        self._idle.close()
        self._writing.end()
        self.connections.discard(self)
        for cycle in (self._answering, self.cycle):  # the latter may wait for the former's end
            if cycle is not None and not cycle.response_complete:
                cycle.leave()
        self.flow.resume_writing()
        if exc is None:
            self.transport.close()
        self.parser = None  # type: ignore[assignment]  # it holds the connection
        self._shared.on_freed()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._piece = len(data)
        self._idle.stop()
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse(*self._reason)
            return
        self._received += self._piece
        if self._in_head:
            self._check_head()
        elif self._in_body:
            self._check_body()
        elif self._is_answered():
            self._idle.set(self.timeout_keep_alive)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._writing.end()

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        size = self._received + self._piece
        if len(self.headers) > MAX_HEADERS or (size > MAX_HEAD_BYTES and self._is_head_large()):
            self._reason = _TOO_LARGE
            raise _HeadRefusedError
        fields = dict(self.headers)
        if self.parser.get_http_version() not in _VERSIONS or not _is_clear(self.headers, fields):
            raise _HeadRefusedError
        if _HOST not in fields and self.parser.get_http_version() != "1.0":
            self._reason = _NO_HOST
            raise _HeadRefusedError
        self.expect_100_continue = fields.get(_EXPECT, b"").lower() == b"100-continue"
        self._upgrade = self.parser.should_upgrade()
        if self._upgrade:  # the parser stops here; `_parse` goes on
            return
        self._in_body = True
        self._read = 0
        self._body_due = self.loop.time() + BODY_FREE_S
        self._alarm.stop()
        self._answer(fields)
        self.headers = []  # what trails a chunked body lands here, and not among the headers

    def _answer(self, fields: dict[bytes, bytes]) -> None:
        """Begin to answer the request, or let it wait for the answer before it."""
        before = self.cycle
        scope = scope_of(self.parser, self.url, self.headers, fields, self.loop)
        self.cycle = Cycle(self, scope)
        if before is None or before.response_complete:
            self._start(self.cycle)
        else:
            self._waiting.append(self.cycle)
            if len(self._waiting) >= MAX_WAITING:
                self.flow.pause_reading()

    def on_body(self, body: bytes) -> None:
        if not self.cycle.response_complete:
            self._read += len(body)
            self.cycle.body_came(body)

    def on_message_complete(self) -> None:
        if self._upgrade:
            return
        if not self.cycle.response_complete:
            self.cycle.body_ended()
        if self.cycle is self._answering:
            self.flow.resume_reading()  # else nobody would notice that the caller leaves
        self._in_body = False
        self._received = -self._piece
        self._alarm.stop()

    def on_response_complete(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self._waiting:
                self._start(self._waiting.popleft())
            else:
                self._idle.set(self.timeout_keep_alive)
        self._writing.begin()

    def end_after_answer(self) -> None:
        """Close the connection after the answer under way, if none waits behind it."""
        if not self._is_answered() and self._answering is not None and not self._waiting:
            self._answering.keep_alive = False

    @property
    def is_new(self) -> bool:
        """Whether nothing was asked for on this connection yet."""
        return self._answering is None

    @property
    def age(self) -> float:
        """Seconds since the connection was made."""
        return self.loop.time() - self._since

    @property
    def is_idle(self) -> bool:
        """Whether nothing is asked for on this connection now."""
        return self._is_answered() and not self._in_head

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.rstrip(b" \t")))  # the parser strips the front

    def _start(self, cycle: Cycle) -> None:
        self._answering = cycle
        if not self._shared.outlive_answers and not self._waiting:
            cycle.keep_alive = False
        task = self.loop.create_task(cycle.run(self._gateway))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _parse(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                method = self.parser.get_method().decode("ascii")
                if method == "CONNECT":
                    self._reason = _CONNECT
                    raise httptools.HttpParserError(_CONNECT[1]) from None
                data, version = data[offer.args[0] :], self.parser.get_http_version()
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                self.parser.feed_data(without_offer(method, self.url, version, self.headers))

    def _is_answered(self) -> bool:
        return self._answering is None or self._answering.response_complete

    def _is_body_awaited(self) -> bool:
        return self._in_body and self.cycle is self._answering

    def _can_be_refused(self) -> bool:
        """Tell whether the message under way has no answer yet, and the wire is free for one."""
        if self._in_head:
            return self._is_answered()
        return self._is_body_awaited() and not self.cycle.response_started

    def _is_head_large(self) -> bool:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        return size > MAX_HEAD_BYTES

    def _check_head(self) -> None:
        if self._received > MAX_HEAD_BYTES:
            self._refuse(*_TOO_LARGE)
        elif not self._alarm.is_set:
            self._alarm.set(HEAD_S)

    def _check_body(self) -> None:
        unread = self._received - self._read
        if unread > self._gateway.max_body + _MESSAGE_OVERHEAD or len(self.headers) > MAX_HEADERS:
            self.transport.abort()
            return
        due = self._body_due + self._received / BODY_BYTES_A_SECOND
        self._alarm.set(min(BODY_SILENCE_S, due - self.loop.time()))

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        awaited = self._is_body_awaited()
        self._refused, self._in_head, self._in_body = True, False, False
        if awaited and not self.cycle.response_started:
            self.cycle.leave()  # this is its answer; nobody waits for another
        elif not self._is_answered():  # an answer is on this wire: it can only be cut
            self.transport.abort()
            return
        body = error_body(message, "invalid_request_error", "invalid_http")
        head = f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: application/json\r\n"
        call_id = new_call_id()
        head += f"x-request-id: {call_id}\r\nx-elizanet-request-id: {call_id}\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.write_eof()
        self.flow.resume_reading()
        self._alarm.set(LINGER_S)

    def _close_idle(self) -> None:
        self.transport.close()

    def _late(self) -> None:
        if self._in_body and self.flow.read_paused:  # not the caller but its reader is slow
            self._body_due = self.loop.time() - self._received / BODY_BYTES_A_SECOND + BODY_FREE_S
            self._alarm.set(BODY_SILENCE_S)
        elif self._can_be_refused():
            self._refuse(*_TOO_SLOW)
        elif self._is_answered() or self._is_body_awaited():
            self.transport.abort()
        else:  # the next request is late, while the one before it is still being answered
            self._alarm.set(HEAD_S)


def _is_clear(headers: list[tuple[bytes, bytes]], fields: dict[bytes, bytes]) -> bool:
    """Tell whether nobody before us can have read these headers in another way.

    The parser refuses two lengths, a length beside chunks, and chunks that are not the last
    coding; it takes other codings before them, and several hosts.
    """
    if len(fields) == len(headers) and b"transfer-encoding" not in fields:
        return True  # nearly always, and so asked first
    hosts = sum(name == b"host" for name, _ in headers)
    codings = {value.lower() for name, value in headers if name == b"transfer-encoding"}
    return hosts <= 1 and codings <= {b"chunked"}
