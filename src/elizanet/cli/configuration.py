"""What the commands with a `--config` share."""

from __future__ import annotations

import logging
from typing import Final

import click


def not_empty(_context: click.Context, _parameter: click.Parameter, name: str | None) -> str | None:
    """Refuse an option whose value is empty: a variable of the shell that is not set."""
    if name == "":
        raise click.BadParameter("it is empty")
    return name


config_option: Final = click.option(
    "--config",
    metavar="FILE",
    callback=not_empty,
    help="Configuration file.  [default: $ELIZANET_CONFIG, else ./elizanet.toml if it exists]",
)


def without_logs() -> None:
    """Keep the library's log off the terminal: the command tells what matters itself."""
    logging.getLogger("elizanet").addHandler(logging.NullHandler())
