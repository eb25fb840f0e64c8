"""HTTP/1.1 requests off a connection, bounded in head and body."""

from __future__ import annotations

import asyncio
from string import hexdigits

from elizanet.testing.connection import Connection, PeerLeftError
from elizanet.testing.received import ReceivedRequest

MAX_HEAD = 64 * 1024
"""Bytes of request line and headers."""

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a request body."""

MAX_CHUNK_LINE = 1024


class BadRequestError(Exception):
    """A request that cannot be read; `status` is the answer it gets."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def read_request(connection: Connection) -> ReceivedRequest | None:
    """Read the next request; None if the client has no more.

    Raises `BadRequestError` for what is not HTTP or over the bounds.
    """
    try:
        head = await connection.read_until(b"\r\n\r\n", MAX_HEAD)
        method, path, query, headers = _parse_head(head)
        lowered = {name.lower(): value for name, value in headers}
        if lowered.get("expect", "").lower() == "100-continue":
            await connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await _read_body(connection, lowered)
    except PeerLeftError:
        return None
    except ValueError as error:
        raise BadRequestError(431, f"The request's head is too long: {error}.") from error
    at = asyncio.get_running_loop().time()
    return ReceivedRequest(method, path, headers, body, at, query)


def _parse_head(head: bytes) -> tuple[str, str, str, tuple[tuple[str, str], ...]]:
    request_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    words = request_line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 - RFC 9112, 3
        raise BadRequestError(400, f"Not an HTTP/1.1 request line: {request_line[:80]!r}.")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequestError(400, f"Not a header: {line[:80]!r}.")
        headers.append((name, value.strip()))
    path, _, query = words[1].partition("?")
    return words[0], path, query, tuple(headers)


async def _read_body(connection: Connection, headers: dict[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _read_chunks(connection)
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise BadRequestError(400, f"Not a content-length: {length[:80]!r}.")
    return await connection.read_exactly(_bounded(int(length)))


async def _read_chunks(connection: Connection) -> bytes:
    body = bytearray()
    while size := await _read_chunk_size(connection):
        _bounded(len(body) + size)
        body += await connection.read_exactly(size)
        if await connection.read_exactly(2) != b"\r\n":
            raise BadRequestError(400, "A chunk of the body does not end where it should.")
    while await connection.read_until(b"\r\n", MAX_CHUNK_LINE) != b"\r\n":
        continue  # trailers say nothing that matters here
    return bytes(body)


async def _read_chunk_size(connection: Connection) -> int:
    line = (await connection.read_until(b"\r\n", MAX_CHUNK_LINE)).partition(b";")[0].strip()
    if not line or not all(chr(byte) in hexdigits for byte in line):
        raise BadRequestError(400, f"Not a chunk size: {line[:80]!r}.")
    return int(line, 16)


def _bounded(length: int) -> int:
    if length > MAX_BODY:
        raise BadRequestError(413, f"The body is longer than {MAX_BODY} bytes.")
    return length
