"""What it costs to come in: key, limits and room, for one call.

    python benchmarks/doors.py [--write]

Times the doors of the gateway alone, without a network, beside making the exchange that they
look at. `--write` puts the result into benchmarks/doors.md. Exits with 1 when the target is
missed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

import uvloop

from elizanet.gateway.admission import Admission
from elizanet.gateway.asgi import Exchange, Scope
from elizanet.gateway.doors import Doors
from elizanet.gateway.refusal import Refusal
from elizanet.gateway.turned_away import TurnedAway
from elizanet.gateway.watch import Presence
from elizanet.metrics import Metrics
from elizanet.settings import CallerLimits, CallerSettings, GatewaySettings, Secret

REPORT = Path(__file__).with_suffix(".md")
CALLERS = 100
ROUNDS = 9
CALLS = 10_000
TARGET_US = 10.0
SHED_TARGET_US = 1000.0

BODY = b'{"model":"gpt-4o","messages":[{"role":"user","content":"%b"}]}' % (b"x" * 1000)


def scope(key: str) -> Scope:
    headers = [
        (b"host", b"127.0.0.1:8787"),
        (b"authorization", f"Bearer {key}".encode()),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(BODY)),
        (b"user-agent", b"OpenAI/Python 2.8.0"),
    ]
    return {
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": headers,
        "fields": dict(headers),
        "presence": Presence(asyncio.get_running_loop()),
    }


def callers() -> tuple[CallerSettings, ...]:
    """Many callers with every limit there is, none of which is reached."""
    limits = CallerLimits(rpm=10**9, tpm=10**9, concurrent=50)
    return tuple(
        CallerSettings(f"team-{n}", Secret(f"key-of-team-{n}-0123456789"), ("gpt-4o*",), limits)
        for n in range(CALLERS)
    )


def subjects() -> dict[str, Callable[[], object]]:
    """Return what is timed."""
    loop_never_late, late = Admission(1000), Admission(1000)
    late.lag = 1e9
    limited = Doors(GatewaySettings(callers=callers()), loop_never_late)
    opened = Doors(GatewaySettings(), loop_never_late)
    shedding = Doors(GatewaySettings(callers=callers()), late)
    turned_away = TurnedAway(Metrics())
    request = scope(f"key-of-team-{CALLERS - 1}-0123456789")
    exchange = Exchange(request, None, None)  # type: ignore[arg-type]

    def through(doors: Doors) -> None:
        with doors.enter(exchange) as visit:
            visit.asks("gpt-4o", BODY)
            visit.heard(300)

    def shed() -> None:
        try:
            shedding.enter(exchange)
        except Refusal as refusal:
            turned_away.add(exchange.call_id, "", refusal)
            return
        raise AssertionError("it was let in")

    return {
        "the exchange itself": lambda: Exchange(request, None, None),  # type: ignore[arg-type]
        "an open gateway": lambda: through(opened),
        f"one of {CALLERS} callers with every limit": lambda: through(limited),
        "a call that is shed, and told of": shed,
    }


def microseconds(subject: Callable[[], object]) -> float:
    """Return the processor time of one call, the best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CALLS):
            subject()
        best = min(best, time.process_time() - began)
    return best / CALLS * 1e6


async def measure() -> dict[str, float]:
    return {name: microseconds(subject) for name, subject in subjects().items()}


def report(figures: dict[str, float]) -> str:
    rows = "\n".join(f"| {name} | {figure:.1f} |" for name, figure in figures.items())
    return f"""# Doors

`python benchmarks/doors.py`, CPython {sys.version.split()[0]}, uvloop: processor time of one call,
the best of {ROUNDS} rounds of {CALLS:,}. The exchange is what every request makes anyway. Targets:
{TARGET_US:g} us with every limit, {SHED_TARGET_US:,.0f} us for a call that is shed.

| | us |
| --- | ---: |
{rows}
"""


def main() -> int:
    """Measure, print and perhaps write; return 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    figures = uvloop.run(measure())
    text = report(figures)
    print(text)
    if write:
        REPORT.write_text(text, encoding="utf-8")
    _, _, limited, shed = figures.values()
    return 0 if limited <= TARGET_US and shed <= SHED_TARGET_US else 1


if __name__ == "__main__":
    sys.exit(main())
