"""What a candidate does when things go wrong: provoked over real sockets, never asserted."""

from __future__ import annotations

import asyncio
import gc
import json
import time
import urllib.request
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.http_clients.candidates import Aiohttp, Limits, Own, Pyreqwest
from benchmarks.http_clients.costs import status_mb

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from benchmarks.http_clients.candidates import Client, Response

Rows = dict[str, str]
HANG_S = 2.0
"""A candidate that says nothing for this long hangs, for the purpose of the table."""


class Upstream(NamedTuple):
    """Where the scripted upstream listens, and its certificate authority."""

    ports: dict[str, int]
    ca: bytes

    @property
    def plain(self) -> str:
        return f"http://127.0.0.1:{self.ports['plain']}"

    def seen(self) -> dict[str, dict[str, float]]:
        with urllib.request.urlopen(self.plain + "/seen") as answer:  # noqa: S310
            seen: dict[str, dict[str, float]] = json.load(answer)
        return seen


def make(name: str, limits: Limits | None = None, ca: bytes | None = None) -> Client:
    if name == "pyreqwest":
        return Pyreqwest(limits, ca)
    return Aiohttp(limits, ca) if name == "aiohttp" else Own(limits, ca)


def describe(error: BaseException) -> str:
    """The class, and the words that tell what happened: the deepest cause."""
    details = getattr(error, "details", None) or {}
    causes = [cause["message"] for cause in details.get("causes") or []]
    text = " / ".join(causes[1:]) if len(causes) > 1 else str(error)
    under = error.__cause__
    suffix = f" <- {type(under).__name__}" if under is not None and not causes else ""
    short = " ".join(text.split())[:110].replace("|", "\\|")
    return f"`{type(error).__name__}`{suffix}: {short}"


SLOW = Limits(read=0.3)
SCENARIOS: list[tuple[str, str, str, Limits]] = [
    ("connection refused", "", "http://127.0.0.1:1/ok", Limits()),
    ("name not found", "", "http://nosuch.invalid/ok", Limits()),
    ("connect: no answer", "full", "/ok", Limits(connect=0.3)),
    ("connect: TLS silent", "full", "https:/ok", Limits(connect=0.3)),
    ("TLS: unknown authority", "tls", "untrusted:/ok", Limits()),
    ("TLS: wrong host name", "tls_wrong_name", "https:/ok", Limits()),
    ("TLS to a plain port", "plain", "https:/ok", Limits()),
    ("plain to a TLS port", "tls", "/ok", Limits()),
    ("no head", "plain", "/silent", SLOW),
    ("silence in the body", "plain", "/stream?n=1&end=0", SLOW),
    ("total limit, body flowing", "plain", "/stream?n=9999&ms=20", Limits(total=0.3)),
    ("reset before the head", "plain", "/reset", Limits()),
    ("closed before the head", "plain", "/close", Limits()),
    ("closed in the head", "plain", "/cut-head", Limits()),
    ("cut body, Content-Length", "plain", "/cut-length", Limits()),
    ("cut inside a chunk", "plain", "/cut-chunked", Limits()),
    ("cut between chunks", "plain", "/cut-between", Limits()),
    ("reset in the body", "plain", "/reset-body", Limits()),
    ("no framing, closed", "plain", "/until-close", Limits()),
    ("not HTTP", "plain", "/garbage", Limits()),
    ("invalid chunk size", "plain", "/bad-chunk", Limits()),
    ("64 MiB header", "plain", "/endless-head", Limits()),
    ("50,000 headers", "plain", "/many-headers?n=50000", Limits()),
    ("120 headers", "plain", "/many-headers?n=120", Limits()),
]


def address(upstream: Upstream, port: str, target: str) -> str:
    if not port:
        return target
    scheme, _, path = target.rpartition(":")
    host = "localhost" if scheme else "127.0.0.1"
    return f"{'https' if scheme else 'http'}://{host}:{upstream.ports[port]}{path}"


async def errors(name: str, upstream: Upstream) -> Rows:
    """Each failure, and how the candidate reports it."""
    rows = {}
    for label, port, target, limits in SCENARIOS:
        trusted = None if target.startswith("untrusted") else upstream.ca
        client = make(name, limits, trusted)
        rows[label] = await outcome(client, address(upstream, port, target))
        await client.close()
    return rows


async def outcome(client: Client, url: str) -> str:
    where, size = "head", 0
    timer = asyncio.timeout(HANG_S)
    try:
        async with timer:
            answer = await client.post(url, [("x-test", "1")], b"{}")
            where = "body"
            while (data := await answer.read()) is not None:
                size += len(data)
            await answer.close()
    except Exception as error:  # noqa: BLE001 - the table shows whatever comes
        if timer.expired():
            return "waits" if isinstance(client, Own) else f"**hangs** ({where})"
        return f"{where}: {describe(error)}"
    return f"complete, {answer.status}, {size} bytes"


async def closed_after(upstream: Upstream, tag: str, since: float) -> str:
    """How soon the upstream saw the end of the connection, as seen by the upstream."""
    while time.monotonic() - since < 1.0:
        at = (await asyncio.to_thread(upstream.seen))["closed_at"].get(tag)
        if at is not None:
            return f"{(at - since) * 1e3:.1f} ms"
        await asyncio.sleep(0.02)
    return "**still open after 1 s**"


