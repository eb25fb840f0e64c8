"""Which HTTP client should stand behind `elizanet/http.py`? Measured, in one run.

    python -m benchmarks.http_clients            # prints the tables
    python -m benchmarks.http_clients --write    # and writes benchmarks/http_clients.md

Linux with two cores; about four minutes. The upstream is a process of its own on core 1,
each candidate a fresh process on core 0. Compare the figures of one run with each other.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.http_clients.candidates import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TARGET = Path(__file__).parent.parent / "http_clients.md"
LOOPS = ("uvloop", "asyncio")
TIMED = {
    "unary-64": "request, 64 at once",
    "unary-1": "request, one at a time",
    "unary-tls": "request over TLS, 64 at once",
    "chunks": "streamed event of 100 bytes, 64 streams",
    "chunks-tls": "streamed event over TLS",
}
ASKED = {
    "cancellation": "Does leaving a call close the upstream's connection?",
    "errors": "How failures are told",
    "stale": "A pooled connection that ends as it is used again (POST)",
    "decoding": "Automatic decoding of a compressed body",
    "habits": "What is sent, what is kept",
    "environment": "The environment: SSL_CERT_FILE and HTTP_PROXY set",
}


class Bench:
    """The running upstream, and a way to run one measurement."""

    def __init__(self, directory: str, ports: dict[str, int]) -> None:
        self.directory, self.ports = directory, ports
        self.runs: Counter[str] = Counter()
        self.aborted: Counter[str] = Counter()

    def run(self, measure: str, name: str, loop: str = "uvloop") -> dict[str, Any]:
        command = [sys.executable, "-m", "benchmarks.http_clients.worker", measure, name, loop]
        environment = dict(os.environ, PYTHONWARNINGS="ignore")
        if measure == "environment":
            environment["SSL_CERT_FILE"] = str(Path(self.directory) / "ca.pem")
            environment["HTTP_PROXY"] = environment["http_proxy"] = (
                f"http://127.0.0.1:{self.ports['plain']}"
            )
        done = subprocess.run(
            [*command, self.directory, json.dumps(self.ports)],
            capture_output=True,
            check=False,
            text=True,
            timeout=90,
            env=environment,
        )
        self.runs[name] += 1
        if done.returncode and "runtime state: finalizing" in done.stderr:
            self.aborted[name] += 1  # it had answered already; the process died as it ended
        elif done.returncode:
            raise SystemExit(f"{measure} of {name} failed:\n{done.stderr}")
        figures: dict[str, Any] = json.loads(done.stdout)
        print(f"{measure:12} {name:10} {loop:8} {done.stdout.strip()[:100]}", file=sys.stderr)
        return figures


@contextmanager
def running_upstream() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as directory:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.http_clients.upstream", directory, "1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            yield Bench(directory, json.loads(process.stdout.readline()))
        finally:
            process.communicate()


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def in_turn(bench: Bench, measure: str, names: Sequence[str], loop: str = "uvloop") -> list[float]:
    """The best of a few rounds for each: a neighbour's burst does not decide."""
    count = 2 if loop == "uvloop" else 1
    rounds = [[bench.run(measure, name, loop)["us"] for name in names] for _ in range(count)]
    return [min(figures) for figures in zip(*rounds, strict=True)]


def processor(bench: Bench) -> str:
    rows = []
    for measure, label in TIMED.items():
        for loop in LOOPS:
            figures = in_turn(bench, measure, NAMES, loop)
            ratios = " : ".join(f"{figure / figures[-1]:.1f}" for figure in figures)
            rows.append([label, loop, *(f"{figure:.0f}" for figure in figures), ratios])
    trusting = bench.run("trust-env", "aiohttp")["us"]
    rows.append(["request, `trust_env=True`", "uvloop", "", f"{trusting:.0f}", "", ""])
    server, *figures = in_turn(bench, "gateway", ["none", *NAMES])
    ratios = " : ".join(f"{figure / figures[-1]:.1f}" for figure in figures)
    label = f"request through a bare gateway on uvicorn (which alone takes {server:.0f})"
    rows.append([label, "uvloop", *(f"{figure:.0f}" for figure in figures), ratios])
    return table(["microseconds of processor time per", "loop", *NAMES, "ratio"], rows)


