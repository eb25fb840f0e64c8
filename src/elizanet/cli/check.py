"""`elizanet check`: whether the configuration is right and every provider answers."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from elizanet.cli.configuration import config_option, without_logs
from elizanet.cli.errors import complain_of
from elizanet.cli.terminal import is_terminal
from elizanet.errors import ConfigurationError

if TYPE_CHECKING:
    from elizanet.router import ProviderHealth
    from elizanet.settings import Settings

EPILOG = """\b
Examples:
  elizanet check
  elizanet check --config production.toml
  elizanet check --json

\b
Exit codes: 0 all is well, 1 the configuration is wrong (every problem is
told, one a line), 2 a provider is unhealthy, or wrong usage.
"""


@click.command("check", epilog=EPILOG)
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(*, config: str | None, as_json: bool) -> None:
    """Check the configuration and ask every provider for its models.

    Shows where each value came from, what is doubtful about it, whether each provider
    answers GET /v1/models within five seconds, and which models of the chains it does not list.
    A provider that answers without a list for us is reachable. Keys are never shown.
    """
    without_logs()
    try:
        healthy = _check(config, as_json=as_json)
    except ConfigurationError as error:
        if as_json:
            click.echo(json.dumps({"ok": False, "problems": error.problems}, indent=2))
        complain_of(error)
        raise click.exceptions.Exit(1) from None
    if not healthy:
        raise click.exceptions.Exit(2)


def _check(config: str | None, *, as_json: bool) -> bool:
    """Show settings and providers; tell whether no provider is unhealthy."""
    from elizanet.cli import check_report  # noqa: PLC0415 -- not for --help
    from elizanet.settings import load_settings  # noqa: PLC0415

    settings = load_settings(config_file=config)
    if as_json:
        found = asyncio.run(_health(settings))
        click.echo(check_report.as_json(settings, found))
    elif is_terminal(sys.stdout):
        check_report.draw_settings(settings)
        found = asyncio.run(_health(settings))
        check_report.draw_providers(settings, found)
    else:
        check_report.print_settings(settings)
        found = asyncio.run(_health(settings))
        check_report.print_providers(settings, found)
    return check_report.is_well(found)


async def _health(settings: Settings) -> Mapping[str, ProviderHealth]:
    from elizanet.cli.bar import waiting  # noqa: PLC0415 -- not for --help
    from elizanet.router import HEALTH_LIMIT_S, Router  # noqa: PLC0415

    limit = HEALTH_LIMIT_S
    async with Router(settings, sinks=()) as router, waiting("asking the providers", limit):
        return await router.health()
