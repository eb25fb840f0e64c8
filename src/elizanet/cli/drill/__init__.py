"""`elizanet drill`: outages of the user's own configuration, rehearsed in virtual time."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

from elizanet.cli.configuration import config_option, not_empty, without_logs
from elizanet.cli.terminal import is_terminal

if TYPE_CHECKING:
    from elizanet.cli.drill.rehearsed import Rehearsed
    from elizanet.cli.drill.reports import Report
    from elizanet.testing.simulation import Outage, Performance, Rehearsal

EPILOG = """\b
Examples:
  elizanet drill
  elizanet drill --scenario primary-down --plot outage.svg
  elizanet drill --config production.toml --model gpt-4o --rate 20
  elizanet drill --list

\b
What is printed of each outage, with all protections, without each one,
without any, and of the first choice alone (no fallback):
  answered   share of the calls that were answered
  p50, p99   seconds until an answer, or the first content of a stream
  attempts   requests that the providers received, per call
  cost       of all attempts, over what the answers would have cost at the
             first choice; in dollars if every target has a price, or tokens
Callers retry as the official OpenAI clients do. Providers are simulated: the
first content after 0.6 s on average, answers after 1.8 s. Nothing is sent.

\b
Exit codes: 0 rehearsed, 1 the plot cannot be written, 2 wrong usage or
settings that cannot work.
"""


@click.command("drill", epilog=EPILOG, short_help="Rehearse outages of your configuration.")
@config_option
@click.option(
    "--scenario", "names", multiple=True, metavar="NAME",
    help="Rehearse only this one; may be repeated.",
)  # fmt: skip
@click.option(
    "--model", metavar="NAME", callback=not_empty,
    help="Model whose chain is rehearsed.  [default: the first chain]",
)  # fmt: skip
@click.option("--stream/--no-stream", default=True, help="Ask for streams, or for whole answers.")
@click.option(
    "--rate", type=click.FloatRange(0.1, 100.0), default=2.0, show_default=True,
    metavar="N", help="Calls a second.",
)  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, metavar="N", help="Seed of chance.")
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Draw what happened over time, as SVG.",
)  # fmt: skip
@click.option("--list", "only_list", is_flag=True, help="Say what each scenario is, and exit.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    *,
    config: str | None,
    names: tuple[str, ...],
    model: str | None,
    stream: bool,
    rate: float,
    seed: int,
    plot: Path | None,
    only_list: bool,
    as_json: bool,
) -> None:
    """Rehearse outages of your configuration.

    Builds the chains of your configuration over simulated providers, lets them fail, and
    tells how many calls are answered, how fast and at which cost. A rehearsal of minutes
    takes a second or two.
    """
    outages = _chosen(names)
    if only_list:
        _list(outages, as_json=as_json)
        return
    without_logs()
    rehearsal = _rehearsal(config, model, stream=stream, rate=rate, seed=seed)
    rehearsed = _rehearse(rehearsal, outages, _report(rehearsal, as_json=as_json))
    if plot is not None:
        from elizanet.cli.drill.plot import drawing  # noqa: PLC0415 -- only where it is wanted

        plot.write_text(drawing(rehearsed), encoding="utf-8")


def _chosen(names: Sequence[str]) -> list[Outage]:
    from elizanet.testing.simulation import OUTAGES  # noqa: PLC0415 -- not for --help

    for name in names:
        if name not in OUTAGES:
            near = get_close_matches(name, OUTAGES, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else "--list names them"
            raise click.UsageError(f"there is no scenario {name!r}; {hint}")
    return [outage for name, outage in OUTAGES.items() if name in names or not names]


def _list(outages: Sequence[Outage], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({outage.name: outage.shows for outage in outages}, indent=2))
        return
    for outage in outages:
        click.echo(f"{outage.name:13}  {outage.shows}")


def _rehearsal(
    config: str | None, model: str | None, *, stream: bool, rate: float, seed: int
) -> Rehearsal:
    from elizanet.settings import load_settings  # noqa: PLC0415 -- not for --help
    from elizanet.testing.simulation import Rehearsal  # noqa: PLC0415

    settings = load_settings(config_file=config)
    route = settings.routes[0] if model is None else settings.route_for(model)
    if route is None:
        served = ", ".join(route.pattern for route in settings.routes)
        raise click.UsageError(f"no chain serves the model {model!r}; served are {served}")
    return Rehearsal(settings, route, model=model, stream=stream, rate=rate, seed=seed)


def _report(rehearsal: Rehearsal, *, as_json: bool) -> Report:
    from elizanet.cli.drill.reports import JsonReport, PlainReport  # noqa: PLC0415 -- not for --help

    if as_json:
        return JsonReport(rehearsal)
    if not is_terminal(sys.stdout):
        return PlainReport(rehearsal)
    from elizanet.cli.drill.table import TableReport  # noqa: PLC0415 -- only a terminal needs it

    return TableReport(rehearsal)


def _rehearse(rehearsal: Rehearsal, outages: Sequence[Outage], report: Report) -> list[Rehearsed]:
    """Play every outage in every variation."""
    from elizanet.cli.bar import LateBar  # noqa: PLC0415 -- not for --help
    from elizanet.cli.drill.rehearsed import Rehearsed  # noqa: PLC0415
    from elizanet.testing.simulation import VARIATIONS  # noqa: PLC0415

    done: list[Rehearsed] = []
    for outage in outages:
        performances: list[Performance] = []
        with LateBar(sys.stderr, f"rehearsing {outage.name}", len(VARIATIONS)) as bar:
            for variation in VARIATIONS:
                bar.update(len(performances))
                performances.append(rehearsal.play(outage, variation))
        done.append(Rehearsed(outage, tuple(performances)))
        report.ends(done[-1])
    report.sums_up(done)
    return done
