"""What records cost: a call that is told of, calls that are written, questions that are asked.

    python -m benchmarks.records [--quick] [--write]

Makes a file of 24 hours with 200 calls a second in a temporary folder (6 GB, some minutes;
`--quick`: 1 million calls), asks it what the dashboard and the commands ask, and writes
100,000 calls through a recorder. `--write` puts the result into benchmarks/records.md. Exits
with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
from benchmarks.records_file import generate

from elizanet.call import Attempt, Role, Usage
from elizanet.capture import MAX_CAPTURED_BYTES
from elizanet.errors import FailureClass
from elizanet.gateway.dashboard.findings import Examine
from elizanet.gateway.dashboard.history import Recall
from elizanet.operation import Operation
from elizanet.records.database import Database
from elizanet.records.errors import RecordsError
from elizanet.records.opening import open_reader
from elizanet.records.reading import Reader, Which, Window
from elizanet.records.recorder import Recorder
from elizanet.records.sqlite import SqliteDatabase
from elizanet.records.wording import captured_text
from elizanet.router import new_call_id
from elizanet.telemetry import CallEnded, Capture, Outcome

REPORT = Path(__file__).parent / "records.md"
CALLS = 24 * 3600 * 200
QUICK = 1_000_000
HOURS = 24.0
WRITTEN = 100_000
OFFERED = 15_000
ROUNDS = 3
HOSTS = ("openai", "elizanet")
FAILURES = (FailureClass.OVERLOADED, FailureClass.RATE_LIMIT, FailureClass.TIMEOUT)

MAX_WRITER_S = 3.0
MAX_QUESTION_MS = 300.0
MAX_CHARTS_MS = 500.0
"""All questions that the charts ask together, every 15 seconds."""
MAX_SINK_US = 2.0
MAX_MASKING_MS = 20.0


class Figure(NamedTuple):
    """A measured value, and what it may be; `note` says what was measured."""

    name: str
    value: float
    unit: str
    limit: float
    note: str = ""


class Timed(SqliteDatabase):
    """Remembers the processor time of the thread that closes it: the writer."""

    seconds = 0.0

    def close(self) -> None:
        Timed.seconds = time.thread_time()
        super().close()


def events(count: int) -> list[CallEnded]:
    """Return calls of 5 models and 10 callers, one in ten of which has a second attempt."""
    chance = random.Random(1)
    return [_event(chance, number) for number in range(count)]


def _event(chance: random.Random, number: int) -> CallEnded:
    model, usage = f"model-{chance.randrange(5)}", Usage(200, 50, 250)
    answered = partial(
        Attempt, model=model, duration=0.5, status=200, usage=usage, key="key",
        request_id=f"req_{chance.getrandbits(128):032x}",
    )  # fmt: skip
    attempts: tuple[Attempt, ...] = (answered(1, "openai", started=0.0),)
    if number % 10 == 0:
        why = chance.choice(FAILURES)
        failed = Attempt(1, "openai", model, 0.0, 0.2, why, 503, "The server is busy.", key="key")
        attempts = (failed, answered(2, "elizanet", started=0.2, role=Role.NEXT))
    return CallEnded(
        new_call_id(), Operation.CHAT, model, True, Outcome.ANSWERED, attempts,
        chance.lognormvariate(0.5, 0.7), chance.lognormvariate(-1.0, 0.7), usage, None, (),
        "model-*", ("openai/*", "elizanet/*"), f"team-{chance.randrange(10)}",
    )  # fmt: skip


def recorder(connect: Callable[[], Database], capacity: int) -> Recorder:
    return Recorder(
        connect, place="a file", run="run_1", capture=Capture.OFF, keep_days=30.0,
        max_size=1 << 40, capacity=capacity,
    )  # fmt: skip


def sink_cost() -> float:
    """Return the microseconds of an event for the one who tells it."""

    def unreachable() -> Database:
        raise RecordsError("the database is away")

    told, best = events(OFFERED), float("inf")
    for _ in range(ROUNDS):
        one = recorder(unreachable, OFFERED)
        one(told[0])
        time.sleep(1.0)  # its batch has failed, and the thread pauses
        began = time.perf_counter()
        for event in told[1:]:
            one(event)
        best = min(best, (time.perf_counter() - began) / (len(told) - 1))
        one.close()
    return best * 1e6


def masking_cost() -> float:
    """Return the milliseconds that a captured text of 64 KiB takes."""
    piece = {"delta": {"content": " and so on"}, "finish_reason": None, "index": 0}
    body = (
        b"data: " + msgspec.json.encode({"id": "chatcmpl-1", "choices": [piece]}) + b"\n\n"
    ) * 900
    text = body[:MAX_CAPTURED_BYTES]
    return min(timed(lambda: captured_text(text, ())) for _ in range(ROUNDS)) * 1e3


def writer_cost(folder: Path) -> float:
    """Return the seconds of the writer's thread for 100,000 calls."""
    told, best = events(WRITTEN), float("inf")
    gc.collect()
    gc.freeze()
    for number in range(ROUNDS):
        one = recorder(partial(Timed, folder / f"written-{number}.db"), WRITTEN)
        for event in told:
            one(event)
        one.close(120.0)
        assert one.stats().written == WRITTEN, one.stats()
        best = min(best, Timed.seconds)
    gc.unfreeze()
    return best


