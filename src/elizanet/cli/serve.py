"""`elizanet serve`: the OpenAI-compatible gateway."""

from __future__ import annotations

import errno
import logging
import socket
import sys
from asyncio import Runner
from functools import partial
from pathlib import Path

import click

from elizanet.cli.terminal import colour, printable
from elizanet.gateway.server import listen, new_event_loop, serve
from elizanet.settings import RouteSettings, Settings, load_settings

EPILOG = """\b
Examples:
  elizanet serve
  elizanet serve --config elizanet.toml --port 9000
  curl http://127.0.0.1:8787/v1/models

\b
Exit codes: 0 ended by Ctrl-C or SIGTERM (running calls may
finish, a second signal ends them), 1 cannot listen, 2 wrong usage or settings
that cannot work.
"""


@click.command("serve", epilog=EPILOG, short_help="The OpenAI-compatible gateway.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration; by default ELIZANET_CONFIG, then ./elizanet.toml if it exists.",
)
@click.option("--host", help="Address to listen on; by default gateway.host, 127.0.0.1.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on, 0 for a free one; by default gateway.port, 8787.",
)
def command(*, config: Path | None, host: str | None, port: int | None) -> None:
    """Serve OpenAI's API; a request whose provider fails is answered by the next one.

    Clients need only another base_url.
    """
    settings = load_settings(config_file=config).serving(host, port)
    gateway = settings.gateway
    try:
        sockets = listen(gateway.host, gateway.port)
    except OSError as error:
        raise click.ClickException(_cannot_listen(gateway.host, gateway.port, error)) from error
    _log_to_standard_error()
    with Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(settings, sockets, partial(_announce, settings, sockets)))


def _announce(settings: Settings, sockets: list[socket.socket]) -> None:
    """Say where the gateway listens, what it serves, and what the operator should know."""
    keys = len(settings.gateway.keys)
    door = f"{keys} keys" if keys > 1 else "one key" if keys else "no key needed"
    for listening in sockets:
        host, port = listening.getsockname()[:2]
        where = f"[{host}]" if ":" in host else host
        click.echo(f"elizanet listens on http://{where}:{port}/v1 ({door})")
    width = max(len(route.pattern) for route in settings.routes)
    for route in settings.routes:
        click.echo(printable(f"  {route.pattern:{width}}  {_chain(route)}"))
    for warning in settings.warnings:
        told = click.style("warning:", fg="yellow")
        click.echo(f"{told} {printable(warning)}", err=True, color=colour())
    sys.stdout.flush()


def _chain(route: RouteSettings) -> str:
    return " -> ".join(f"{target.provider}/{target.model}" for target in route.targets)


def _log_to_standard_error() -> None:
    """Let the engine's events be seen; the rest of the process speaks up only when it must."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("elizanet").setLevel(logging.INFO)


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use already; choose another with --port"
    return f"cannot listen on port {port} of {host}: {error.strerror or error}"
