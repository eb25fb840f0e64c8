"""`elizanet stats`: calls, fallbacks, latency, tokens and cost of a window of time."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

import click

from elizanet.cli.configuration import config_option, without_logs
from elizanet.cli.errors import note
from elizanet.cli.since import MOMENT
from elizanet.cli.terminal import console, is_terminal

if TYPE_CHECKING:
    from elizanet.records.reading import Reader

EPILOG = """\b
Examples:
  elizanet stats
  elizanet stats --since 1h
  elizanet stats --since 2026-11-01 --until 2026-11-08 --json

\b
Sums are kept by minute and, for windows of more than a day, by hour: the
window is widened to whole ones. Percentiles are exact to a tenth.

\b
Exit codes: 0 good, also if nothing is recorded, 1 the records cannot be
read, 2 wrong usage or a configuration that is wrong.
"""

_OFF_TERMINAL: Final = 160
"""Columns of the tables where nobody says how wide the screen is."""


@click.command("stats", epilog=EPILOG)
@click.option(
    "--since", type=MOMENT, metavar="WHEN", default="24h", show_default=True,
    help="90s, 15m, 1h, 7d, or an ISO date.",
)  # fmt: skip
@click.option("--until", type=MOMENT, metavar="WHEN", help="The same.  [default: now]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_option
def command(*, since: float, until: float | None, as_json: bool, config: str | None) -> None:
    """Sum up the calls of a window of time, by default of the last day.

    Tells how many were answered, by whom, why others than the first choice answered, how long
    it took, and what it cost by model and by provider.
    """
    from elizanet.cli.reading import database_of, open_records  # noqa: PLC0415 -- not for --help
    from elizanet.records.errors import NoRecordsError  # noqa: PLC0415

    without_logs()
    end = time.time() if until is None else until
    if end <= since:
        raise click.UsageError("--until is not after --since")
    try:
        reader = open_records(database_of(config))
    except NoRecordsError as nothing:
        note(str(nothing))
        return
    try:
        _show(reader, since, end, as_json=as_json)
    finally:
        reader.close()


def _show(reader: Reader, since: float, until: float, *, as_json: bool) -> None:
    from elizanet.cli.summing import summary  # noqa: PLC0415 -- not for --help
    from elizanet.records.reading import Window  # noqa: PLC0415

    found = summary(reader, Window(since, until))
    if as_json:
        import msgspec  # noqa: PLC0415

        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
        return
    from elizanet.cli.stats_tables import draw  # noqa: PLC0415

    screen = console()
    if not is_terminal(sys.stdout):
        screen.width = _OFF_TERMINAL
    draw(screen, found)
