"""Proxies of the environment: plain requests, tunnels, exceptions."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme

from elizanet.http import Http, Problem, TransportError
from support.raw_server import RawServer, raw_server, read_request, saying

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


async def get(url: str) -> bytes:
    http = Http()
    try:
        reply = await http.send("GET", url, (), None, connect_timeout=2.0)
        return await reply.chunk()
    finally:
        await http.aclose()


@asynccontextmanager
async def tunnelling_proxy(target: str, status: str = "200 OK") -> AsyncIterator[RawServer]:
    """A proxy that answers CONNECT, and then carries bytes both ways."""
    _, port = target.split("/")[2].split(":")

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await read_request(reader)
        proxy.heads.append(head)
        writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
        if not status.startswith("200"):
            return
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", int(port))
        try:
            await asyncio.gather(carry(reader, inner_writer), carry(inner_reader, writer))
        finally:
            inner_writer.close()

    async with raw_server(talk) as proxy:
        yield proxy


async def test_a_plain_request_names_the_whole_url_to_its_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the user of the proxy's own URL."""
    heads = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await read_request(reader))[0])
        writer.write(OK)

    async with raw_server(talk) as proxy:
        address = proxy.url.replace("http://", "http://me:p%40ss@")
        monkeypatch.setenv("HTTP_PROXY", address)
        monkeypatch.setenv("http_proxy", address)
        assert await get("http://provider.test:81/v1/models?a=b") == b"hi"
    assert heads[0].startswith("GET http://provider.test:81/v1/models?a=b HTTP/1.1\r\n")
    assert "host: provider.test:81\r\n" in heads[0]
    assert "proxy-authorization: Basic bWU6cEBzcw==\r\n" in heads[0]


async def test_no_proxy_goes_the_direct_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the hosts it names."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with raw_server(saying(OK)) as server:
        assert await get(server.url) == b"hi"


async def test_tls_goes_through_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy sees a host and a port, and nothing of the request."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path("authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", "authority.pem")
    async with (
        raw_server(saying(OK), context, "localhost") as server,
        tunnelling_proxy(server.url) as proxy,
    ):
        monkeypatch.setenv("https_proxy", proxy.url)
        assert await get(server.url) == b"hi"
        where = server.url.split("/")[2]
        assert proxy.heads == [f"CONNECT {where} HTTP/1.1\r\nhost: {where}\r\n\r\n"]


async def test_a_proxy_that_refuses_is_named_as_the_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its status tells why."""
    async with tunnelling_proxy("http://x:1/", "407 Proxy Authentication Required") as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with pytest.raises(TransportError, match="407") as caught:
            await get("https://provider.test/")
    assert caught.value.problem is Problem.PROXY


async def test_an_unknown_kind_of_proxy_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, and no connection around the proxy."""
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:9")
    with pytest.raises(TransportError, match="socks5") as caught:
        await get("http://provider.test/")
    assert caught.value.problem is Problem.PROXY
