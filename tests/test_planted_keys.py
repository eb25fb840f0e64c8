"""Keys are planted in every input of a gateway, and looked for in everything it puts out.

The provider repeats whatever it was sent, in every way an error can be told. One process answers:
its standard output and error, logged to the last line, what it says over HTTP, what it exports
and what it records.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

OPERATORS = {
    "PROVIDER_KEY": "sk-proj-T3BlbkFJq7plantedByVariable2mKd4",
    "HEADER_KEY": "hk-7Yq2plantedAsHeader0Zx0wVuYsRn2mKd4",
    "CALLERS_KEY": "ck-4Wz8plantedForCallersYsRn2mKd4Tq",
    "TEAM_KEY": "tk-9Pv1plantedForTheTeamwVuYsRn2mKd4",
}
IN_THE_FILE = "sk-live-Hq3plantedInTheFile0Zx0wVuYs"
IN_A_FILE = "sk-file-Jw5plantedInAFileOfItsOwnYsRn"
PASSWORD = "pw8RtplantedForTheDatabase2mKd4"
WRONG = "sk-wrong-Bn6plantedByAStranger0wVuYsRn"
THEIRS = "sk-theirs-Mx2plantedByTheCaller0wVuYsRn"
"""What a caller has put where it does not belong."""
SECRETS = (*OPERATORS.values(), IN_THE_FILE, IN_A_FILE, PASSWORD, WRONG, THEIRS)
WAYS = ("429", "500", "html", "garbage", "headers", "stream", "cut", "drop", "401")
"""The last one sets a key aside, until none is left."""
DASHBOARD = ("/dashboard", "/dashboard/data/overview", "/dashboard/data/calls")
ENDS_WITHIN_S = 20.0

SETTINGS = f"""
[gateway]
keys = ["env:CALLERS_KEY"]
passthrough = "echo"
drain = 1.0
[[gateway.callers]]
alias = "team"
key = "env:TEAM_KEY"
limits = {{ rpm = 2 }}
[providers.echo]
base_url = "http://127.0.0.1:%PORT%/v1"
api_keys = ["env:PROVIDER_KEY", "{IN_THE_FILE}", "file:own.key"]
headers = {{ "x-account-secret" = "env:HEADER_KEY" }}
[providers.dead]
base_url = "http://127.0.0.1:9/v1"
api_key = "env:PROVIDER_KEY"
[models."*"]
chain = ["echo/*", "dead/*"]
[retry]
same_provider = 0
[health]
interval = 1.0
"""


class Echo:
    """A provider that says back what it was sent; the model's name says in which way."""

    def __init__(self) -> None:
        self.ways: set[str] = set()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = {k.lower(): v for k, _, v in (x.partition(": ") for x in head.split("\r\n"))}
            body = await reader.readexactly(int(lines.get("content-length", "0")))
            way = next((w for w in WAYS if f'"m-{w}'.encode() in body), "401")
            self.ways.add(way)
            said = f"This is what came: {head} {body.decode('utf-8', 'replace')}"
            writer.write(self._answer(said, lines, way))
            await writer.drain()
        writer.close()

    def _answer(self, said: str, lines: dict[str, str], way: str) -> bytes:
        error = json.dumps({"error": {"message": said, "type": said, "code": said, "param": said}})
        chunk = {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}
        sent = f"data: {json.dumps(chunk)}\n\n"
        events = "content-type: text/event-stream\r\n"
        match way:
            case "html":
                return self._reply("503 Busy", f"<html><body>{said}</body></html>")
            case "garbage":
                return self._reply("200 OK", said)
            case "headers":
                key = lines.get("authorization", "")
                more = f"x-request-id: {key}\r\nretry-after: {key}\r\nx-echo: {key}\r\n"
                return self._reply("500 Oops", error, more)
            case "stream":
                return self._reply("200 OK", f"{sent}event: error\ndata: {error}\n\n", events)
            case "cut":
                return self._reply("200 OK", f"{sent}data: {said[:40]}", events, longer=999)
            case "drop":
                return b""
            case _:
                return self._reply(f"{way} {said[:60]!a}", error)

    @staticmethod
    def _reply(status: str, body: str, more: str = "", longer: int = 0) -> bytes:
        length = len(body.encode()) + longer
        head = f"HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n"
        return head.encode("latin-1", "replace") + body.encode()


class Collector:
    """Takes whatever is exported to it."""

    def __init__(self) -> None:
        self.taken = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower():
                length = int(head.partition("content-length: ")[2].partition("\r")[0])
                self.taken += head.encode() + await reader.readexactly(length)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()


