"""What `elizanet serve` says at its start: where it listens, what it serves, what is missing."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Iterator, Sequence

import click

from elizanet.cli.terminal import colour, printable
from elizanet.records.location import shown
from elizanet.records.opening import NONE
from elizanet.settings import ProviderSettings, RouteSettings, Secret, Settings
from elizanet.settings.address import host_and_port, is_local
from elizanet.settings.providers import ELIZANET

logger = logging.getLogger("elizanet")


def announce(settings: Settings, sockets: Sequence[socket.socket]) -> None:
    """Say on standard output that the gateway answers, and warn on standard error."""
    door = _door(len(settings.gateway.callers))
    for listening in sockets:
        address = click.style(_address(listening), bold=True)
        click.echo(f"elizanet listens on {address} ({door})", color=colour())
    width = max((len(route.pattern) for route in settings.routes), default=0)
    for route in settings.routes:
        click.echo(printable(f"  {route.pattern:{width}}  {_chain(route)}"))
    for listening in sockets:
        click.echo(f"dashboard: {_address(listening, '/dashboard')}")
    click.echo(printable(f"records: {_records(settings)}"))
    for lack in missing(settings):
        told = click.style("missing:", fg="yellow")
        click.echo(f"{told} {printable(lack)}", color=colour())
    for warning in settings.warnings:
        told = click.style("warning:", fg="yellow")
        click.echo(f"{told} {printable(warning)}", err=True, color=colour())


def log_announcement(settings: Settings, sockets: Iterable[socket.socket]) -> None:
    """Say the same as log lines, where all that is printed has to be one."""
    door = _door(len(settings.gateway.callers))
    for listening in sockets:
        address = _address(listening)
        fields = {"address": address, "chains": len(settings.routes)}
        logger.info("elizanet listens on %s (%s)", address, door, extra=fields)
    logger.info("records: %s", _records(settings))
    for lack in missing(settings):
        logger.info("missing: %s", lack)
    for warning in settings.warnings:
        logger.warning("%s", warning)


def missing(settings: Settings) -> Iterator[str]:
    """Tell what would make these settings safer, one sentence each."""
    if not settings.gateway.callers:
        yield "keys of callers, so that not every program of this machine may call (gateway.keys)"
    yield from _missing_keys(settings)
    if not settings.fallback_enabled:
        yield "fallback: only the first target of a chain is asked (ELIZANET_FALLBACK_ENABLED)"
        return
    alone: dict[str, list[str]] = {}
    for route in settings.routes:
        hosts = {_host(settings.providers[target.provider]) for target in route.targets}
        if len(hosts) == 1:
            alone.setdefault(route.targets[0].provider, []).append(route.pattern)
    for provider, patterns in alone.items():
        models = ", ".join(patterns)
        yield f"a fallback for {models}: when {provider} fails, nobody else is asked"


def _missing_keys(settings: Settings) -> Iterator[str]:
    asked = {target.provider for route in settings.routes for target in route.targets}
    for name, provider in settings.providers.items():
        given = provider.api_keys or any(isinstance(v, Secret) for v in provider.headers.values())
        needs_none = name == ELIZANET or is_local(_host(provider)[0])
        if name in asked and not given and not needs_none:
            yield f"a key for {name}, which {provider.base_url} may ask for (api_key)"


def _records(settings: Settings) -> str:
    return "off" if settings.database == NONE else shown(settings.database)


def _address(listening: socket.socket, path: str = "/v1") -> str:
    host, port = listening.getsockname()[:2]
    where = f"[{host}]" if ":" in host else host
    return f"http://{where}:{port}{path}"


def _host(provider: ProviderSettings) -> tuple[str, int]:
    return host_and_port(provider.base_url)


def _chain(route: RouteSettings) -> str:
    return " -> ".join(f"{target.provider}/{target.model}" for target in route.targets)


def _door(keys: int) -> str:
    return f"{keys} keys" if keys > 1 else "one key" if keys else "no key needed"
