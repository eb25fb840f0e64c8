"""`elizanet classify`: what an error of a provider means."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, BinaryIO

import click

from elizanet.cli.configuration import config_option, not_empty, without_logs

if TYPE_CHECKING:
    from elizanet.cli.verdicts import Judge

EPILOG = """\b
Examples:
  elizanet classify --status 429 --header "retry-after: 2"
  elizanet classify --status 400 --body @error.json --provider openai
  elizanet classify --jsonl cases.jsonl > verdicts.jsonl
  tail -f errors.jsonl | elizanet classify

\b
A case is a JSON object with the fields id, provider, kind (http, exception or
stream), status, headers, body and exception, all of them optional. A verdict
is {"id", "class", "fallback", "retry_same_provider", "retry_after_s"}.

\b
Exit codes: 0 all judged, 1 a line was no JSON object or the rule of --config
failed (the others are judged), 2 wrong usage or configuration.
"""


@click.command("classify", epilog=EPILOG)
@click.option(
    "--jsonl", "cases", type=click.File("rb"), metavar="FILE",
    help="Cases, one JSON object a line; - is standard input, the default where that is piped.",
)  # fmt: skip
@click.option("--status", type=click.IntRange(100, 599), help="HTTP status of one error.")
@click.option("--body", metavar="TEXT|@FILE", help="Body of one error.")
@click.option(
    "--header", "headers", multiple=True, metavar="'NAME: VALUE'",
    help="Header of one error; may be repeated.",
)  # fmt: skip
@click.option(
    "--provider", metavar="NAME", callback=not_empty, help="Provider that one error came from."
)
@config_option
def command(
    *,
    cases: BinaryIO | None,
    status: int | None,
    body: str | None,
    headers: tuple[str, ...],
    provider: str | None,
    config: str | None,
) -> None:
    """Say what an error means: its class, and what may be done about it.

    Takes one error from --status, --body and --header, or many from --jsonl. With --config
    the rule in its [hooks] goes first; without, only the built-in rules are asked.
    """
    from elizanet.cli import verdicts  # noqa: PLC0415 -- not for --help

    without_logs()
    one = bool(status is not None or body is not None or headers or provider)
    if one and cases:
        raise click.UsageError("--jsonl does not go together with the options of one error")
    judge = verdicts.Judge(config)
    if one:
        verdicts.show(judge.verdict(verdicts.described(provider, status, headers, body)))
    else:
        _judge_lines(judge, cases or _piped())
    if judge.complaints:
        raise click.exceptions.Exit(1)


def _judge_lines(judge: Judge, cases: BinaryIO) -> None:
    from elizanet.cli import verdicts  # noqa: PLC0415 -- not for --help

    for verdict in verdicts.judged(judge, cases):
        click.echo(verdict)


def _piped() -> BinaryIO:
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("there is no error to judge: give --status, --body or --jsonl FILE")
    return sys.stdin.buffer
