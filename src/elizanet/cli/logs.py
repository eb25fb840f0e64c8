"""`elizanet logs`: the calls that were made, one a line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import click

from elizanet.cli.configuration import config_option, without_logs
from elizanet.cli.errors import note
from elizanet.cli.since import MOMENT
from elizanet.cli.terminal import console, is_terminal
from elizanet.errors import FailureClass
from elizanet.telemetry import Outcome

if TYPE_CHECKING:
    from elizanet.cli.finding import Finder
    from elizanet.records.model import CallRecord

EPILOG = """\b
Examples:
  elizanet logs
  elizanet logs --follow --troubled
  elizanet logs --fallbacks --since 1h
  elizanet logs --failed --provider openai --since 2d --until 2026-11-21
  elizanet logs --since 15m --json | jq .fallback_reason

\b
A line: when, how it ended, the model that was asked for, who failed on the
way and who answered, how long it took, its cost, its tokens (prompt and
answer, ~ where estimated), who asked, its id for elizanet explain. What was
asked and answered, where it is captured, elizanet explain ID --json has.

\b
Exit codes: 0 good, also if nothing matches and when --follow is interrupted,
1 the records cannot be read, 2 wrong usage or a configuration that is wrong.
"""

USUALLY: Final = 50
"""Calls that are shown if nobody says how many."""
IN_A_WINDOW: Final = 1000
"""The same, of a window that somebody has chosen."""
_WITH_ONE_CALL: Final = ("request", "answer")
"""What is read for `elizanet explain` only: text of up to 128 KiB a call."""
_NO_ANSWER: Final = (Outcome.FAILED, Outcome.BROKEN)


@click.command("logs", epilog=EPILOG)
@click.option("-f", "--follow", is_flag=True, help="Go on with the calls to come.")
@click.option("--fallbacks", is_flag=True, help="Another target than the first choice answered.")
@click.option("--failed", is_flag=True, help="No answer, or one that broke off.")
@click.option("--troubled", is_flag=True, help="Either of these.")
@click.option("--since", type=MOMENT, metavar="WHEN", help="90s, 15m, 1h, 7d, or an ISO date.")
@click.option("--until", type=MOMENT, metavar="WHEN", help="The same.")
@click.option("--model", metavar="NAME", help="The model that was asked for.")
@click.option("--provider", metavar="NAME", help="A provider that was asked.")
@click.option("--caller", metavar="ALIAS", help="Who asked.")
@click.option(
    "--outcome", type=click.Choice([each.value for each in Outcome]), help="How the call ended."
)
@click.option(
    "--class", "failure_class", metavar="CLASS",
    type=click.Choice([each.value for each in FailureClass]),
    help="A failure of the call, or of one of its attempts.",
)  # fmt: skip
@click.option("--run", metavar="ID", help="The process that answered; demo is that of the demo.")
@click.option(
    "-n", "--limit", type=click.IntRange(0), metavar="N",
    help=f"The newest so many; 0 is all.  [default: {USUALLY}, {IN_A_WINDOW} with --since]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@config_option
def command(
    *,
    follow: bool,
    fallbacks: bool,
    failed: bool,
    troubled: bool,
    since: float | None,
    until: float | None,
    model: str | None,
    provider: str | None,
    caller: str | None,
    outcome: str | None,
    failure_class: str | None,
    run: str | None,
    limit: int | None,
    as_json: bool,
    config: str | None,
) -> None:
    """Show the calls that were made, the newest last.

    They are read from the records (ELIZANET_DB), also while a gateway writes them.
    """
    from elizanet.cli.finding import Finder  # noqa: PLC0415 -- not for --help
    from elizanet.cli.reading import database_of  # noqa: PLC0415
    from elizanet.records.reading import Which  # noqa: PLC0415

    without_logs()
    if failed and outcome:
        raise click.UsageError("--failed and --outcome exclude each other")
    if since is not None and until is not None and until <= since:
        raise click.UsageError("--until is not after --since")
    if follow and until is not None:
        raise click.UsageError("--follow and --until exclude each other")
    outcomes = _NO_ANSWER if failed else (outcome,)
    kinds = [
        Which(
            since=since, until=until, model=model, provider=provider, caller=caller,
            outcome=ended, failure_class=failure_class, run=run, fallbacks=fallbacks,
            troubled=troubled or ended in _NO_ANSWER,
        )
        for ended in outcomes
    ]  # fmt: skip
    usual = USUALLY if since is None else IN_A_WINDOW
    finder = Finder(database_of(config), kinds)
    if follow:
        _follow(finder, usual if limit is None else limit, as_json=as_json)
    elif _show(finder, usual if limit is None else limit, as_json=as_json) and limit is None:
        note(f"there are older ones: --limit {10 * usual} shows more, --limit 0 all of them")


def _show(finder: Finder, limit: int, *, as_json: bool) -> bool:
    """Show the newest calls, and tell whether there are older ones."""
    from elizanet.cli.finding import told_when  # noqa: PLC0415 -- not for --help
    from elizanet.records.errors import NoRecordsError  # noqa: PLC0415

    try:
        found, more = finder.newest(limit)
    except NoRecordsError as nothing:
        note(str(nothing))
        return False
    if not found:
        newest = finder.newest_of_all()
        of_all = f"; the newest of all is of {told_when(newest)}" if newest else ""
        note(f"no call matches{of_all}")
    else:
        _printer(found, as_json=as_json)(found)
    return more


def _follow(finder: Finder, limit: int, *, as_json: bool) -> None:
    from elizanet.cli.following import Follower  # noqa: PLC0415 -- not for --help

    follower = Follower(finder, limit)
    printer: Callable[[Iterable[CallRecord]], None] | None = None
    try:
        while True:
            found = follower.poll()
            if found:
                printer = printer or _printer(found, as_json=as_json)
                printer(found)
            time.sleep(follower.pause)
    except KeyboardInterrupt:
        return


def _printer(sample: list[CallRecord], *, as_json: bool) -> Callable[[Iterable[CallRecord]], None]:
    """Return what prints calls: as JSON, as plain lines, or drawn for a terminal."""
    if as_json:
        return _print_json
    if not is_terminal(sys.stdout):
        return _print_plain
    from elizanet.cli.call_lines import Lines  # noqa: PLC0415 -- only a terminal needs it

    screen = console()
    lines = Lines(screen.width, sample, unicode=screen.encoding.startswith("utf"))

    def draw(records: Iterable[CallRecord]) -> None:
        for record in records:
            for line in lines.draw(record):
                screen.print(line, soft_wrap=True)

    return draw


def _print_json(records: Iterable[CallRecord]) -> None:
    import msgspec  # noqa: PLC0415 -- not for --help

    for record in records:
        fields = msgspec.to_builtins(record)
        for name in _WITH_ONE_CALL:
            del fields[name]
        click.echo(msgspec.json.encode(fields))


def _print_plain(records: Iterable[CallRecord]) -> None:
    from elizanet.cli.call_lines import plain  # noqa: PLC0415 -- not for --help

    for record in records:
        click.echo(plain(record))
