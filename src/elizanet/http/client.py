"""`Http`: requests over kept-alive connections, shared by all calls."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from elizanet.call import Headers, Upload
from elizanet.http.connection import Connection
from elizanet.http.decoding import Decoder, decoder_for, decoding_errors
from elizanet.http.dialing import Dialer, Origin, proxy_headers
from elizanet.http.errors import Problem, TransportError

KEEP_ALIVE_S: Final = 50.0
"""Seconds an idle connection is kept; common load balancers drop theirs after 60."""

_CLOSE_S: Final = 1.0
_MAX_ADDRESSES: Final = 1024
_LONG_VALUE: Final = 256
"""Characters of a header's value that is not worth remembering."""
_SERVER_KEEPS: Final = re.compile(r"timeout=(\d+)")
_BARE_CONTROLS: Final = re.compile(rb"[\0-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class _Address:
    """A URL, as far as every request to it is the same. `idle` are its origin's connections."""

    origin: Origin
    request_target: str
    headers: Headers
    idle: list[Connection]


class HttpReply:
    """An HTTP answer whose head is known. Close it; an unfinished one is cut."""

    __slots__ = ("_connection", "_decoder", "_http", "_idle", "headers", "status")

    def __init__(self, http: Http, idle: list[Connection], connection: Connection) -> None:
        self._http = http
        self._idle = idle
        self._connection: Connection | None = connection
        self.status = connection.status
        self.headers: Headers = tuple(connection.headers)
        self._decoder = _decoder(self.headers) if connection.is_special else None

    def __repr__(self) -> str:
        return f"<HttpReply {self.status} {'open' if self._connection else 'closed'}>"

    async def chunk(self) -> bytes:
        """Return the next bytes of the body, decoded; b"" at its end.

        Raises `TransportError`, also for a body that ends before its framing or encoding.
        """
        connection = self._connection
        if connection is None:
            return b""
        if self._decoder is not None:  # which may have more, when all has been received
            data = await self._decoded(connection, self._decoder)
            is_over = not data
        else:
            data = await connection.read()
            is_over = not data or connection.is_drained
        if is_over:
            self.close()
        return data

    async def push(self, receive: Callable[[bytes], bool]) -> None:
        """Give `receive` the body as it arrives, until it returns false; `chunk` goes on.

        Returns at once where that cannot be: at the end, for a body that has to be decoded, and
        while something waits for `chunk`. Raises what `receive` raises.
        """
        if self._connection is not None and self._decoder is None:
            await self._connection.push(receive)

    def close(self) -> None:
        """Give the connection back if the answer was read to its end, else cut it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._http.release(self._idle, connection, self.headers)

    async def _decoded(self, connection: Connection, decoder: Decoder) -> bytes:
        try:
            while not (piece := decoder.piece()):
                data = await connection.read()
                if not data:
                    if not decoder.is_complete:
                        raise TransportError(Problem.CUT, "inside its content encoding")
                    return b""
                decoder.feed(data)
        except decoding_errors() as error:
            raise TransportError(Problem.BAD_ENCODING, str(error)[:100]) from error
        return piece


class Http:
    """A pool of connections to any number of origins.

    It belongs to the event loop it is used on; close it there.
    """

    def __init__(self) -> None:
        self._dialer = Dialer()
        self._addresses: dict[str, _Address] = {}
        self._idle: dict[Origin, list[Connection]] = {}
        self._open: set[Connection] = set()

    def __repr__(self) -> str:
        idle = sum(map(len, self._idle.values()))
        return f"<Http open={len(self._open)} idle={idle}>"

    async def send(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None,
        *,
        connect_timeout: float,
        rest: Upload | None = None,
    ) -> HttpReply:
        """Send a request and return its answer once the head has come.

        `rest` follows the body, piece by piece. `connect_timeout`: seconds for a new
        connection; how long the answer may take is the caller's affair. Raises
        `TransportError`, `ValueError` for a header that cannot be sent, and what `rest`
        raises.
        """
        address = self._address(url)
        head = _head(method, address, headers, body, rest)
        # What cannot be sent again is not risked on a connection that may just be closing.
        connection = self._reusable(address.idle) if rest is None else None
        if connection is None:
            connection = await self._dial(address.origin, connect_timeout)
        try:
            if rest is None:
                connection.request(head, body or b"", bodiless=method == "HEAD")
            else:
                connection.request(head, _framed(body or b"", rest))
                await connection.upload(rest)
            await connection.head()
            return HttpReply(self, address.idle, connection)
        except BaseException:
            connection.abort()
            raise

    def release(self, idle: list[Connection], connection: Connection, headers: Headers) -> None:
        """Take back a connection after an exchange, to the idle ones of its origin."""
        if not connection.is_reusable or connection not in self._open:
            connection.abort()
            return
        connection.idle_since = connection.loop.time()
        if connection.is_special and (kept := _kept_by_server(headers)) is not None:
            connection.idle_since -= max(0.0, KEEP_ALIVE_S - kept)
        idle.append(connection)

    async def aclose(self) -> None:
        """Cut every connection, and wait until they are gone."""
        waiting = [connection.closed for connection in self._open]
        for connection in tuple(self._open):
            connection.abort()
        self._forget_idle()
        self._open.clear()
        if waiting:
            await asyncio.wait(waiting, timeout=_CLOSE_S)

    async def _dial(self, origin: Origin, connect_timeout: float) -> Connection:
        """Open a connection; if this system has no room for one, in the place of idle ones."""
        try:
            connection = await self._dialer.dial(origin, connect_timeout)
        except TransportError as error:
            if error.problem is not Problem.LOCAL or not await self._drop_idle():
                raise
            connection = await self._dialer.dial(origin, connect_timeout)
        self._open.add(connection)
        connection.closed.add_done_callback(lambda _: self._open.discard(connection))
        return connection

    async def _drop_idle(self) -> bool:
        """Cut the idle connections; false if there are none."""
        idle = [connection for kept in self._idle.values() for connection in kept]
        self._forget_idle()
        for connection in idle:
            connection.abort()
        if idle:
            await asyncio.wait([connection.closed for connection in idle], timeout=_CLOSE_S)
        return bool(idle)

    def _forget_idle(self) -> None:
        for kept in self._idle.values():
            kept.clear()

    def _reusable(self, idle: list[Connection]) -> Connection | None:
        """Return the connection used last, if one is still good; drop those that are not."""
        while idle:
            connection = idle.pop()
            loop = connection.loop  # one that runs no more left it behind
            fresh = loop.is_running() and loop.time() - connection.idle_since < KEEP_ALIVE_S
            if fresh and connection.is_reusable:
                return connection
            connection.abort()
        return None

    def _address(self, url: str) -> _Address:
        address = self._addresses.get(url)
        if address is None:
            if len(self._addresses) >= _MAX_ADDRESSES:
                self._addresses.clear()
            address = self._addresses[url] = self._parsed(url)
        return address

    def _parsed(self, url: str) -> _Address:
        parts = urlsplit(url)
        origin = Origin.of(parts)
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        proxy = self._dialer.proxy_for(origin)
        headers: Headers = (("host", origin.authority),)
        if proxy is not None and origin.scheme == "http":  # a proxy for plain http is told the URL
            path = f"http://{origin.authority}{path}"
            headers += tuple(proxy_headers(proxy))
        return _Address(origin, path, headers, self._idle.setdefault(origin, []))


def _head(
    method: str, address: _Address, headers: Headers, body: bytes | None, rest: Upload | None
) -> bytes:
    lines = [_first_line(method, address.request_target)]
    for name, value in address.headers + headers:
        lines.append(_line(name, value) if len(value) > _LONG_VALUE else _usual_line(name, value))
    if rest is not None:
        lines.append(_framing(len(body or b""), rest.length))
    elif body is not None:
        lines.append(b"content-length: %d\r\n" % len(body))
    lines.append(b"\r\n")
    return b"".join(lines)


@lru_cache(maxsize=_MAX_ADDRESSES)
def _first_line(method: str, request_target: str) -> bytes:
    return _checked(f"{method} {request_target} HTTP/1.1")


def _line(name: str, value: str) -> bytes:
    return _checked(f"{name}: {value}")


_usual_line = lru_cache(maxsize=1024)(_line)  # nearly all are the same in every request


def _checked(line: str) -> bytes:
    """Return a line of a head as it is sent. Raises `ValueError`."""
    encoded = line.encode("latin-1")
    if _BARE_CONTROLS.search(encoded):
        raise ValueError("a request header contains a control character")
    return encoded + b"\r\n"


def _framing(kept: int, length: int | None) -> bytes:
    if length is None:
        return b"transfer-encoding: chunked\r\n"
    return b"content-length: %d\r\n" % (kept + length)


def _framed(body: bytes, rest: Upload) -> bytes:
    """Return the first part of a body as the rest of it is framed."""
    return b"%x\r\n%b\r\n" % (len(body), body) if body and rest.length is None else body


def _decoder(headers: Headers) -> Decoder | None:
    for name, value in headers:
        if name == "transfer-encoding" and value.strip().lower() != "chunked":
            raise TransportError(Problem.BAD_ENCODING, f"transfer-encoding {value}")
    encoding = ", ".join(value for name, value in headers if name == "content-encoding")
    return decoder_for(encoding) if encoding else None


def _kept_by_server(headers: Headers) -> float | None:
    """Return how many seconds the server says it keeps an idle connection, less one."""
    for name, value in headers:
        if name == "keep-alive" and (match := _SERVER_KEEPS.search(value)):
            return max(0.0, float(match[1]) - 1)
    return None