def questions(reader: Reader, end: float) -> dict[str, Callable[[], object]]:
    """Return what the dashboard and the commands ask of the last 24 hours."""
    day, part = Window(end - 86_400, end), Window(end - 6 * 3600, end)
    fallback = reader.calls(Which(fallbacks=True), 1)[0]
    return {
        "totals": lambda: reader.totals(day),
        "totals by target": lambda: reader.totals(day, ("target",)),
        "totals by target and fallback reason": lambda: reader.totals(
            day, ("target", "fallback_reason")
        ),
        "totals by caller and model": lambda: reader.totals(day, ("caller", "model")),
        "series, 15 minutes": lambda: reader.series(day, 900),
        "series, 15 minutes, by target": lambda: reader.series(
            day, 900, ("target",), percentiles=False
        ),
        "series of 6 hours, 5 minutes": lambda: reader.series(part, 300),
        "series of 6 hours, 5 minutes, by target": lambda: reader.series(
            part, 300, ("target",), percentiles=False
        ),
        "the headline of the dashboard": lambda: Examine(HOSTS, "run_1")(reader, end),
        "attempts": lambda: reader.attempts(day),
        "changes of health": lambda: reader.latest_changes(end),
        "50 newest calls": lambda: reader.calls(Which(), 50),
        "50 newest in trouble": lambda: reader.calls(Which(troubled=True), 50),
        "50 newest fallbacks": lambda: reader.calls(Which(fallbacks=True), 50),
        "50 newest of a model and a caller": lambda: reader.calls(
            Which(model="model-3", caller="team-7"), 50
        ),
        "50 newest with a failure class": lambda: reader.calls(Which(failure_class="timeout"), 50),
        "calls of a provider that never was": lambda: reader.calls(Which(provider="nobody"), 50),
        "one call by the beginning of its id": lambda: reader.call(fallback.id[:24]),
    }


def question_costs(folder: Path, calls: int) -> list[Figure]:
    """Return the milliseconds of each question to a file of so many calls."""
    path, began = folder / "many.db", time.monotonic()
    end = generate(path, calls, HOURS, partial(tell, began))
    size = path.stat().st_size / 1e9
    note = f"{calls:,} calls, {size:.1f} GB"
    reader = open_reader(f"sqlite:///{path}")
    figures = []
    for name, ask in questions(reader, end).items():
        best = min(timed(ask) for _ in range(ROUNDS))
        figures.append(Figure(name, best * 1e3, "ms", MAX_QUESTION_MS, note))
    charts = Recall("24h", HOSTS, "run_1")
    best = min(timed(partial(charts, reader, end)) for _ in range(ROUNDS))
    name = "all charts of the dashboard together"
    figures.append(Figure(name, best * 1e3, "ms", MAX_CHARTS_MS, note))
    reader.close()
    return figures


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def tell(began: float, what: str) -> None:
    print(f"{time.monotonic() - began:6.1f} s  {what}", file=sys.stderr, flush=True)


def table(figures: list[Figure]) -> str:
    """Return the report."""
    lines = [
        "# Records", "",
        "`python -m benchmarks.records`; the best of three rounds, on two cores of a virtual",
        "machine that has other work. A call has 1.1 attempts on average.", "",
        "| | measured | target |", "| --- | ---: | ---: |",
    ]  # fmt: skip
    for figure in figures:
        about = f" ({figure.note})" if figure.note else ""
        value, limit = f"{figure.value:.3g} {figure.unit}", f"<= {figure.limit:g} {figure.unit}"
        lines.append(f"| {figure.name}{about} | {value} | {limit} |")
    return "\n".join((*lines, ""))


def main() -> int:
    """Measure, print, and compare with the targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a file of 1 million calls")
    parser.add_argument("--write", action="store_true", help="write benchmarks/records.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = [
            Figure("an event, for the one who tells it", sink_cost(), "us", MAX_SINK_US),
            Figure(
                "100,000 calls, for the thread that writes them", writer_cost(folder), "s",
                MAX_WRITER_S, "SQLite",
            ),
            Figure("64 KiB of captured text", masking_cost(), "ms", MAX_MASKING_MS),
            *question_costs(folder, QUICK if given.quick else CALLS),
        ]  # fmt: skip
    report = table(figures)
    print(report)
    if given.write:
        REPORT.write_text(report, encoding="utf-8")
    missed = [figure.name for figure in figures if figure.value > figure.limit]
    for missing in missed:
        print(f"missed: {missing}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
