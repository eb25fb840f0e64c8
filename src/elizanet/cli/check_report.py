"""What `elizanet check` found: as tables, as plain lines, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from elizanet.cli.check_models import unlisted_models
from elizanet.cli.terminal import console, printable
from elizanet.router import ProviderHealth
from elizanet.settings import Settings

Health = Mapping[str, ProviderHealth]

_STYLES: Final = {"healthy": "bold green", "reachable": "bold yellow", "unhealthy": "bold red"}


def is_well(health: Health) -> bool:
    """Tell whether no provider is unhealthy: a reachable one has only no list of models for us."""
    return all(found.state != "unhealthy" for found in health.values())


def as_json(settings: Settings, health: Health) -> str:
    """Return all that was found as one JSON object."""
    report = {
        "ok": is_well(health),
        "problems": [],
        "warnings": [*settings.warnings, *unlisted_models(settings, health)],
        "settings": [
            {"name": name, "value": value, "origin": str(origin)}
            for name, value, origin in settings.describe()
        ],
        "providers": {name: _provider(settings, name, found) for name, found in health.items()},
    }
    return json.dumps(report, indent=2)


def print_settings(settings: Settings) -> None:
    """Print the settings and what is doubtful about them as lines."""
    _print_rows([(name, str(origin), value) for name, value, origin in settings.describe()])
    for warning in settings.warnings:
        click.echo(f"warning: {printable(warning)}")


def print_providers(settings: Settings, health: Health) -> None:
    """Print the providers and a summary as lines."""
    _print_rows([_row(settings, name, found) for name, found in health.items()])
    for doubt in unlisted_models(settings, health):
        click.echo(f"warning: {printable(doubt)}")
    click.echo(_summary(health))


def draw_settings(settings: Settings) -> None:
    """Draw the settings and what is doubtful about them; what is not default stands out."""
    screen = console()
    table = _table("setting", "value", "from")
    for name, value, origin in settings.describe():
        style = "dim" if origin.kind == "default" else "bold"
        table.add_row(*(Text(printable(cell), style) for cell in (name, value, str(origin))))
    screen.print(table)
    for warning in settings.warnings:
        screen.print(Text(f"warning: {printable(warning)}", "yellow"))
    screen.print()


def draw_providers(settings: Settings, health: Health) -> None:
    """Draw the providers and a summary."""
    screen = console()
    table = _table("provider", "address", "state", "took", "said")
    for name, found in health.items():
        cells = [Text(cell) for cell in _row(settings, name, found)]
        cells[2].stylize(_STYLES[found.state])
        table.add_row(*cells)
    screen.print(table)
    for doubt in unlisted_models(settings, health):
        screen.print(Text(f"warning: {printable(doubt)}", "yellow"))
    _print_summary(screen, health)


def _print_summary(screen: Console, health: Health) -> None:
    style = "bold green" if is_well(health) else "bold red"
    screen.print()
    screen.print(Text(_summary(health), style))


def _table(*titles: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold", no_wrap=title == titles[0])
    return table


def _row(settings: Settings, name: str, found: ProviderHealth) -> tuple[str, ...]:
    address, took = settings.providers[name].base_url, f"{found.seconds * 1000:.0f} ms"
    return name, address, found.state, took, printable(" ".join(found.reason.split()))


def _provider(settings: Settings, name: str, found: ProviderHealth) -> dict[str, object]:
    return {
        "base_url": settings.providers[name].base_url,
        "healthy": found.healthy,
        "state": found.state,
        "reason": found.reason,
        "ms": round(found.seconds * 1000),
        "models": found.models,
    }


def _summary(health: Health) -> str:
    ill = [name for name, found in health.items() if found.state == "unhealthy"]
    if ill:
        count = f"{len(ill)} of {len(health)} providers"
        return f"the configuration is right, but {count} did not answer well: {', '.join(ill)}"
    return f"the configuration is right, and every provider answers ({len(health)})"


def _print_rows(rows: Sequence[Sequence[str]]) -> None:
    """Print rows as columns; the last one is as long as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        click.echo(printable("  ".join(cells).rstrip()))
