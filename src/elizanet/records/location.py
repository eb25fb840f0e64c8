"""Where the records are: what `ELIZANET_DB` means."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from elizanet.records.errors import RecordsError
from elizanet.redact import mask_keys
from elizanet.settings.report import without_password

_SQLITE: Final = "sqlite:///"
_POSTGRES: Final = ("postgresql://", "postgres://")


def is_postgres(url: str) -> bool:
    """Tell whether the records are on a PostgreSQL server."""
    return url.startswith(_POSTGRES)


def location(url: str) -> Path:
    """Return the file of a `sqlite:///` URL.

    `sqlite:////srv/x.db` is absolute, `sqlite:///./x.db` and `sqlite:///../x.db` are relative
    to the working directory, and every other path to the user's data directory. Raises
    `RecordsError` for a URL of another kind.
    """
    if not url.startswith(_SQLITE) or url == _SQLITE:
        told = without_password(url)
        allowed = '"sqlite:///PATH", "postgresql://..." or "none"'
        raise RecordsError(f'records cannot be kept in "{told}": the place is {allowed}')
    path = url.removeprefix(_SQLITE)
    if path.startswith(("/", "./", "../")):
        return Path(path)
    return data_folder() / path


def data_folder() -> Path:
    """Return the user's data directory, such as `~/.local/share/elizanet`."""
    from platformdirs import user_data_dir  # noqa: PLC0415 -- only a relative path needs it

    return Path(user_data_dir("elizanet", appauthor=False))


def shown(url: str) -> str:
    """Return where the records are, as it may be printed."""
    return mask_keys(without_password(url)) if is_postgres(url) else str(location(url))
