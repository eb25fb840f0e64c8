"""`elizanet upstream`: a local OpenAI-compatible provider that fails on demand."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from pathlib import Path

import click

from elizanet.cli.terminal import colour, printable
from elizanet.errors import ConfigurationError
from elizanet.testing.fault_help import fault_list
from elizanet.testing.received import ReceivedRequest
from elizanet.testing.upstream import Upstream

SECONDS = click.FloatRange(min=0, max=3600)

EPILOG = """\b
Examples:
  elizanet upstream
  elizanet upstream --fault rate_limit,retry-after=2,times=3
  elizanet upstream --fault cut_stream=2,how=reset --fault slow=0.5
  elizanet upstream --fault status=503,rate=0.3 --model gpt-4o
  curl http://127.0.0.1:8790/v1/models

\b
Exit codes: 0 ended by Ctrl-C or SIGTERM, 1 cannot listen, 2 wrong usage.
"""


def _list_faults(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if wanted:
        click.echo(fault_list())
        context.exit()


@click.command(
    "upstream",
    epilog=EPILOG,
    short_help="A local provider that fails on demand.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8790,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option("--name", default="upstream", show_default=True, help="Name that signs its answers.")
@click.option(
    "--api-key",
    metavar="env:NAME|KEY",
    help="Bearer key it asks for; env:NAME reads it from the environment.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="SPEC",
    help="What goes wrong: NAME[=ARGUMENT][,option=value...]. May be repeated.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="ID",
    help="A model it serves; without any, it serves all. May be repeated.",
)
@click.option("--latency", default=0.0, type=SECONDS, help="Seconds before each answer.")
@click.option(
    "--chunk-delay", default=0.0, type=SECONDS, help="Seconds before each event of a stream."
)
@click.option(
    "--list-faults", is_flag=True, is_eager=True, expose_value=False, callback=_list_faults,
    help="Show every fault and its options, and exit.",
)  # fmt: skip
def command(
    *,
    host: str,
    port: int,
    name: str,
    api_key: str | None,
    faults: tuple[str, ...],
    models: tuple[str, ...],
    latency: float,
    chunk_delay: float,
) -> None:
    """Run a local OpenAI-compatible provider that fails on demand.

    It answers chat completions, completions, embeddings, images and models under /v1,
    always the same answer to the same question, and misbehaves as --fault says.
    """
    upstream = Upstream(
        name,
        faults,
        models=models or None,
        api_key=_key(api_key),
        host=host,
        port=port,
        latency=latency,
        chunk_delay=chunk_delay,
        on_request=_report,
        record=False,
    )
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(upstream, host, port))


async def _run(upstream: Upstream, host: str, port: int) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            loop.add_signal_handler(number, ended.set)
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(upstream)
        except OSError as error:
            raise click.ClickException(_cannot_listen(host, port, error)) from error
        faults = ", ".join(map(str, upstream.faults)) or "none"
        click.echo(f"{upstream.name} listens on {upstream.base_url} (faults: {faults})")
        await ended.wait()


def _report(request: ReceivedRequest, outcome: str) -> None:
    """Print what is done with a request, for as long as anyone reads it."""
    time = click.style(f"{datetime.now().astimezone():%H:%M:%S}", dim=True)
    stream = " stream" if request.stream else ""
    asked = f"{request.method} {request.path} {request.model or '-'}{stream}"
    told = click.style(outcome, fg="green" if outcome.startswith("2") else "red")
    try:
        click.echo(f"{time} {printable(' '.join(asked.split()))}: {told}", color=colour())
    except BrokenPipeError:  # `| head -1`: the provider is still of use
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _key(given: str | None) -> str | None:
    if given is None or not given.startswith("env:"):
        return given
    name = given.removeprefix("env:")
    key = os.environ.get(name)
    if not key:
        raise ConfigurationError(
            f"--api-key is {given}, but the environment variable {name} is not set."
        )
    return key


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use already; choose another with --port."
    return f"Cannot listen on port {port} of {host}: {error.strerror or error}."
