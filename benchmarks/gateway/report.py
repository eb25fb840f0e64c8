"""The measured figures as a table, each with its target."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from importlib.metadata import version

from benchmarks.gateway import subjects, traffic
from benchmarks.gateway.measure import CALLERS, OPEN_STREAMS, STREAMS, Measured
from benchmarks.gateway.provider import EVENT_INTERVAL_S


@dataclass(frozen=True)
class Row:
    """One line of the table. `target` bounds `judged`, in `unit`; None: nobody asked for one."""

    label: str
    elizanet: str
    nginx: str
    judged: float
    target: float | None
    unit: str

    @property
    def is_met(self) -> bool:
        return self.target is None or self.judged <= self.target

    def cells(self) -> list[str]:
        digits = 0 if self.judged >= 10 else 2
        judged = f"{self.judged:.{digits}f}{self.unit}"
        if self.target is None:
            return [self.label, self.elizanet, self.nginx, judged, "", ""]
        met = "met" if self.is_met else "**missed**"
        return [self.label, self.elizanet, self.nginx, judged, f"{self.target:g}{self.unit}", met]


HEAD = ["", "elizanet", "nginx", "figure", "at most", ""]


def report(measured: Measured, python: str) -> tuple[str, list[str]]:
    """Return the document, and the labels of the targets that were missed."""
    rows = _rows(measured)
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells() for row in rows)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    text = f"# The gateway beside nginx\n\n{_setting(python)}\n\n{table}\n\n{_around(measured)}\n"
    return text, [row.label for row in rows if not row.is_met]


def _rows(measured: Measured) -> list[Row]:
    own, nginx, direct = measured.elizanet, measured.nginx, measured.direct_us
    rows = [
        _ratio(f"CPU a chat request, {CALLERS} at once", own.unary_us, nginx.unary_us, 6),
        _ratio("the same, recorded in SQLite", own.recorded_us, nginx.unary_us, 7),
        _ratio(f"CPU a streamed event, {STREAMS} streams", own.event_us, nginx.event_us, 2),
    ]
    for percent in (50, 99):
        added, of_nginx = (f.latency_us[percent] - direct[percent] for f in (own, nginx))
        cells = (f"{added:.0f} us", f"{of_nginx:.0f} us")
        target = 350.0 if percent == 50 else None
        rows.append(Row(f"latency added, p{percent}, one at a time", *cells, added, target, " us"))
    times = own.fallback_us / own.unary_us
    longer = own.fallback_latency_us / own.latency_us[50]
    rows += [
        Row("CPU of a fallback", f"{own.fallback_us:.0f} us", "", times, 2, " x plain"),
        Row("latency of a fallback, p50", f"{own.fallback_latency_us:.0f} us", "", longer, None,
            " x plain"),
        _memory("memory, idle", own.idle_mb, nginx.idle_mb, 60),
        _memory(f"memory, {OPEN_STREAMS} streams", own.streams_mb, nginx.streams_mb, 150),
        Row("start to the first answer", f"{own.start_s:.2f} s", f"{nginx.start_s:.2f} s",
            own.start_s, 0.6, " s"),
    ]  # fmt: skip
    return rows


def _ratio(label: str, own: float, nginx: float, target: float) -> Row:
    return Row(label, f"{own:.0f} us", f"{nginx:.0f} us", own / nginx, target, " x nginx")


def _memory(label: str, own: float, nginx: float, target: float) -> Row:
    return Row(label, f"{own:.0f} MB", f"{nginx:.0f} MB", own, target, " MB")


def _setting(python: str) -> str:
    command = [python, "-c", "import sys; print(sys.version)"]
    build = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    packages = ", ".join(f"{name} {version(name)}" for name in ("uvicorn", "httptools", "uvloop"))
    nginx = subprocess.run(
        [subjects.nginx_program(), "-v"], capture_output=True, text=True, check=True
    ).stderr.rpartition("/")[2].strip()  # fmt: skip
    return (
        f"Written by `python -m benchmarks.gateway --write`; CPython {build}, {packages}, nginx "
        f"{nginx}. Both are asked in turn on one core, with one provider and one set of callers "
        f"on another core. A request has a body of {traffic.REQUEST_BYTES} bytes and the heads of "
        f"the official SDK, an answer {traffic.ANSWER_BYTES} bytes; a stream has "
        f"{1 / EVENT_INTERVAL_S:.0f} events a second. The gateway checks a key, keeps "
        "metrics, and has two targets a model; a fallback is from a target that refuses the prompt "
        "as too long. nginx only passes on. "
        "Figures in microseconds differ between machines; compare within a row."
    )


def _around(measured: Measured) -> str:
    own, nginx = measured.elizanet, measured.nginx
    return (
        f"While {CALLERS} callers asked, the gateway answered {own.per_second:,.0f} requests a "
        f"second and was busy {own.busy:.0%} of the time; nginx {nginx.per_second:,.0f}, "
        f"{nginx.busy:.0%}. One at a time, a request took {own.alone_us:.0f} us of the gateway's "
        f"processor and {nginx.alone_us:.0f} us of nginx's: a process that sleeps in between "
        f"wakes up cold. Asked directly, the provider answered within "
        f"{measured.direct_us[50]:.0f} us (p50) and {measured.direct_us[99]:.0f} us (p99)."
    )
