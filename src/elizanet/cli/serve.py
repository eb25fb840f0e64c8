"""`elizanet serve`: the OpenAI-compatible gateway."""

from __future__ import annotations

import errno
import gc
import logging
import os
import sys
from asyncio import Runner
from pathlib import Path
from typing import Final

import click

from elizanet.cli import hangup
from elizanet.cli.announce import announce, log_announcement
from elizanet.cli.terminal import colour, is_terminal
from elizanet.gateway.server import listen, new_event_loop, serve
from elizanet.logs import BackgroundHandler, JsonFormatter, TextFormatter, log_sink, name_no_places
from elizanet.otel import from_environment
from elizanet.settings import Settings, load_settings

YOUNG_OBJECTS: Final = 10_000
"""Containers made and not yet freed after which the youngest are searched for cycles."""

EPILOG = """\b
Examples:
  elizanet serve
  elizanet serve --config elizanet.toml --port 9000
  curl http://127.0.0.1:8787/v1/models

\b
SIGTERM ends it in order: callers still come in for some seconds, running
calls may finish. Ctrl-C lets running calls finish, too; a second signal ends
it now. SIGHUP rereads the settings.

\b
Exit codes: 0 ended by a signal, 1 cannot listen, 2 wrong usage or settings
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
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    envvar="ELIZANET_LOG_FORMAT",
    show_envvar=True,
    help="Log lines on standard error for people, or one JSON object each for machines.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="info",
    show_default=True,
    envvar="ELIZANET_LOG_LEVEL",
    show_envvar=True,
    help="The least that is logged; debug sums every call up.",
)
def command(
    *, config: Path | None, host: str | None, port: int | None, log_format: str, log_level: str
) -> None:
    """Serve OpenAI's API; a request whose provider fails is answered by the next one.

    Clients need only another base_url.
    """
    settings = load_settings(config_file=config).serving(host, port)
    gateway = settings.gateway
    try:
        sockets = listen(gateway.host, gateway.port)
    except OSError as error:
        raise click.ClickException(_cannot_listen(gateway.host, gateway.port, error)) from error
    _log_to_standard_error(log_format, log_level)

    def started() -> None:
        (log_announcement if log_format == "json" else announce)(settings, sockets)
        sys.stdout.flush()
        _settle_memory()
        hangup.let_through()

    def reread() -> Settings:
        return load_settings(config_file=config).serving(host, port)

    exporting = from_environment(os.environ)
    sinks = (log_sink, exporting.sink) if exporting else (log_sink,)
    try:
        with Runner(loop_factory=new_event_loop) as runner:
            runner.run(serve(settings, sockets, started, reread, sinks))
    finally:
        if exporting:
            exporting.close()


def _settle_memory() -> None:
    """Let the collector of cycles skip what stays for good, and run every few dozen calls.

    By default it runs for nearly every call, and now and then looks at all that was imported.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)


def _log_to_standard_error(form: str, level: str) -> None:
    """Let the engine's events be seen; the rest of the process speaks up only when it must."""
    name_no_places()
    handler = BackgroundHandler()
    coloured = is_terminal(sys.stderr) and colour() is not False
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter(colour=coloured))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("elizanet").setLevel(level.upper())


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use already; choose another with --port"
    return f"cannot listen on port {port} of {host}: {error.strerror or error}"