def memory(bench: Bench) -> str:
    rows = []
    for measure, label, loops in (("memory", "plain", LOOPS[:1]), ("memory-tls", "TLS", LOOPS)):
        for loop in loops:
            figures = [bench.run(measure, name, loop) for name in NAMES]
            for field, what in (("idle", "client idle"), ("open", "512 open"), ("peak", "peak")):
                cells = [f"{figure[field]:.0f}" for figure in figures]
                rows.append([f"{what}, {label}", loop, *cells])
            cells = [f"{figure['threads']:.0f}" for figure in figures]
            rows.append([f"threads (not MB), {label}", loop, *cells])
    cells = [f"+{bench.run('stalled', name)['mb']:.0f}" for name in NAMES]
    rows.append(["512 of 2 MiB, reader stopped", "uvloop", *cells])
    default = f"+{bench.run('stalled-64k', 'pyreqwest')['mb']:.0f}"
    rows.append(["the same, default read-ahead of 64 KiB", "uvloop", default, "", ""])
    return table(["MB resident", "loop", *NAMES], rows)


def small_costs(bench: Bench) -> str:
    rows = []
    imports = [bench.run("import", name) for name in NAMES]
    rows.append(["import, ms", *(f"{cost['ms']:.0f}" for cost in imports)])
    rows.append(["import, MB", *(f"{cost['mb']:.0f}" for cost in imports)])
    uploads = [bench.run("upload", name) for name in NAMES]
    rows.append(["sending 10 MB, ms of processor", *(f"{cost['ms']:.1f}" for cost in uploads)])
    rows.append(["sending 10 MB, peak MB", *(f"+{cost['peak_growth_mb']:.0f}" for cost in uploads)])
    lives = [bench.run("lifetime", name) for name in NAMES]
    rows += [
        [f"threads, client {field}", *(f"{life[field]:.0f}" for life in lives)]
        for field in ("using", "closed", "dropped")
    ]
    return table(["", *NAMES], rows)


def answers(bench: Bench) -> str:
    parts = []
    for measure, title in ASKED.items():
        columns = {name: bench.run(measure, name) for name in NAMES}
        columns = {name: column for name, column in columns.items() if column}
        labels = list(dict.fromkeys(label for column in columns.values() for label in column))
        rows = [
            [label, *(column.get(label, "") for column in columns.values())] for label in labels
        ]
        parts.append(f"## {title}\n\n{table(['', *columns], rows)}")
    return "\n".join(parts)


def endings(bench: Bench) -> str:
    """How many of the processes above died of a fatal error while the interpreter ended."""
    cells = [f"{bench.aborted[name]} of {bench.runs[name]}" for name in NAMES]
    return table(["", *NAMES], [["processes killed by a fatal error at exit", *cells]])


def report() -> str:
    python = platform.python_version()
    packages = ", ".join(f"{name} {version(name)}" for name in ("pyreqwest", "aiohttp"))
    extra = ", ".join(f"{name} {version(name)}" for name in ("httptools", "uvloop", "uvicorn"))
    with running_upstream() as bench:
        return (
            f"# HTTP clients\n\nWritten by `python -m benchmarks.http_clients --write`; CPython "
            f"{python}, {packages}, {extra}. `own` is `elizanet.http`. "
            "Client and upstream each have a core; compare within a row.\n\n"
            f"## Processor time\n\n{processor(bench)}\n"
            f"## Memory\n\n{memory(bench)}\n"
            f"## Small costs\n\n{small_costs(bench)}\n"
            f"{answers(bench)}\n## Endings\n\n{endings(bench)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", action="store_true", help=f"write {TARGET.name} as well")
    write = parser.parse_args().write
    text = report()
    print(text)
    if write:
        TARGET.write_text(text)


if __name__ == "__main__":
    main()
