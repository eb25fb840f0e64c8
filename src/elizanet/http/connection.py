"""One connection: the bytes of a request out, the parsed answer in.

Theory of operation. asyncio calls `buffer_updated`, llhttp calls `on_*`, and the one task
that owns the exchange waits in `head`, `read` or `push`. There is never a second waiter, so a
single future is enough. Reading pauses while more than `HIGH_WATER` bytes wait for that task;
while it is in `push` none do, for they are passed on as they come.

An answer is complete when its own framing says so: a length, a last chunk, or, where it has
neither, a clean end of the connection. Any other end is `Problem.CUT`. A connection can be
used again only after a complete answer that allows it and was not followed by stray bytes.

A body too large to keep goes out piece by piece, each when the one before has left. An
answer that comes before its end ends it: it says why the rest is not wanted.

All connections receive into one buffer: what arrives is parsed before the next read, and so
an open but silent stream holds no memory for it.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Final, cast

import httptools

from elizanet.call import Upload
from elizanet.http.errors import Problem, TransportError

MAX_HEAD_BYTES: Final = 256 * 1024
"""Largest head of an answer in bytes, interim heads (1xx) included."""

HIGH_WATER: Final = 64 * 1024
"""Bytes of a body that may wait to be read before the sender is slowed down."""

_NO_BODY: Final = frozenset({204, 304})
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
_LONGEST_USUAL: Final = 64
"""Bytes of a header's name that may be remembered."""
_SPECIAL: Final = frozenset({"content-encoding", "keep-alive", "transfer-encoding"})
_NOTED: Final = _FRAMING | _SPECIAL
_WINDOWS: Final = sys.platform == "win32"
_FIRST_FINAL_STATUS: Final = 200
_FIELD_SIGNS: Final = 3  # the colon and the line end


_RECEIVED: Final = memoryview(bytearray(64 * 1024))


