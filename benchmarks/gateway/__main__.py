"""What does the gateway cost? Measured against nginx in front of the same provider, in one run.

    python -m benchmarks.gateway            # prints the tables
    python -m benchmarks.gateway --write    # and writes benchmarks/gateway.md
    python -m benchmarks.gateway --python /usr/bin/python3.11    # which runs the gateway

Linux with two cores and nginx (scripts/install.sh nginx nginx-light); about three minutes.
Gateway and nginx have one core, in turn; provider and callers have the other. Exits with 1 if a
target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

import uvloop
from benchmarks.gateway.measure import measure
from benchmarks.gateway.report import report
from benchmarks.gateway.subjects import TRAFFIC_CORE

TARGET = Path(__file__).parent.parent / "gateway.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", action="store_true", help=f"write {TARGET.name} as well")
    parser.add_argument(
        "--python",
        default=sys.executable,
        help="the interpreter that runs the gateway, of the same version as this one: how it was "
        "built makes a difference (default: this one)",
    )
    given = parser.parse_args()
    os.sched_setaffinity(0, {TRAFFIC_CORE})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and leave no subject running
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(measure(given.python))
    text, missed = report(figures, given.python)
    print(text)
    if given.write:
        TARGET.write_text(text)
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