class Gateway:
    """`elizanet serve`, and all that it has put out so far."""

    def __init__(self, process: asyncio.subprocess.Process, provider: Echo) -> None:
        self.process = process
        self.provider = provider
        self.heard: dict[str, bytes] = {}
        self.port = 0

    async def ask(
        self, path: str, body: bytes = b"", *headers: str, key: str = OPERATORS["CALLERS_KEY"]
    ) -> bytes:
        """Ask, and keep the answer with its head."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        method = "POST" if body else "GET"
        length = f"Content-Length: {len(body)}"
        given = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {key}"]
        writer.write("\r\n".join([*given, length, "Connection: close", *headers]).encode())
        writer.write(b"\r\n\r\n" + body)
        async with asyncio.timeout(20):
            answer = await reader.read()
        writer.close()
        self.heard[f"{method} {path} {body[:60]!r} {headers}"] = answer
        assert answer.startswith(b"HTTP/1.1 ")
        return answer


def chat(model: str, *, stream: bool = False) -> bytes:
    content = f"my key is {THEIRS}"
    return json.dumps(
        {
            "model": model,
            "stream": stream,
            "user": THEIRS,
            "messages": [{"role": "user", "content": content}],
        }
    ).encode()


@contextlib.asynccontextmanager
async def serving(home: Path, log_format: str, database: str) -> AsyncIterator[Gateway]:
    """Serve until the end of the block, then keep what was printed."""
    echo, collector = Echo(), Collector()
    async with (
        await asyncio.start_server(echo, "127.0.0.1", 0) as provider,
        await asyncio.start_server(collector, "127.0.0.1", 0) as collecting,
    ):
        endpoint = f"http://127.0.0.1:{collecting.sockets[0].getsockname()[1]}"
        port = provider.sockets[0].getsockname()[1]
        settings = SETTINGS.replace("%PORT%", str(port))
        (home / "elizanet.toml").write_text(settings, encoding="utf-8")
        (home / "own.key").write_text(IN_A_FILE, encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "elizanet", "serve", "--port", "0"),
            *("--log-level", "debug", "--log-format", log_format),
            cwd=home,
            env={
                "PATH": os.defpath,
                "ELIZANET_DB": database,
                "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                **OPERATORS,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        gateway = Gateway(process, echo)
        printing = process.stderr if log_format == "json" else process.stdout
        assert printing is not None
        first = b""
        while not (line := first.rpartition(b"http://")[2]).count(b"/v1"):
            line = await printing.readline()
            assert line, first
            first += line
        gateway.port = int(line.partition(b"/v1")[0].rpartition(b":")[2])
        try:
            yield gateway
        finally:
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(ENDS_WITHIN_S):
                out, err = await process.communicate()
            gateway.heard |= {"begun": first, "stdout": out, "stderr": err}
            gateway.heard["exported"] = collector.taken


async def provoke(gateway: Gateway) -> None:
    """Go wrong in every way."""
    for way in WAYS:
        await gateway.ask("/v1/chat/completions", chat(f"m-{way}"))
        await gateway.ask("/v1/chat/completions", chat(f"m-{way}", stream=True))
    await gateway.ask("/v1/embeddings", chat("m-500"))
    await gateway.ask("/v1/files")
    await gateway.ask("/v1/models")
    for key in (WRONG, *(OPERATORS["TEAM_KEY"],) * 3):
        await gateway.ask("/v1/chat/completions", chat("m-401"), key=key)
    await gateway.ask("/status", key=WRONG)
    order = json.dumps({"target": "echo", "state": "auto"}).encode()
    await gateway.ask("/status/breakers", order)
    os.kill(gateway.process.pid, signal.SIGHUP)
    await asyncio.sleep(0.3)
    await gateway.ask("/status")
    await gateway.ask("/metrics")


async def misuse(gateway: Gateway) -> None:
    """Put the caller's secret where it does not belong: what is told to them is theirs."""
    theirs = Gateway(gateway.process, gateway.provider)
    theirs.port = gateway.port
    for header in ("api-key", "cookie", "traceparent", "x-elizanet-priority", "x-request-timeout-ms",
                   "x-elizanet-no-fallback", "x-elizanet-hop", "idempotency-key"):  # fmt: skip
        await theirs.ask("/v1/chat/completions", chat("m-429"), f"{header}: {THEIRS}")
    await theirs.ask("/v1/chat/completions", chat(THEIRS))
    await theirs.ask("/v1/chat/completions", chat(THEIRS, stream=True))
    await theirs.ask(f"/v1/{THEIRS}?key={THEIRS}")
    await theirs.ask(f"/{THEIRS}")
    for body in (b'{"model":"' + THEIRS.encode(), f'{{"model":["{THEIRS}"]}}'.encode()):
        await theirs.ask("/v1/chat/completions", body)


def forms(secret: str) -> Iterator[bytes]:
    """Yield the ways in which a secret could stand there, and most of it."""
    yield secret.encode()
    yield quote(secret, safe="").encode()
    yield secret[: len(secret) - 8].encode()
    yield secret[8:].encode()
    for shift in range(3):
        coded = base64.b64encode(b"x" * shift + secret.encode())
        yield coded[4:-4]


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_no_key_comes_out_of_a_gateway(tmp_path: Path, log_format: str) -> None:
    """Not by standard output or error, HTTP, metrics, status or records, and in no form."""
    async with serving(tmp_path, log_format, f"sqlite:///{tmp_path}/records.db") as gateway:
        await provoke(gateway)
        await misuse(gateway)
        for path in ("/status", "/metrics", "/v1/models", *DASHBOARD):
            await gateway.ask(path)
    assert gateway.provider.ways == set(WAYS)
    heard = gateway.heard | {
        path.name: path.read_bytes() for path in tmp_path.glob("records*") if path.is_file()
    }
    assert "records.db" in heard
    assert b"attempt echo/m-headers" in heard["exported"]
    for secret in SECRETS:
        for form in forms(secret):
            found = [name for name, said in heard.items() if form in said]
            assert not found, (secret, form, found)
    lines = heard["stderr"].decode().splitlines()
    assert len(lines) > 30, "something was said"
    assert b"Traceback" not in heard["stderr"]
    if log_format == "json":
        told = [json.loads(line) for line in lines]
        assert heard["stdout"] == b"", "everything is a line of the log"
        assert {"elizanet", "elizanet.gateway"} <= {line["logger"] for line in told}


async def test_the_password_of_a_database_that_is_away_is_not_told(tmp_path: Path) -> None:
    """Nor where it is asked for in vain."""
    database = f"postgresql://elizanet:{PASSWORD}@127.0.0.1:9/records?password={PASSWORD}"
    async with serving(tmp_path, "text", database) as gateway:
        await gateway.ask("/v1/chat/completions", chat("m-500"))
        await gateway.ask("/status")
        await gateway.ask("/metrics")
    for name, said in gateway.heard.items():
        assert PASSWORD.encode() not in said, name
