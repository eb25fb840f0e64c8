"""A connection that closes before all of a request is sent: on either loop, plain or with TLS."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from elizanet.http import Http, Problem, TransportError
from elizanet.http.dialing import Dialer, Origin
from support.raw_server import RawServer, raw_server

LOOPS = ["asyncio", "uvloop"] if sys.platform != "win32" else ["asyncio"]

Check = Callable[[RawServer], Awaitable[None]]
Checked = Callable[[Check], None]


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def context(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> ssl.SSLContext | None:
    """What a server speaks TLS with, trusted here; None for a plain one."""
    if not request.param:
        return None
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return context


@pytest.fixture(params=LOOPS)
def checked(request: pytest.FixtureRequest, context: ssl.SSLContext | None) -> Checked:
    """Run a check beside a server that resets every connection after one byte."""
    new_loop = pytest.importorskip("uvloop").new_event_loop if request.param == "uvloop" else None

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.transport.abort()

    async def beside_a_server(check: Check) -> None:
        async with raw_server(talk, context, "localhost" if context else "127.0.0.1") as server:
            await check(server)

    def run(check: Check) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(beside_a_server(check))

    return run


class Slow:
    """The rest of a body, from a caller who is slower than the provider's reset."""

    begun = True

    def __init__(self, pieces: list[bytes], length: int | None) -> None:
        self._pieces = iter(pieces)
        self.length = length

    async def chunk(self) -> bytes:
        await asyncio.sleep(0.05)
        return next(self._pieces, b"")


@pytest.mark.parametrize(
    ("pieces", "length"), [([b"x"], 1), ([b"x", b"y"], None), ([], None)],
    ids=["sized", "chunked", "last chunk"],
)  # fmt: skip
def test_a_provider_that_resets_while_the_caller_sends_is_an_error_of_the_connection(
    checked: Checked, pieces: list[bytes], length: int | None
) -> None:
    """The next piece finds the connection closed, and says what became of it."""

    async def check(server: RawServer) -> None:
        http = Http()
        rest = Slow(pieces, length)
        with pytest.raises(TransportError) as caught:
            await http.send("POST", server.url, (), b"", connect_timeout=5.0, rest=rest)
        assert caught.value.problem is Problem.CLOSED
        await http.aclose()

    checked(check)


def test_a_connection_that_closed_as_soon_as_it_was_open_takes_no_request(
    checked: Checked,
) -> None:
    """It would be written into the void, and the answer awaited until the limit."""

    async def check(server: RawServer) -> None:
        connection = await Dialer().dial(Origin.of(urlsplit(server.url)), 5.0)
        connection.transport.write(b"x")
        await connection.closed
        with pytest.raises(TransportError) as caught:
            connection.request(b"GET / HTTP/1.1\r\n\r\n", b"")
        assert caught.value.problem is Problem.CLOSED

    checked(check)
