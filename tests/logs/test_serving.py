"""A gateway whose log nobody reads answers all the same."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from elizanet.testing import Upstream
from support.processes import serve_one

CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
REQUEST = (
    "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    f"Content-Length: {len(CHAT)}\r\n\r\n"
).encode() + CHAT
MORE_THAN_A_PIPE_HOLDS = 400


async def test_a_log_that_nobody_reads_holds_up_no_answer(tmp_path: Path) -> None:
    """Its pipe is full after some hundred calls; then they go on, and it ends when told to."""
    async with Upstream("primary") as primary:
        process, port = await serve_one(
            tmp_path,
            primary,
            stderr=(reading := os.pipe())[1],
            ELIZANET_LOG_LEVEL="debug",
            ELIZANET_LOG_FORMAT="text",
        )
        for _ in range(MORE_THAN_A_PIPE_HOLDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST)
            async with asyncio.timeout(5):
                assert (await reader.read()).startswith(b"HTTP/1.1 200")
            writer.close()
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(15):
            assert await process.wait() == 0
    os.close(reading[1])
    with os.fdopen(reading[0], "rb") as pipe:
        said = pipe.read()
    assert len(said) >= 40_000, "the pipe was full: a page of it may be half empty"
