"""`elizanet records`: where the records are, and what is kept of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from elizanet.cli.configuration import config_option, without_logs

if TYPE_CHECKING:
    from elizanet.records.database import Database
    from elizanet.records.status import Status
    from elizanet.settings import Settings

EPILOG = """\b
Examples:
  elizanet records status
  elizanet records prune --keep-days 7
  elizanet records upgrade
  elizanet records downgrade --to 2

\b
The records are where ELIZANET_DB says. Calls are read with elizanet logs,
explain and stats.

\b
Exit codes: 0 done, 1 the records cannot be read or changed, or were not to
be, or there are none, 2 wrong usage or configuration.
"""


@click.group("records", epilog=EPILOG)
def command() -> None:
    """Show and look after the records of calls.

    Tables are made and brought up to date by the first process that records; what is too old
    or too much is deleted while it does. These commands are for doing either now.
    """


@command.command("status")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(*, config: str | None, as_json: bool) -> None:
    """Show where the records are, how many, how large and since when."""
    from elizanet.records.status import status_of  # noqa: PLC0415 -- not for --help

    settings = _settings(config)
    with _opened(settings, read_only=True) as database:
        found = status_of(database)
    fields = _fields(settings, found)
    if as_json:
        click.echo(json.dumps(fields, indent=2))
        return
    for name, value in fields.items():
        click.echo(f"{name.replace('_', ' '):<12} {_shown(name, value)}")


@command.command("upgrade")
@config_option
def upgrade(*, config: str | None) -> None:
    """Bring the tables to the version of this release.

    The first process that records does it by itself; with many calls it takes its time, and
    records wait for it.
    """
    from elizanet.records import migrations  # noqa: PLC0415 -- not for --help

    with _opened(_settings(config)) as database:
        before = migrations.version_of(database)
        migrations.upgrade(database)
    if before == migrations.LATEST:
        click.echo(f"the records have version {before} already, which is the newest")
    else:
        click.echo(f"the records have version {migrations.LATEST} now; it was {before}")


@command.command("downgrade")
@config_option
@click.option("--to", type=click.IntRange(0), required=True, metavar="N", help="The version.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def downgrade(*, config: str | None, to: int, yes: bool) -> None:
    """Take the tables back to an older version, for an older release.

    Stop everything that records first: this release would bring them up again. Below version 4
    it is lost why calls went no further, below version 3 the sums of calls whose rows are gone.
    Version 0 is no tables: everything is deleted.
    """
    from elizanet.records import migrations  # noqa: PLC0415 -- not for --help
    from elizanet.records.errors import RecordsError  # noqa: PLC0415

    with _opened(_settings(config)) as database:
        before = migrations.version_of(database)
        if to < before <= migrations.LATEST and not yes:
            lost = "delete all records" if to == 0 else f"take the records from version {before}"
            aim = "" if to == 0 else f" back to {to}"
            if not click.confirm(f"{lost}{aim}?", err=True):
                raise RecordsError("nothing was changed")
        migrations.downgrade(database, to)
    click.echo(f"the records have version {to} now; it was {before}")


@command.command("prune")
@config_option
@click.option(
    "--keep-days", type=click.FloatRange(0, min_open=True), metavar="N",
    help="Delete what is older.  [default: records.keep_days]",
)  # fmt: skip
def prune(*, config: str | None, keep_days: float | None) -> None:
    """Delete now what is too old or too much.

    What that is, keep_days and max_size of [records] say. Recording goes on meanwhile.
    """
    from elizanet.cli.bar import LateBar  # noqa: PLC0415 -- not for --help
    from elizanet.records.migrations import upgrade as bring_up  # noqa: PLC0415
    from elizanet.records.retention import Retention  # noqa: PLC0415
    from elizanet.records.status import status_of  # noqa: PLC0415

    settings = _settings(config)
    kept = settings.records
    retention = Retention(keep_days=keep_days or kept.keep_days, max_size=kept.max_size)
    with _opened(settings) as database, LateBar(sys.stderr, "deleting") as bar:
        bring_up(database)
        before = status_of(database)
        while retention.step(database):
            bar.update()
        after = status_of(database)
    gone = before.calls - after.calls
    click.echo(f"{gone:,} calls deleted, {after.calls:,} left; {_size(after.size)}")


def _settings(config: str | None) -> Settings:
    from elizanet.settings import load_settings  # noqa: PLC0415 -- not for --help

    without_logs()
    return load_settings(config_file=config, resolve_keys=False)


@contextmanager
def _opened(settings: Settings, *, read_only: bool = False) -> Iterator[Database]:
    """Connect to records that are there. Raises `RecordsError`."""
    from elizanet.records.opening import connect, existing  # noqa: PLC0415 -- not for --help

    url = existing(settings.database)
    database = connect(url, read_only=read_only)
    try:
        yield database
    finally:
        database.close()


def _fields(settings: Settings, found: Status) -> dict[str, object]:
    from elizanet.records.location import shown  # noqa: PLC0415 -- not for --help
    from elizanet.records.migrations import LATEST  # noqa: PLC0415

    return {
        "place": shown(settings.database),
        "version": found.version,
        "newest_version": LATEST,
        "size": found.size,
        "calls": found.calls,
        "attempts": found.attempts,
        "changes": found.changes,
        "oldest": found.oldest,
        "newest": found.newest,
        "keep_days": settings.records.keep_days,
        "max_size": settings.records.max_size,
        "capture": str(settings.records.capture),
    }


def _shown(name: str, value: object) -> str:
    match name, value:
        case (("size" | "max_size"), int()):
            return _size(value)
        case (("oldest" | "newest"), float()):
            return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
        case _, None:
            return "-"
        case _, int():
            return f"{value:,}"
        case "keep_days", float():
            return f"{value:g}"
        case _:
            return str(value)


def _size(size: int) -> str:
    for unit, bytes_in_it in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= bytes_in_it:
            return f"{size / bytes_in_it:.1f} {unit}"
    return f"{size} bytes"
