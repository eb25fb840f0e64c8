"""`elizanet serve` exports where the environment asks for it."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from elizanet.testing import Upstream
from otel.conftest import attributes
from support.processes import serve_one

if TYPE_CHECKING:
    from otel.conftest import Collector

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"a secret of mine"}]}'


async def test_a_served_call_goes_on_with_the_trace_of_its_caller(
    collector: Collector, tmp_path: Path
) -> None:
    """What waits is sent at the end; prompts and answers are in none of it."""
    async with Upstream("primary") as primary:
        process, port = await serve_one(
            tmp_path,
            primary,
            stderr=asyncio.subprocess.PIPE,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
            OTEL_METRICS_EXPORTER="none",
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"traceparent: 00-{TRACE}-{CALLER}-01\r\nContent-Length: {len(CHAT)}\r\n\r\n"
        )
        writer.write(head.encode() + CHAT)
        async with asyncio.timeout(20):
            answer = await reader.read()
            writer.close()
            process.send_signal(signal.SIGINT)
            _, said = await process.communicate()
    assert answer.startswith(b"HTTP/1.1 200")
    assert process.returncode == 0
    assert b"Traceback" not in said
    call = collector.spans["chat gpt-4o"]
    assert call.trace_id.hex() == TRACE
    assert call.parent_span_id.hex() == CALLER
    told = attributes(call.attributes)
    assert told["server.address"] == "127.0.0.1"
    assert told["elizanet.caller"] == "anonymous"
    assert collector.metrics == []
    sent = b"".join(request.SerializeToString() for request in collector.traces)
    assert b"secret" not in sent