async def cancellation(name: str, upstream: Upstream) -> Rows:
    """Whether the upstream's connection ends when the call does."""
    client = make(name)
    rows = {}
    for label, leave in LEAVING.items():
        tag = f"{name}-{label}".replace(" ", "-").replace(",", "")
        since = await leave(client, f"{upstream.plain}{{}}tag={tag}")
        rows[label] = await closed_after(upstream, tag, since)
    if not isinstance(client, Own):
        rows["permits after two cancelled heads, of two"] = await permits(name, upstream)
    await client.close()
    return rows


async def cancel(work: Awaitable[object]) -> float:
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0.1)
    since = time.monotonic()
    task.cancel()
    await asyncio.wait([task])
    return since


async def cancel_head(client: Client, url: str) -> float:
    return await cancel(client.post(url.format("/silent?"), [], b"{}"))


async def first_chunk(client: Client, url: str, path: str = "/stream?n=1&end=0&") -> Response:
    answer = await client.post(url.format(path), [], b"{}")
    await answer.read()
    return answer


async def cancel_chunk(client: Client, url: str) -> float:
    answer = await first_chunk(client, url)
    since = await cancel(answer.read())
    await answer.close()
    return since


async def close_quiet(client: Client, url: str) -> float:
    answer = await first_chunk(client, url)
    since = time.monotonic()
    await answer.close()
    return since


async def close_busy(client: Client, url: str) -> float:
    answer = await first_chunk(client, url, "/stream?n=99999&ms=1&")
    since = time.monotonic()
    await answer.close()
    return since


async def abandon(client: Client, url: str) -> float:
    answer = await first_chunk(client, url)
    since = time.monotonic()
    del answer
    gc.collect()
    return since


LEAVING: dict[str, Callable[[Client, str], Awaitable[float]]] = {
    "cancelled, awaiting the head": cancel_head,
    "cancelled, awaiting a chunk, then closed": cancel_chunk,
    "closed in a quiet stream": close_quiet,
    "closed in a busy stream": close_busy,
    "abandoned, never closed": abandon,
}


async def permits(name: str, upstream: Upstream) -> str:
    kind = Pyreqwest if name == "pyreqwest" else Aiohttp
    client = kind(max_connections=2)
    for _ in range(2):
        await cancel(client.post(upstream.plain + "/silent", [], b"{}"))
    result = await outcome(client, upstream.plain + "/ok")
    await client.close()
    return "both back" if result.startswith("complete") else "**both lost**"


STALE = {
    "closed while idle, seen": ("then=close&close_after_ms=10", 0.2, 0.0),
    "closed while idle, not yet seen": ("then=close&close_after_ms=30", 0.0, 0.2),
    "closed on the second request": ("then=close", 0.05, 0.0),
    "reset on the second request": ("then=reset", 0.05, 0.0),
}


async def stale(name: str, upstream: Upstream) -> Rows:
    """A kept-alive connection that ends as it is used again: is it retried, how often sent."""
    rows = {}
    for label, (query, wait_s, block_s) in STALE.items():
        client = make(name)
        tag = f"{name}-{label}".replace(" ", "-").replace(",", "")
        url = f"{upstream.plain}/stale?{query}&tag={tag}"
        await outcome(client, url)
        await asyncio.sleep(wait_s)
        time.sleep(block_s)  # noqa: ASYNC251 - the loop must not see the end in time
        second = await outcome(client, url)
        count = (await asyncio.to_thread(upstream.seen))["requests"][tag]
        rows[label] = f"{second}; upstream got {count:.0f} of 2"
        await client.close()
    return rows


async def decoding(name: str, upstream: Upstream) -> Rows:
    """Decoding switched on: whether a cut body is noticed and a bomb of 256 MiB bounded."""
    rows = {}
    for coding in ("gzip", "deflate", "gzip-cut", "gzip-bomb"):
        client: Client
        if name == "own":
            client = Own()
        else:
            client = (Pyreqwest if name == "pyreqwest" else Aiohttp)(decode=True)
        before, largest = status_mb("VmHWM:"), 0
        try:
            answer = await client.post(f"{upstream.plain}/compressed?as={coding}", [], b"{}")
            size = 0
            while (data := await answer.read()) is not None:
                size += len(data)
                largest = max(largest, len(data))
            rows[coding] = f"{size} bytes, largest piece {largest // 1024} KiB"
        except Exception as error:  # noqa: BLE001 - the table shows whatever comes
            rows[coding] = describe(error)
        rows[coding] += f", peak +{status_mb('VmHWM:') - before:.0f} MB"
        await client.close()
    return rows


async def habits(name: str, upstream: Upstream) -> Rows:
    """The request as the upstream received it, and two values of one header."""
    client = make(name)
    headers = [("X-B", "1"), ("x-a", "2"), ("Authorization", "k"), ("x-a", "3")]
    answer = await client.post(f"{upstream.plain}/ok?tag=habits-{name}", headers, b"{}")
    cookies = [value for key, value in answer.headers() if key.lower() == "set-cookie"]
    await answer.close()
    raw = str((await asyncio.to_thread(upstream.seen))["heads"][f"habits-{name}"])
    redirected = await outcome(client, upstream.plain + "/redirect")
    await client.close()
    lines = ", ".join(raw.split("\r\n")[1:])
    return {"request": lines, "set-cookie": str(cookies), "redirect": redirected}


async def environment(name: str, upstream: Upstream) -> Rows:
    """Started with SSL_CERT_FILE and HTTP_PROXY set (see `__main__`)."""
    client: Client = Aiohttp(trust_env=True) if name == "aiohttp" else make(name)
    rows = {
        "SSL_CERT_FILE": await outcome(client, f"https://localhost:{upstream.ports['tls']}/ok"),
        "HTTP_PROXY": await outcome(client, "http://proxied.invalid/ok"),
    }
    await client.close()
    return rows
