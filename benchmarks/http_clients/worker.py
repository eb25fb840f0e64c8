"""One measurement of one candidate in a fresh process; prints its figures as JSON."""

from __future__ import annotations

# ruff: noqa: PLC0415 - a process imports only what it measures
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def main() -> None:
    measure, name, loop, directory, ports = sys.argv[1:]
    os.sched_setaffinity(0, {1 if measure == "gateway" else 0})
    if measure == "import":
        from benchmarks.http_clients.costs import import_cost

        print(json.dumps(import_cost(name)))
        return
    from benchmarks.http_clients import behaviour, costs, gateway

    upstream = behaviour.Upstream(json.loads(ports), (Path(directory) / "ca.pem").read_bytes())
    plain, ca = upstream.plain, upstream.ca
    secure = f"https://localhost:{upstream.ports['tls']}"
    measures: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
        "unary-64": lambda: costs.unary(name, plain, concurrency=64, total=12000),
        "unary-1": lambda: costs.unary(name, plain, concurrency=1, total=3000),
        "unary-tls": lambda: costs.unary(name, secure, ca, concurrency=64, total=7500),
        "chunks": lambda: costs.chunks(name, plain, streams=64, events=120, interval_ms=10),
        "chunks-tls": lambda: costs.chunks(
            name, secure, ca, streams=64, events=120, interval_ms=10
        ),
        "memory": lambda: costs.memory(name, plain, streams=512),
        "memory-tls": lambda: costs.memory(name, secure, ca, streams=512),
        "stalled": lambda: costs.stalled(name, plain, streams=512),
        "stalled-64k": lambda: costs.stalled(name, plain, streams=512, read_ahead=65536),
        "upload": lambda: costs.upload(name, plain, rounds=10),
        "lifetime": lambda: costs.lifetime(name, plain),
        "trust-env": lambda: costs.unary(name, plain, concurrency=64, total=6000, trust_env=True),
        "gateway": lambda: gateway.measure(name, plain),
        "errors": lambda: behaviour.errors(name, upstream),
        "cancellation": lambda: behaviour.cancellation(name, upstream),
        "stale": lambda: behaviour.stale(name, upstream),
        "decoding": lambda: behaviour.decoding(name, upstream),
        "habits": lambda: behaviour.habits(name, upstream),
        "environment": lambda: behaviour.environment(name, upstream),
    }
    if loop == "uvloop":
        import uvloop

        print(json.dumps(uvloop.run(measures[measure]())))
    else:
        print(json.dumps(asyncio.run(measures[measure]())))


if __name__ == "__main__":
    main()
