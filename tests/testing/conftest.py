"""A client that hides nothing: the bytes that came, and how the connection ended."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from elizanet.testing import Upstream

HEAD_END = b"\r\n\r\n"


class BrokenBodyError(Exception):
    """The body is not what its framing promised."""


@dataclass(frozen=True)
class Heard:
    """What came, and the end: `closed`, `reset`, `silent`, `refused`, or `full`."""

    raw: bytes
    end: str
    seconds: float
    pieces: int = 0

    @property
    def head(self) -> bytes:
        return self.raw.partition(HEAD_END)[0]

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode().split("\r\n")[1:]
        return {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}

    @property
    def sent_body(self) -> bytes:
        """The bytes behind the head, as they came."""
        return self.raw.partition(HEAD_END)[2]

    @property
    def body(self) -> bytes:
        """The body, if it is framed as promised; raises `BrokenBodyError` if not."""
        if "chunked" in self.headers.get("transfer-encoding", ""):
            return _dechunked(self.sent_body)
        if len(self.sent_body) != int(self.headers["content-length"]):
            raise BrokenBodyError(len(self.sent_body))
        return self.sent_body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]

    @property
    def data(self) -> list[str]:
        """The data of each event of a stream."""
        return events_in(self.body)

    @property
    def chunks(self) -> list[Any]:
        """The JSON events of a stream."""
        return [json.loads(data) for data in self.data if data != "[DONE]"]

    @property
    def text(self) -> str:
        """The text of a completion, whole or streamed."""
        if "event-stream" not in self.headers["content-type"]:
            choice = self.json["choices"][0]
            return str(choice["message"]["content"] if "message" in choice else choice["text"])
        choices = [choice for chunk in self.chunks for choice in chunk.get("choices", ())]
        return "".join(
            c["delta"].get("content", "") if "delta" in c else c["text"] for c in choices
        )


def events_in(body: bytes) -> list[str]:
    """The data of each complete event."""
    blocks = body.decode().split("\n\n")[:-1]
    lines = [line for block in blocks for line in block.split("\n")]
    return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]


def _dechunked(raw: bytes) -> bytes:
    body = b""
    while True:
        size, found, rest = raw.partition(b"\r\n")
        try:
            length = int(size, 16)
        except ValueError:
            raise BrokenBodyError(size) from None
        if not found or rest[length : length + 2] != b"\r\n":
            raise BrokenBodyError(size)
        body, raw = body + rest[:length], rest[length + 2 :]
        if length == 0:
            return body


class Ask(Protocol):
    """Send one request and listen until the end, or until nothing comes any more."""

    async def __call__(
        self,
        upstream: Upstream,
        endpoint: str = "chat/completions",
        payload: object = None,
        *,
        method: str = "POST",
        headers: tuple[str, ...] = (),
        patience: float = 0.5,
        most: int = 64 * 2**20,
        **fields: object,
    ) -> Heard: ...


def request_bytes(method: str, path: str, body: bytes, *headers: str) -> bytes:
    """A request with a content-length."""
    lines = [f"{method} {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + HEAD_END + body


@pytest.fixture
def ask() -> Ask:
    """Ask a provider; by default a short chat."""

    async def asked(
        upstream: Upstream,
        endpoint: str = "chat/completions",
        payload: object = None,
        *,
        method: str = "POST",
        headers: tuple[str, ...] = (),
        patience: float = 0.5,
        most: int = 64 * 2**20,
        **fields: object,
    ) -> Heard:
        if isinstance(payload, bytes):
            body = payload
        else:
            body = b"" if method == "GET" else json.dumps(payload or chat(**fields)).encode()
        message = request_bytes(method, f"/v1/{endpoint}", body, "Connection: close", *headers)
        return await _exchange(upstream, message, patience, most)

    return asked


@pytest.fixture
def say() -> Any:
    """Send raw bytes and listen."""

    async def said(upstream: Upstream, message: bytes, patience: float = 0.5) -> Heard:
        return await _exchange(upstream, message, patience, 64 * 2**20)

    return said


def chat(**fields: object) -> dict[str, object]:
    """A short chat request."""
    messages = [{"role": "user", "content": "Why is the sky blue?"}]
    return {"model": "gpt-4o", "messages": messages, **fields}


def address(upstream: Upstream) -> tuple[str, int]:
    """Where the provider listens."""
    host, _, port = upstream.base_url.removeprefix("http://").removesuffix("/v1").rpartition(":")
    return host, int(port)


async def _exchange(upstream: Upstream, message: bytes, patience: float, most: int) -> Heard:
    loop = asyncio.get_running_loop()
    start = loop.time()
    try:
        reader, writer = await asyncio.open_connection(*address(upstream))
    except ConnectionRefusedError:
        return Heard(b"", "refused", loop.time() - start)
    raw, pieces, end = bytearray(), 0, "closed"
    try:
        writer.write(message)
        while len(raw) < most:
            async with asyncio.timeout(patience):
                piece = await reader.read(2**20)
            if not piece:
                break
            raw += piece
            pieces += 1
        else:
            end = "full"
    except TimeoutError:
        end = "silent"
    except ConnectionResetError:
        end = "reset"
    finally:
        writer.transport.abort()
    return Heard(bytes(raw), end, loop.time() - start, pieces)
