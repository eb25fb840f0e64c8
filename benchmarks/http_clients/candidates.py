"""The candidates behind one small interface, configured as the gateway would use them."""

from __future__ import annotations

# ruff: noqa: PLC0415 - a process imports only the candidate it measures
import os
import ssl
import tempfile
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import aiohttp
    from pyreqwest.client import Client as PyreqwestClient
    from pyreqwest.request import StreamRequest
    from pyreqwest.response import Response as PyreqwestResponse

    from elizanet.http import HttpReply

Headers = list[tuple[str, str]]
NAMES = ("pyreqwest", "aiohttp", "own")


class Response(Protocol):
    """An answer whose head is known."""

    status: int

    def headers(self) -> Headers: ...
    async def read(self) -> bytes | None: ...
    async def close(self) -> None: ...


class Client(Protocol):
    """One pool of connections."""

    async def post(self, url: str, headers: Headers, body: bytes) -> Response: ...
    async def close(self) -> None: ...


class Limits:
    """Seconds; None is no limit."""

    def __init__(
        self,
        connect: float | None = None,
        read: float | None = None,
        total: float | None = None,
    ) -> None:
        self.connect, self.read, self.total = connect, read, total


class Pyreqwest:
    """Rust reqwest; answers are streamed with no read-ahead."""

    def __init__(
        self,
        limits: Limits | None = None,
        ca_pem: bytes | None = None,
        *,
        decode: bool = False,
        read_ahead: int = 0,
        max_connections: int | None = None,
    ) -> None:
        from pyreqwest.client import ClientBuilder

        limits = limits or Limits()
        builder = ClientBuilder().follow_redirects(False).http1_lower_case_headers()
        builder = builder.max_connections(max_connections)
        if not decode:
            builder = builder.gzip(False).brotli(False).zstd(False).deflate(False)
        if limits.connect is not None:
            builder = builder.connect_timeout(timedelta(seconds=limits.connect))
        if limits.read is not None:
            builder = builder.read_timeout(timedelta(seconds=limits.read))
        if limits.total is not None:
            builder = builder.timeout(timedelta(seconds=limits.total))
        if ca_pem is not None:
            builder = builder.add_root_certificate_pem(ca_pem)
        self.client: PyreqwestClient = builder.build()
        self.read_ahead = read_ahead

    async def post(self, url: str, headers: Headers, body: bytes) -> PyreqwestAnswer:
        request = (
            self.client.post(url)
            .headers(headers)
            .body_bytes(body)
            .streamed_read_buffer_limit(self.read_ahead)
            .build_streamed()
        )
        return PyreqwestAnswer(request, await request.__aenter__())

    async def close(self) -> None:
        await self.client.close()


class PyreqwestAnswer:
    def __init__(self, request: StreamRequest, response: PyreqwestResponse) -> None:
        self.request, self.response = request, response
        self.status = response.status
        self.reader = response.body_reader

    def headers(self) -> Headers:
        return list(self.response.headers.items())

    async def read(self) -> bytes | None:
        chunk = await self.reader.read_chunk()
        return None if chunk is None else chunk.to_bytes()

    async def close(self) -> None:
        await self.request.__aexit__(None, None, None)


class Aiohttp:
    """aiohttp's client with its C parser."""

    def __init__(
        self,
        limits: Limits | None = None,
        ca_pem: bytes | None = None,
        *,
        decode: bool = False,
        trust_env: bool = False,
        max_connections: int | None = None,
    ) -> None:
        import aiohttp

        limits = limits or Limits()
        context: ssl.SSLContext | bool = True
        if ca_pem is not None:
            context = ssl.create_default_context(cadata=ca_pem.decode())
        timeout = aiohttp.ClientTimeout(
            total=limits.total, sock_connect=limits.connect, sock_read=limits.read
        )
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=max_connections or 0, ssl=context),
            timeout=timeout,
            auto_decompress=decode,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=trust_env,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def post(self, url: str, headers: Headers, body: bytes) -> AiohttpAnswer:
        return AiohttpAnswer(
            await self.session.post(url, headers=headers, data=body, allow_redirects=False)
        )

    async def close(self) -> None:
        await self.session.close()


class AiohttpAnswer:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.status = response.status

    def headers(self) -> Headers:
        return [(name.decode(), value.decode()) for name, value in self.response.raw_headers]

    async def read(self) -> bytes | None:
        return await self.response.content.readany() or None

    async def close(self) -> None:
        self.response.close()


class Own:
    """`elizanet.http`, the client the benchmark decided for; it decodes by itself."""

    def __init__(self, limits: Limits | None = None, ca_pem: bytes | None = None) -> None:
        from elizanet.http import Http

        self.connect = (limits and limits.connect) or 3.0
        self.trusts_own_file = ca_pem is not None
        if ca_pem is not None:
            with tempfile.NamedTemporaryFile(suffix=".pem", delete=False) as file:
                file.write(ca_pem)
            os.environ["SSL_CERT_FILE"] = file.name
        self.http = Http()

    async def post(self, url: str, headers: Headers, body: bytes) -> OwnAnswer:
        return OwnAnswer(await self._send(url, headers, body))

    async def post_whole(self, url: str, headers: Headers, body: bytes) -> bytes:
        reply = await self._send(url, headers, body)
        parts = []
        while chunk := await reply.chunk():
            parts.append(chunk)
        return b"".join(parts)

    async def close(self) -> None:
        await self.http.aclose()
        if self.trusts_own_file:
            del os.environ["SSL_CERT_FILE"]

    async def _send(self, url: str, headers: Headers, body: bytes) -> HttpReply:
        return await self.http.send("POST", url, tuple(headers), body, connect_timeout=self.connect)


class OwnAnswer:
    def __init__(self, reply: HttpReply) -> None:
        self.reply = reply
        self.status = reply.status

    def headers(self) -> Headers:
        return list(self.reply.headers)

    async def read(self) -> bytes | None:
        return await self.reply.chunk() or None

    async def close(self) -> None:
        self.reply.close()
