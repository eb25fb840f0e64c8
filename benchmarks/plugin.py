"""What the elizaOS plugin adds to a call whose provider works.

    python benchmarks/plugin.py [--write]

Calls a model handler that answers at once, through two real runtimes in the same run: one
without the plugin and one with it. `--write` puts the result into benchmarks/plugin.md. Exits
with 1 if a call costs 50 microseconds more with the plugin.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from pathlib import Path

os.environ["LOG_LEVEL"] = "CRITICAL"

from elizaos import AgentRuntime, Character, Plugin

from elizanet.testing import Upstream
from elizaos_plugin_elizanet_fallback import plugin as fallback

REPORT = Path(__file__).with_suffix(".md")
LIMIT_US = 50.0
CALLS = 2_000
ROUNDS = 15

Call = Callable[[AgentRuntime], Awaitable[object]]


async def text(_runtime: object, _params: object) -> str:
    return "hello"


async def vector(_runtime: object, _params: object) -> list[float]:
    return [0.0] * 1536


async def words(_runtime: object, _params: object) -> AsyncIterator[str]:
    for word in ("one ", "two ", "three ", "four"):
        yield word


PROVIDER = Plugin(
    name="instant",
    description="answers at once",
    models={"TEXT_SMALL": text, "TEXT_EMBEDDING": vector},
    streamingModels={"TEXT_SMALL_STREAM": words},
)


async def ask_text(runtime: AgentRuntime) -> object:
    return await runtime.use_model("TEXT_SMALL", {"prompt": "hi"})


async def ask_vector(runtime: AgentRuntime) -> object:
    return await runtime.use_model("TEXT_EMBEDDING", {"text": "hi"})


async def ask_stream(runtime: AgentRuntime) -> object:
    return [w async for w in runtime.use_model_stream("TEXT_SMALL_STREAM", {"prompt": "hi"})]


CASES: dict[str, Call] = {
    "use_model, a text": ask_text,
    "use_model, an embedding": ask_vector,
    "use_model_stream, four pieces": ask_stream,
}


async def microseconds(call: Call, runtime: AgentRuntime) -> float:
    began = time.perf_counter()
    for _ in range(CALLS):
        await call(runtime)
    return (time.perf_counter() - began) / CALLS * 1e6


async def agent(*plugins: Plugin, **settings: str) -> AgentRuntime:
    runtime = AgentRuntime(
        Character(name="Ada", bio="An agent"), plugins=list(plugins), settings={**settings}
    )
    await runtime.initialize()
    return runtime


async def measured() -> dict[str, tuple[float, float]]:
    """Return the median microseconds of each case, without the plugin and with it."""
    async with Upstream(name="elizanet") as elizanet:
        bare = await agent(PROVIDER)
        with_plugin = await agent(PROVIDER, fallback, ELIZANET_BASE_URL=elizanet.base_url)
        await elizanet.wait_received()  # the health check is over
        found = {}
        for name, call in CASES.items():
            pairs = [
                (await microseconds(call, bare), await microseconds(call, with_plugin))
                for _ in range(ROUNDS)
            ]
            without, having = zip(*pairs, strict=True)
            found[name] = (statistics.median(without), statistics.median(having))
        await with_plugin.stop()
        await bare.stop()
        return found


def report(found: dict[str, tuple[float, float]]) -> str:
    """Return the page."""
    python = f"{platform.machine()}, CPython {platform.python_version()}"
    lines = [
        "# What the elizaOS plugin adds to a call that succeeds\n",
        f"By `python benchmarks/plugin.py --write`; {python}, elizaos {version('elizaos')}.",
        "A provider that answers at once, through a runtime without the plugin and one with it,",
        f"in the same run: the median of {ROUNDS} rounds of {CALLS:,} calls, in microseconds a",
        "call.\n",
        "| | without | with | added |",
        "|---|---|---|---|",
    ]
    for name, (without, having) in found.items():
        lines.append(f"| {name} | {without:.1f} | {having:.1f} | {having - without:.1f} |")
    return "\n".join([*lines, ""])


def main() -> int:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.name}")
    write = parser.parse_args().write
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # where no configuration lies about
        found = asyncio.run(measured())
    page = report(found)
    print(page)
    if write:
        REPORT.write_text(page, encoding="utf-8")
    return int(any(having - without >= LIMIT_US for without, having in found.values()))


if __name__ == "__main__":
    sys.exit(main())
