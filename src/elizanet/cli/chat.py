"""`elizanet chat`: one answer through the chain."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

import click

from elizanet.cli.configuration import config_option, not_empty, without_logs

_LONGEST_CHARACTER: Final = 4
"""Bytes of UTF-8."""

EPILOG = """\b
Examples:
  elizanet chat "Why is the sky blue?"
  elizanet chat --model gpt-4o-mini --explain "Say hello."
  elizanet chat --system "Answer in French." "Good morning"
  git diff | elizanet chat --system "Review this." -

\b
Exit codes: 0 answered, 1 nobody answered or the answer broke off, 2 wrong
usage, a request that is wrong in itself, or a configuration that is wrong.
"""


@click.command("chat", epilog=EPILOG)
@click.argument("text", required=False)
@click.option(
    "--model", metavar="NAME", callback=not_empty,
    help="Model to ask.  [default: that of TEXT_LARGE]",
)  # fmt: skip
@click.option(
    "--stream/--no-stream", default=True, show_default=True, help="Print the words as they come."
)
@click.option("--system", metavar="TEXT", help="Instructions that go before TEXT.")
@click.option("--explain", is_flag=True, help="Tell afterwards who was asked and what each said.")
@config_option
def command(
    *,
    text: str | None,
    model: str | None,
    stream: bool,
    system: str | None,
    explain: bool,
    config: str | None,
) -> None:
    """Get one answer through the chain of providers.

    TEXT is the message; - reads it from standard input (UTF-8), as does no TEXT at all where
    the input is not a terminal.
    """
    from elizanet.cli.conversation import Request, converse  # noqa: PLC0415 -- not for --help
    from elizanet.settings import load_settings  # noqa: PLC0415

    without_logs()
    if text is None and (sys.stdin is None or sys.stdin.isatty()):
        raise click.UsageError('there is no TEXT; give one, as in elizanet chat "Hello"')
    settings = load_settings(config_file=config)
    message = _read(settings.max_input_length) if text is None or text == "-" else text
    if not message.strip():
        raise click.UsageError("there is nothing to ask: TEXT is empty")
    name = settings.model_types.large if model is None else model
    request = Request(name, message, system, stream=stream)
    code = asyncio.run(converse(settings, request, explain=explain))
    raise click.exceptions.Exit(code)


def _read(most: int) -> str:
    """Return what comes over standard input; not much more is read than may be sent."""
    if sys.stdin is None:
        raise click.UsageError("the standard input is closed")
    read = sys.stdin.buffer.read(most * _LONGEST_CHARACTER + 1)
    if len(read) > most * _LONGEST_CHARACTER:
        raise click.UsageError(
            f"the standard input has more than {most} characters (ELIZANET_MAX_INPUT_LENGTH)"
        )
    try:
        return read.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = f"byte 0x{error.object[error.start]:02x} at position {error.start}"
        raise click.UsageError(f"the standard input is not UTF-8: {bad}") from None
