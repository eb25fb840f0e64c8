"""The other end of every measurement: a scripted upstream in a process of its own.

Started with `python -m benchmarks.http_clients.upstream DIRECTORY CORE`, it makes its
certificates in DIRECTORY, prints its ports as one JSON line and serves until its standard
input closes. The path of a request says how it is answered (`BEHAVIOURS`).
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import socket
import ssl
import struct
import sys
import time
import zlib
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl, urlsplit

import trustme
import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable

EVENT = b'data: {"choices":[{"delta":{"content":"' + b"x" * 54 + b'"}}]}\n\n'
ANSWER = json.dumps({"id": "chatcmpl-1", "choices": [{"message": {"content": "y" * 560}}]}).encode()
MEBIBYTE = 1 << 20
FLOOD = bytes(2 * MEBIBYTE)


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


STREAM_HEAD = head("content-type: text/event-stream", "transfer-encoding: chunked")
UNARY = head("content-type: application/json", f"content-length: {len(ANSWER)}") + ANSWER
CUT_LENGTH = head("content-length: 100") + b"only this"
CUT_CHUNKED = head("transfer-encoding: chunked") + b"40\r\nonly this"
CUT_BETWEEN_CHUNKS = head("transfer-encoding: chunked") + chunk(b"whole chunk")
BAD_CHUNK = head("transfer-encoding: chunked") + b"zz\r\nhello\r\n0\r\n\r\n"


class Seen:
    """What the upstream saw, by the `tag` of a request; the benchmark asks at `/seen`."""

    def __init__(self) -> None:
        self.requests: dict[str, int] = defaultdict(int)
        self.closed_at: dict[str, float] = {}
        self.heads: dict[str, str] = {}
        self.open = 0


class Connection(asyncio.Protocol):
    """One connection: parses just enough of HTTP/1.1 to know which request it is."""

    transport: asyncio.Transport

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.buffer = b""
        self.tags: list[str] = []
        self.timer: asyncio.TimerHandle | None = None
        self.served = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:

        self.transport = cast("asyncio.Transport", transport)
        self.seen.open += 1

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.seen.open -= 1
        now = time.monotonic()
        self.seen.closed_at.update(dict.fromkeys(self.tags, now))
        if self.timer:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"POST /unary ") and data.endswith(b'"}]}'):
            self.transport.write(UNARY)  # the measured path: as little work as possible
            return
        if data[:1] == b"\x16":  # a TLS handshake on the plain port
            self.close_with(head("content-length: 0", status="400 Bad Request"))
            return
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            raw = self.buffer[:end]
            length = content_length(raw)
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self.answer(raw)

    def answer(self, raw: bytes) -> None:
        target = raw.split(b" ", 2)[1]
        url = urlsplit(target.decode())
        query = dict(parse_qsl(url.query))
        if tag := query.get("tag"):
            self.tags.append(tag)
            self.seen.requests[tag] += 1
            self.seen.heads[tag] = raw.decode("latin-1")
        self.served += 1
        BEHAVIOURS.get(url.path, BEHAVIOURS["/ok"])(self, query)

    def close_with(self, data: bytes) -> None:
        self.transport.write(data)
        self.transport.close()

    def reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, linger
        )
        self.transport.abort()

    def whole(self, body: bytes, *headers: str) -> None:
        self.transport.write(head(*headers, f"content-length: {len(body)}"))
        self.transport.write(body)


def content_length(raw: bytes) -> int:
    lower = raw.lower()
    at = lower.find(b"content-length:")
    return int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def stream(connection: Connection, query: dict[str, str]) -> None:
    """`n` events, one each `ms` milliseconds; `end=0` leaves the stream open and silent."""
    connection.transport.write(STREAM_HEAD)
    interval = float(query.get("ms", "1")) / 1000
    loop = asyncio.get_running_loop()
    left = int(query["n"])
    payload = chunk(EVENT)

    def tick() -> None:
        nonlocal left
        if connection.transport.is_closing():
            return
        if left:
            left -= 1
            connection.transport.write(payload)
            connection.timer = loop.call_later(interval, tick)
        elif query.get("end") != "0":
            connection.transport.write(b"0\r\n\r\n")

    tick()


def stats(connection: Connection, query: dict[str, str]) -> None:
    del query
    seen = connection.seen
    answer = {
        "requests": seen.requests,
        "closed_at": seen.closed_at,
        "heads": seen.heads,
        "open": seen.open,
    }
    connection.whole(json.dumps(answer).encode())


def many_headers(connection: Connection, query: dict[str, str]) -> None:
    lines = [f"x-header-{number}: value" for number in range(int(query["n"]))]
    connection.whole(b"ok", *lines)


def endless_head(connection: Connection, query: dict[str, str]) -> None:
    """A header that never ends: 64 KiB at a time, until the client hangs up or 64 MiB."""
    del query
    loop = asyncio.get_running_loop()
    connection.transport.write(b"HTTP/1.1 200 OK\r\nx-big: ")
    left = 1024

    def more() -> None:
        nonlocal left
        if connection.transport.is_closing() or not left:
            connection.transport.close()
            return
        left -= 1
        if connection.transport.get_write_buffer_size() < MEBIBYTE:
            connection.transport.write(b"a" * 65536)
        connection.timer = loop.call_later(0.0005, more)

    more()


def stale(connection: Connection, query: dict[str, str]) -> None:
    """Answers the first request; the second on the same connection is met as `then` says."""
    if connection.served == 1:
        connection.transport.write(UNARY)
        if after := query.get("close_after_ms"):
            asyncio.get_running_loop().call_later(float(after) / 1000, connection.transport.close)
    elif query["then"] == "reset":
        connection.reset()
    else:
        connection.transport.close()


def compressed(connection: Connection, query: dict[str, str]) -> None:
    body = (Path(sys.argv[1]) / f"body.{query['as']}").read_bytes()
    headers = [f"content-encoding: {query['as'].split('-', maxsplit=1)[0]}"]
    connection.whole(body, *headers)


def reset_in_body(connection: Connection, query: dict[str, str]) -> None:
    del query
    connection.transport.write(CUT_LENGTH)
    asyncio.get_running_loop().call_later(0.05, connection.reset)


BEHAVIOURS: dict[str, Callable[[Connection, dict[str, str]], None]] = {
    "/flood": lambda connection, _: connection.whole(FLOOD),
    "/unary": lambda connection, _: connection.transport.write(UNARY),
    "/stream": stream,
    "/seen": stats,
    "/ok": lambda connection, _: connection.whole(b"ok", "set-cookie: a=1", "set-cookie: b=2"),
    "/silent": lambda _, __: None,
    "/reset": lambda connection, _: connection.reset(),
    "/close": lambda connection, _: connection.transport.close(),
    "/cut-head": lambda connection, _: connection.close_with(b"HTTP/1.1 200 OK\r\ncontent-ty"),
    "/cut-length": lambda connection, _: connection.close_with(CUT_LENGTH),
    "/cut-chunked": lambda connection, _: connection.close_with(CUT_CHUNKED),
    "/cut-between": lambda connection, _: connection.close_with(CUT_BETWEEN_CHUNKS),
    "/reset-body": reset_in_body,
    "/until-close": lambda connection, _: connection.close_with(head() + b"until the end"),
    "/garbage": lambda connection, _: connection.close_with(b"SSH-2.0-OpenSSH_9.6\r\n" * 3),
    "/bad-chunk": lambda connection, _: connection.close_with(BAD_CHUNK),
    "/many-headers": many_headers,
    "/endless-head": endless_head,
    "/stale": stale,
    "/compressed": compressed,
    "/redirect": lambda connection, _: connection.transport.write(
        head("location: /ok", "content-length: 0", status="302 Found")
    ),
}


def write_bodies(directory: Path) -> None:
    """Compressed bodies, made once: a small one, a cut one, and 256 MiB of zeros."""
    small = gzip.compress(b"hello " * 1000)
    (directory / "body.gzip").write_bytes(small)
    (directory / "body.gzip-cut").write_bytes(small[: len(small) // 2])
    (directory / "body.deflate").write_bytes(zlib.compress(b"hello " * 1000))
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(MEBIBYTE)) for _ in range(256)) + packer.flush()
    (directory / "body.gzip-bomb").write_bytes(bomb)


def write_certificates(directory: Path) -> dict[str, ssl.SSLContext]:
    """Makes a certificate authority and two servers: the right name and a wrong one."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(directory / "ca.pem")
    contexts = {}
    for label, name in (("right", "localhost"), ("wrong", "elsewhere.example")):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["h2", "http/1.1"] if label == "wrong" else ["http/1.1"])
        authority.issue_cert(name).configure_cert(context)
        contexts[label] = context
    return contexts


def full_listener() -> tuple[socket.socket, list[socket.socket]]:
    """A listening socket whose backlog is full: a further connection attempt hangs."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    return listener, fillers


async def serve(directory: Path) -> None:
    seen = Seen()
    loop = asyncio.get_running_loop()
    write_bodies(directory)
    contexts = write_certificates(directory)
    servers = {
        "plain": await loop.create_server(lambda: Connection(seen), "127.0.0.1", 0, backlog=1024),
        "tls": await loop.create_server(
            lambda: Connection(seen), "127.0.0.1", 0, ssl=contexts["right"], backlog=1024
        ),
        "tls_wrong_name": await loop.create_server(
            lambda: Connection(seen), "127.0.0.1", 0, ssl=contexts["wrong"]
        ),
    }
    ports = {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}
    listener, fillers = full_listener()
    ports["full"] = listener.getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for sock in (listener, *fillers):
        sock.close()


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[2])})
    uvloop.run(serve(Path(sys.argv[1])))
