"""`elizanet migrate`: a configuration of version 1, as it is written today."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from elizanet.cli.configuration import not_empty, without_logs
from elizanet.cli.errors import complain, note

if TYPE_CHECKING:
    from elizanet.cli.version_one import Migration
    from elizanet.settings import Secret

_BY: Final = "elizanet migrate"
_STANDARD: Final = "-"
_MASK: Final = "****"

EPILOG = """\b
Fields of version 1:
  elizaNetUrl                  ELIZANET_BASE_URL
  elizaNetKey                  ELIZANET_API_KEY
  elizaNetTimeout              ELIZANET_TIMEOUT (milliseconds)
  elizaNetSmallModel           ELIZANET_SMALL_MODEL
  elizaNetLargeModel           ELIZANET_LARGE_MODEL
  elizaNetEmbeddingModel       ELIZANET_EMBEDDING_MODEL
  elizaNetEmbeddingDimensions  ELIZANET_EMBEDDING_DIMENSIONS
  elizaNetImageModel           ELIZANET_IMAGE_MODEL
  elizaNetFallbackEnabled      ELIZANET_FALLBACK_ENABLED
The first two are documented; the others follow from the names of today, as do
elizaNetBaseUrl and elizaNetApiKey. Names of today may stand in the file too.

\b
The key: on a terminal it is shown as ****; a pipe and --output FILE get it as
it is, the file readable by its owner only. In TOML it is a reference to the
variable ELIZANET_API_KEY.

\b
Examples:
  elizanet migrate old.json --output .env
  elizanet migrate old.json --format toml
  jq .plugins.elizanet app.json | elizanet migrate - --format json

\b
Exit codes: 0 migrated, 1 a field is unknown or wrong, OLD.json cannot be
read, or FILE cannot be written (nothing is written then), 2 wrong usage.
"""


@click.command("migrate", epilog=EPILOG, short_help="Version 1 of the configuration to today's.")
@click.argument("old", metavar="OLD.json")
@click.option(
    "--format", "form", type=click.Choice(["env", "toml", "json"]), default="env",
    show_default=True, help="Lines of a .env, a table of elizanet.toml, or JSON.",
)  # fmt: skip
@click.option(
    "--output", metavar="FILE", default=_STANDARD, callback=not_empty,
    help="Write to FILE, which must not exist yet.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@click.option("--ignore-unknown", is_flag=True, help="Leave unknown fields out and go on.")
def command(*, old: str, form: str, output: str, force: bool, ignore_unknown: bool) -> None:
    """Translate a configuration of version 1.

    OLD.json is its JSON object, {"elizaNetUrl": ..., "elizaNetKey": ...}; - reads it from
    standard input. The values are checked, and every mistake is told.
    """
    from elizanet.cli.settings_text import FORMS  # noqa: PLC0415 -- not for --help
    from elizanet.cli.version_one import KEY  # noqa: PLC0415

    without_logs()
    found = _migrated(old)
    _tell(found, _name(old), ignore_unknown=ignore_unknown)
    masked = output == _STANDARD and sys.stdout.isatty()
    try:
        text = FORMS[form](_in_clear(found.settings, masked=masked))
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if output == _STANDARD:
        click.echo(text, nl=False)
    else:
        _write(Path(output), text, force=force)
        note(f"{output}: {', '.join(found.settings)}")
    if KEY in found.settings and form == "toml":
        note(f"The key is not in this form: set the variable {KEY} to it.")
    elif KEY in found.settings and masked:
        note("The key is not shown on a terminal; a pipe and --output FILE get it as it is.")


def _migrated(old: str) -> Migration:
    """Read and translate the old configuration."""
    from elizanet.cli import version_one  # noqa: PLC0415 -- not for --help

    try:
        return version_one.migrate(version_one.parse(_read(old)))
    except ValueError as error:
        raise click.ClickException(f"{_name(old)} {error}") from None


def _read(old: str) -> str:
    """Return the text of the old configuration. Raises ValueError with the end of a sentence."""
    from elizanet.settings.files import LARGEST_FILE, UnreadableError, read_text  # noqa: PLC0415

    if old != _STANDARD:
        try:
            return read_text(Path(old))
        except UnreadableError as error:
            raise ValueError(f"cannot be read: {error}") from None
    if sys.stdin is None:
        raise ValueError("is closed")
    content = sys.stdin.buffer.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError("has more than 1 MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None


def _tell(found: Migration, name: str, *, ignore_unknown: bool) -> None:
    """Tell what is wrong; end the command if that leaves something to be decided, or nothing."""
    for sentence in found.problems:
        complain(f"{name}: {sentence}", by=_BY)
    for sentence in found.unknown:
        told = f"{sentence}; it is left out" if ignore_unknown else sentence
        complain(f"{name}: {told}", by=_BY)
    if found.problems or (found.unknown and not ignore_unknown):
        raise click.exceptions.Exit(1)
    if not found.settings:
        raise click.ClickException(f"{name} sets nothing, so there is nothing to migrate")


def _in_clear(settings: Mapping[str, str | Secret], *, masked: bool) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else _MASK if masked else value.reveal()
        for name, value in settings.items()
    }


def _write(path: Path, text: str, *, force: bool) -> None:
    """Write the file whole or not at all, for its owner's eyes only.

    An existing one is replaced in one step, so that it is never half of each.
    """
    made = path.with_name(f".{path.name}.{os.getpid()}") if force else path
    try:
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 -- a descriptor
                file.write(text)
            if force:
                made.replace(path)
        except OSError:
            with suppress(OSError):
                made.unlink()
            raise
    except FileExistsError:
        raise click.ClickException(f"{path} exists already; --force replaces it") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or error
        raise click.ClickException(f"{path} cannot be written: {reason}") from None


def _name(old: str) -> str:
    return "the standard input" if old == _STANDARD else old