class Connection(asyncio.BufferedProtocol):
    """A connection to one origin, with at most one exchange at a time."""

    __slots__ = (
        "_bodiless", "_buffer", "_buffered", "_chunks", "_complete", "_failure", "_framed",
        "_head_bytes", "_head_done", "_interim_bytes", "_keep_alive", "_parser", "_paused",
        "_receive", "_sent", "_stray", "_waiter", "_writable", "closed", "headers", "idle_since",
        "is_special", "loop", "status", "transport",
    )  # fmt: skip

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        # Windows' loop fills a buffer while others run, so there each connection has its own.
        self._buffer = memoryview(bytearray(len(_RECEIVED))) if _WINDOWS else _RECEIVED
        self.closed: asyncio.Future[None] = self.loop.create_future()
        self.idle_since = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._receive: Callable[[bytes], bool] | None = None
        self._stray = self._bodiless = False
        self._sent = self._writable = True
        self._reset()

    def __repr__(self) -> str:
        state = "closed" if self.closed.done() else "complete" if self._complete else "open"
        return f"<Connection {state} buffered={self._buffered}>"

    def _reset(self) -> None:
        self.status = 0
        self.is_special = False  # a header asks for more than to be passed on
        self.headers: list[tuple[str, str]] = []
        self._head_bytes = self._interim_bytes = 0
        self._head_done = self._complete = self._framed = self._keep_alive = False
        self._failure: TransportError | None = None
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._paused = False

    # What the owner of the exchange calls

    def request(self, head: bytes, body: bytes, *, bodiless: bool = False) -> None:
        """Start an exchange: send a request. `bodiless`: its answer has a head only.

        Raises `TransportError` if the connection has closed since it was opened.
        """
        if self.closed.done():
            raise (self._failure or TransportError(Problem.CLOSED, _reason(None))).anew()
        self._reset()
        self._parser = httptools.HttpResponseParser(self)
        self._bodiless = bodiless
        if len(body) > HIGH_WATER:  # joining would copy it
            self.transport.write(head)
            self.transport.write(body)
        else:
            self.transport.write(head + body)

    async def upload(self, rest: Upload) -> None:
        """Send the rest of a body, until its end or until the answer begins.

        What ends it otherwise is told by `head`. Raises what `rest` raises.
        """
        self._sent = False
        chunked = rest.length is None
        while piece := await rest.chunk():
            self._write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            while not self._writable and not self._is_answered():
                await self._wait()
            if self._is_answered():
                return
        if chunked:
            self._write(b"0\r\n\r\n")
        self._sent = True

    async def head(self) -> None:
        """Wait until `status` and `headers` are known. Raises `TransportError`."""
        while not self._head_done:
            if self._failure is not None:
                raise self._failure.anew()
            await self._wait()

    async def read(self) -> bytes:
        """Return the next bytes of the body; b"" at its end. Raises `TransportError`."""
        while not self._chunks:
            if self._complete:
                return b""
            if self._failure is not None:
                raise self._failure.anew()
            await self._wait()
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        return data

    async def push(self, receive: Callable[[bytes], bool]) -> None:
        """Give `receive` the body as it arrives, until it returns false or nothing more comes.

        What has come before, and how the body ended, `read` tells. Raises what `receive` raises.
        """
        if self._chunks or self._complete or self._failure is not None:
            return
        self._receive = receive
        try:
            await self._wait()
        finally:
            self._receive = None

    @property
    def is_drained(self) -> bool:
        """The answer is complete, and `read` has brought all of it."""
        return self._complete and not self._chunks

    @property
    def is_reusable(self) -> bool:
        """The exchange is over, and another one may follow it."""
        return (
            self._complete
            and self._sent
            and self._keep_alive
            and not self._stray
            and not self.closed.done()
            and not self.transport.is_closing()
            and self.transport.get_write_buffer_size() == 0
        )

    def abort(self) -> None:
        """Cut the connection."""
        self.transport.abort()

    def start_anew(self) -> None:
        """Forget an answer that has only a head, as a proxy's to CONNECT."""
        self._reset()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one by behaviour only
        self._parser = httptools.HttpResponseParser(self)  # they hold each other, while connected

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._wake()

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._complete or self._failure is not None:
            self._stray = True
            self.transport.abort()
            return
        if not self._head_done:
            self._head_bytes += nbytes
        try:
            self._parser.feed_data(self._buffer[:nbytes])
        except httptools.HttpParserUpgrade:
            self._fail(TransportError(Problem.NOT_HTTP, "it switches protocols"))
        except httptools.HttpParserError as error:
            after = Problem.CUT if self._head_done else Problem.NOT_HTTP
            self._fail(TransportError(after, str(error)[:100]))
        else:
            if not self._head_done and self._head_bytes > MAX_HEAD_BYTES:
                self._refuse_head()

    def eof_received(self) -> None:
        """Let asyncio close the transport; `connection_lost` follows."""

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)
        self._parser = None  # type: ignore[assignment]  # it holds the connection
        if self._complete or self._failure is not None:
            return
        if self._head_done and not self._framed and exc is None:
            self._complete = True
        elif self._head_done:
            self._failure = TransportError(Problem.CUT, _reason(exc))
        elif self._head_bytes:
            self._failure = TransportError(Problem.CLOSED, "in the middle of the head")
        else:
            self._failure = TransportError(Problem.CLOSED, _reason(exc))
        self._wake()

    # What llhttp calls

    def on_message_begin(self) -> None:
        if self._complete:
            self._stray = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_done:  # a trailer of a chunked body
            return
        lowered = _lowered_usual(name) if len(name) <= _LONGEST_USUAL else _lowered(name)
        if lowered in _NOTED:
            self._framed = self._framed or lowered in _FRAMING
            self.is_special = self.is_special or lowered in _SPECIAL
        self.headers.append((lowered, value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self._head_bytes > MAX_HEAD_BYTES and self._field_bytes() > MAX_HEAD_BYTES:
            self._refuse_head()
            return
        self.status = self._parser.get_status_code()
        if self.status < _FIRST_FINAL_STATUS:  # an interim answer: the real one follows
            self._interim_bytes = self._field_bytes()
            self.headers.clear()
            self._framed = False
            return
        self._framed = self._framed or self.status in _NO_BODY
        self._head_done = True
        self._complete = self._bodiless  # the parser knows no HEAD: it would wait for a body
        self._wake()

    def on_body(self, body: bytes) -> None:
        if self._receive is not None:
            try:
                if not self._receive(body):
                    self._wake()
            except Exception as error:  # noqa: BLE001 -- through the parser it would be another
                self._wake(error)
            return
        self._chunks.append(body)
        self._buffered += len(body)
        if self._buffered > HIGH_WATER and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if self.status < _FIRST_FINAL_STATUS:
            return
        self._keep_alive = self._parser.should_keep_alive()  # only known inside this callback
        self._complete = True
        self._wake()

    def _field_bytes(self) -> int:
        """Return the size of the headers: a read may have brought much of the body with them."""
        sizes = (len(name) + len(value) + _FIELD_SIGNS for name, value in self.headers)
        return self._interim_bytes + sum(sizes)

    def _write(self, data: bytes) -> None:
        """Send more of a request, unless the connection has closed: uvloop would raise."""
        if not self.closed.done():
            self.transport.write(data)

    def _is_answered(self) -> bool:
        return self._head_done or self._failure is not None

    async def _wait(self) -> None:
        self._waiter = self.loop.create_future()
        await self._waiter

    def _wake(self, error: Exception | None = None) -> None:
        self._receive = None
        if self._waiter is None or self._waiter.done():
            return
        if error is None:
            self._waiter.set_result(None)
        else:
            self._waiter.set_exception(error)

    def _refuse_head(self) -> None:
        self._fail(TransportError(Problem.HEAD_TOO_LARGE, f"over {MAX_HEAD_BYTES} bytes"))

    def _fail(self, error: TransportError) -> None:
        self._failure = error
        self.transport.abort()
        self._wake()


def _lowered(name: bytes) -> str:
    return name.lower().decode("latin-1")


_lowered_usual = lru_cache(maxsize=256)(_lowered)  # the names are nearly always the same


def _reason(exc: Exception | None) -> str:
    if exc is None:
        return "the provider closed the connection"
    reset = isinstance(exc, ConnectionError)
    return "the provider reset the connection" if reset else type(exc).__name__
