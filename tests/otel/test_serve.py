"""`elizanet serve` exports where the environment asks for it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from elizanet.testing import Upstream
from otel.conftest import attributes

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
        settings = (
            f'[providers.p]\nbase_url = "{primary.base_url}"\n[models."*"]\nchain = ["p/*"]\n'
        )
        (tmp_path / "elizanet.toml").write_text(settings, encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "elizanet", "serve", "--port", "0"),
            cwd=tmp_path,
            env={
                "PATH": os.defpath,
                "ELIZANET_DB": "none",
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
                "OTEL_METRICS_EXPORTER": "none",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        first = (await process.stdout.readline()).decode()
        port = int(first.split("/v1")[0].rpartition(":")[2])
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
