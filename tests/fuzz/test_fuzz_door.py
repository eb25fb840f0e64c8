"""Whatever a caller sends to a gateway: an answer in HTTP, or the end of the connection.

The invariants: no byte sequence is answered with a 500, leaves a traceback, keeps a connection
or a call, or keeps the next caller from being served.
"""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import suppress
from pathlib import Path

from hypothesis import given

from elizanet.http import Http
from elizanet.testing import Upstream
from support.fuzzing import fuzz, mutated, pieces_of
from support.load import End, ask
from support.processes import Process

BODY = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
SEEDS = [
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
    % (len(BODY), BODY),
    b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
    b"GET /v1/models HTTP/1.1\r\nHost: x\r\nx-request-timeout-ms: 5\r\n\r\nGET /live HTTP/1.1\r\n\r\n",
    b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\ncontent-disposition: form-data; name=",
    b"POST /v1/responses HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
]
TOKENS = [
    b"\r\n", b"\r\n\r\n", b" HTTP/1.1", b"HTTP/0.9", b"HTTP/2.0", b"Content-Length: 5\r\n",
    b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999\r\n", b"Host: y\r\n", b"\0", b"\xff",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"Connection: upgrade\r\n",
    b"Upgrade: websocket\r\n", b"x-elizanet-hop: a\r\n", b"x-elizanet-no-fallback: 2\r\n", b"%00", b"/..//",
    b"?a=%zz", b"Content-Encoding: gzip\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"[" * 2000,
]  # fmt: skip
ANSWER_S = 0.02
"""Seconds that an answer is given before the caller ends the connection."""
END_S = 10.0
"""Seconds after which a connection that is not ended either is a failure."""
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


def heard(port: int, pieces: list[bytes]) -> bytes:
    """Send the pieces, wait a little, say that this was all, and return what came."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port)) as connection, suppress(ConnectionError):
        for piece in pieces:
            connection.sendall(piece)
        connection.settimeout(ANSWER_S)
        with suppress(TimeoutError):
            while data := connection.recv(65536):
                answer += data
        connection.settimeout(END_S)
        with suppress(OSError):  # it has been reset meanwhile
            connection.shutdown(socket.SHUT_WR)
        while data := connection.recv(65536):
            answer += data
    return answer


async def test_any_bytes_at_the_door_are_answered_or_hung_up_on(tmp_path: Path) -> None:
    """And the next caller is served as if nothing had been."""
    async with Upstream("primary") as upstream:
        config = tmp_path / "elizanet.toml"
        config.write_text(
            f'[providers.primary]\nbase_url = "{upstream.base_url}"\n'
            '[models."*"]\nchain = ["primary/*"]\n'
        )
        serve = ("serve", "--config", str(config))
        async with Process("gateway", *serve, folder=tmp_path) as gateway:
            port = int(gateway.base_url.split(":")[2].split("/")[0])

            @given(pieces_of(mutated(SEEDS, TOKENS)))
            @fuzz(150)
            def knock(pieces: list[bytes]) -> None:
                answer = heard(port, pieces)
                assert not answer or answer.startswith(b"HTTP/1."), answer[:200]
                assert b"500" not in STATUS.findall(answer), answer[:500]

            await asyncio.to_thread(knock)
            http = Http()
            outcome = await ask(http, f"{gateway.base_url}/chat/completions", stream=True)
            await http.aclose()
            assert outcome.end is End.ANSWERED
            assert not gateway.has_ended
            assert "Traceback" not in gateway.log
