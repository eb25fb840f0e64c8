"""What a candidate costs: processor time, memory and import, each in a fresh process."""

from __future__ import annotations

import asyncio
import gc
import resource
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.http_clients.candidates import Aiohttp, Own, Pyreqwest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Figures = dict[str, float | str]
HEADERS = [("authorization", "Bearer sk-test-0123456789"), ("content-type", "application/json")]
BODY = b'{"model":"gpt-4o","messages":[{"role":"user","content":"' + b"z" * 944 + b'"}]}'
ROUNDS = 10
"""Short and many: a burst of a neighbour on the machine spoils some, not all."""
BIG = 10 * 1024 * 1024


def make(name: str, ca_pem: bytes | None = None) -> Pyreqwest | Aiohttp | Own:
    kinds: dict[str, type[Pyreqwest | Aiohttp | Own]]
    kinds = {"pyreqwest": Pyreqwest, "aiohttp": Aiohttp, "own": Own}
    return kinds[name](ca_pem=ca_pem)


def cpu_s() -> float:
    """Processor time of the whole process, other threads included."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def status_mb(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return float("nan")


def rss_mb() -> float:
    return status_mb("VmRSS:")


async def in_parallel(count: int, work: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(_run(work))


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def unary(
    name: str,
    url: str,
    ca: bytes | None = None,
    *,
    concurrency: int,
    total: int,
    trust_env: bool = False,
) -> Figures:
    """Microseconds of processor time a request: 1 KB of JSON out, 0.65 KB back; best round."""
    client = Aiohttp(trust_env=True) if trust_env else make(name, ca)

    async def one_worker(requests: int) -> None:
        for _ in range(requests):
            answer = await client.post(url + "/unary", HEADERS, BODY)
            answer.headers()
            while await answer.read() is not None:
                pass
            await answer.close()

    await in_parallel(concurrency, lambda: one_worker(max(20, 400 // concurrency)))
    best = busy = float("inf")
    each = total // concurrency // ROUNDS
    for _ in range(ROUNDS):
        before, started = cpu_s(), time.monotonic()
        await in_parallel(concurrency, lambda: one_worker(each))
        used = cpu_s() - before
        if used / (each * concurrency) < best:
            best = used / (each * concurrency)
            busy = used / (time.monotonic() - started)
    await client.close()
    return {"us": best * 1e6, "busy": busy}


async def chunks(
    name: str, url: str, ca: bytes | None = None, *, streams: int, events: int, interval_ms: int
) -> Figures:
    """Microseconds of processor time a streamed event of 100 bytes."""
    client = make(name, ca)
    received = pieces = 0

    async def one_stream() -> None:
        nonlocal received, pieces
        path = f"/stream?n={events}&ms={interval_ms}"
        answer = await client.post(url + path, HEADERS, BODY)
        while (data := await answer.read()) is not None:
            received += len(data)
            pieces += 1
        await answer.close()

    before = cpu_s()
    started = time.monotonic()
    await in_parallel(streams, one_stream)
    used = cpu_s() - before
    assert received == streams * events * 100, received
    await client.close()
    return {
        "us": used / (streams * events) * 1e6,
        "events_per_piece": streams * events / pieces,
        "seconds": time.monotonic() - started,
    }


async def memory(name: str, url: str, ca: bytes | None = None, *, streams: int) -> Figures:
    """MB resident: the client idle, with open streams, and while each gets 20 events/s."""
    bare = rss_mb()
    client = make(name, ca)
    answer = await client.post(url + "/unary", HEADERS, BODY)
    while await answer.read() is not None:
        pass
    await answer.close()
    idle = rss_mb()
    open_answers = []

    async def open_one() -> None:
        answer = await client.post(url + "/stream?n=1&end=0", HEADERS, BODY)
        await answer.read()
        open_answers.append(answer)

    await in_parallel(streams, open_one)
    opened = rss_mb()
    for answer in open_answers:
        await answer.close()

    async def active() -> None:
        answer = await client.post(url + "/stream?n=40&ms=50", HEADERS, BODY)
        while await answer.read() is not None:
            pass
        await answer.close()

    await in_parallel(streams, active)
    busy = rss_mb()
    await client.close()
    return {
        "bare": bare,
        "idle": idle,
        "open": opened,
        "busy": busy,
        "peak": status_mb("VmHWM:"),
        "threads": threads(),
    }


async def stalled(name: str, url: str, *, streams: int, read_ahead: int = 0) -> Figures:
    """MB for answers of 2 MiB each, sent at full speed, whose reader took one piece and stopped."""
    client = Pyreqwest(read_ahead=read_ahead) if name == "pyreqwest" else make(name)
    before = rss_mb()
    answers = []

    async def open_one() -> None:
        answer = await client.post(url + "/flood", HEADERS, BODY)
        await answer.read()
        answers.append(answer)

    await in_parallel(streams, open_one)
    await asyncio.sleep(1)
    grown = rss_mb() - before
    for answer in answers:
        await answer.close()
    await client.close()
    return {"mb": grown}


def threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


async def whole(client: Pyreqwest | Aiohttp | Own, url: str, body: bytes) -> None:
    answer = await client.post(url + "/ok", HEADERS, body)
    while await answer.read() is not None:
        pass
    await answer.close()


async def upload(name: str, url: str, ca: bytes | None = None, *, rounds: int) -> Figures:
    """10 MB sent: milliseconds of processor time and the growth of the peak."""
    client = make(name, ca)
    body = bytes(BIG)
    await whole(client, url, BODY)
    base = status_mb("VmHWM:")
    before = cpu_s()
    for _ in range(rounds):
        await whole(client, url, body)
    used = cpu_s() - before
    await client.close()
    return {"ms": used / rounds * 1e3, "peak_growth_mb": status_mb("VmHWM:") - base}


MODULES = {"pyreqwest": "pyreqwest.client", "aiohttp": "aiohttp", "own": "elizanet.http"}


def import_cost(name: str) -> Figures:
    """Milliseconds and MB of the import alone, where asyncio and ssl are there already."""
    before_mb, started = rss_mb(), time.perf_counter()
    import_module(MODULES[name])
    return {"ms": (time.perf_counter() - started) * 1e3, "mb": rss_mb() - before_mb}


async def lifetime(name: str, url: str, ca: bytes | None = None) -> Figures:
    """Threads before, with, and after a client; and after one that was never closed."""
    start = threads()
    client = make(name, ca)
    await whole(client, url, BODY)
    using = threads()
    await client.close()
    await asyncio.sleep(0.2)
    closed = threads()
    client = make(name, ca)
    await whole(client, url, BODY)
    del client
    gc.collect()
    await asyncio.sleep(0.2)
    return {"before": start, "using": using, "closed": closed, "dropped": threads()}
