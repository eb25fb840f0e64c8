"""The group of commands. Its help knows them by name and loads none of them."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import Final

import click

from elizanet._version import __version__

COMMANDS: Final = {
    "demo": "See it work: providers that fail, calls that are answered.",
    "serve": "The OpenAI-compatible gateway.",
    "check": "Is the configuration right, does every provider answer?",
    "chat": "One answer through the chain, streamed to the terminal.",
    "logs": "The calls that were made, who failed and who answered.",
    "explain": "Why a call went where it went.",
    "stats": "Calls, fallbacks, latency, tokens and cost.",
    "records": "Where the records are, and what is kept of them.",
    "drill": "Rehearse outages of your configuration.",
    "classify": "What an error of a provider means.",
    "migrate": "Version 1 of the configuration to today's.",
    "upstream": "A local provider that fails on demand.",
}
"""Every command with its one line of help; each is the `command` of the module of its name."""

EPILOG: Final = """\b
Examples:
  elizanet demo                          watch it work, without any key
  elizanet check                         is everything configured?
  elizanet chat "Why is the sky blue?"   one answer through the chain
  elizanet serve                         a gateway at http://127.0.0.1:8787/v1

\b
Exit codes of every command: 0 good, 2 wrong usage, 70 a fault of elizanet
itself, 130 interrupted, 141 the reader of the output went away. What else
one returns is in its own --help.
"""


class CommandGroup(click.Group):
    """A group that imports a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's signature
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"elizanet.cli.{cmd_name}").command
        if not any(parameter.name == "version" for parameter in command.params):
            _VERSION(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(COMMANDS)}"
            raise click.UsageError(f"there is no command {name!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's signature
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


_VERSION: Final = click.version_option(__version__, prog_name="elizanet")


@click.group(
    cls=CommandGroup,
    epilog=EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@_VERSION
@click.pass_context
def elizanet(context: click.Context) -> None:
    """Keep AI agents answering: when a model provider fails, the next one answers."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
