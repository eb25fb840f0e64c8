"""`elizanet demo`: providers that fail, and the calls that are answered all the same."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from elizanet.cli.errors import note
from elizanet.cli.terminal import console, is_terminal

if TYPE_CHECKING:
    from elizanet.cli.demo.reports import Report
    from elizanet.cli.demo.scenario import Result, Scenario
    from elizanet.telemetry import Sink

EPILOG = """\b
Examples:
  elizanet demo
  elizanet demo --scenario rate-limit --scenario broken-stream
  elizanet demo --list
  elizanet demo --json

\b
Exit codes: 0 every scenario behaved as it should, 1 one did not (which one
is told), 2 wrong usage.
"""

_TICK_S = 0.08


@click.command("demo", epilog=EPILOG)
@click.option(
    "--scenario", "names", multiple=True, metavar="NAME",
    help="Play only this one; may be repeated.",
)  # fmt: skip
@click.option("--list", "only_list", is_flag=True, help="Say what each scenario shows, and exit.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(*, names: tuple[str, ...], only_list: bool, as_json: bool) -> None:
    """See it work: providers that fail, and calls that are answered all the same.

    Starts two providers on this machine that really fail, asks them through the library over
    real sockets, and shows the path of each request: who was asked, what failed, who
    answered, how long it took. Needs no key, no network and no configuration. What happened is
    recorded, for elizanet logs and elizanet explain.
    """
    scenarios = _chosen(names)
    if only_list:
        _list(scenarios, as_json=as_json)
        return
    logging.getLogger("elizanet").addHandler(logging.NullHandler())
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1"
    from elizanet.cli.demo.recording import Recording  # noqa: PLC0415 -- not for --help

    with Recording() as recording:
        report = _report(scenarios, as_json=as_json)
        results = asyncio.run(_play_all(scenarios, report, recording.sinks))
    if recording.problem:
        note(f"the demo was not recorded: {recording.problem}")
    report.points_on(recording.hints(results))
    if any(result.problems for result in results):
        raise click.exceptions.Exit(1)


def _chosen(names: Sequence[str]) -> list[Scenario]:
    from elizanet.cli.demo.catalogue import SCENARIOS  # noqa: PLC0415 -- not for --help

    for name in names:
        if name not in SCENARIOS:
            near = get_close_matches(name, SCENARIOS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else "--list names them"
            raise click.UsageError(f"there is no scenario {name!r}; {hint}")
    return [scenario for name, scenario in SCENARIOS.items() if name in names or not names]


def _list(scenarios: Sequence[Scenario], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({scenario.name: scenario.shows for scenario in scenarios}, indent=2))
        return
    for scenario in scenarios:
        click.echo(f"{scenario.name:18}  {scenario.shows}")


def _report(scenarios: Sequence[Scenario], *, as_json: bool) -> Report:
    from elizanet.cli.demo.reports import JsonReport, PlainReport  # noqa: PLC0415 -- not for --help

    if as_json:
        return JsonReport()
    if not is_terminal(sys.stdout):
        return PlainReport()
    from elizanet.cli.demo.live import LiveReport  # noqa: PLC0415 -- only a terminal needs it

    return LiveReport(console(), scenarios)


async def _play_all(
    scenarios: Sequence[Scenario], report: Report, sinks: Sequence[Sink]
) -> list[Result]:
    from elizanet.cli.demo.play import play  # noqa: PLC0415 -- not for --help
    from elizanet.cli.demo.scenario import judged  # noqa: PLC0415

    clock = asyncio.get_running_loop().time
    began = clock()
    results = []
    with report:
        ticker = asyncio.create_task(_tick(report))
        try:
            for scenario in scenarios:
                report.begins(scenario)
                results.append(judged(scenario, await play(scenario, report.goes_on, *sinks)))
                report.ends(results[-1])
        finally:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)
        report.sums_up(results, clock() - began)
    return results


async def _tick(report: Report) -> None:
    while True:
        report.tick()
        await asyncio.sleep(_TICK_S)
