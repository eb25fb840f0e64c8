"""What the commands that read the records share: which records, and what is said without any."""

from __future__ import annotations

from typing import Final

from elizanet.records.errors import NoRecordsError, RecordsError
from elizanet.records.opening import NONE, open_reader
from elizanet.records.reading import Reader, Which
from elizanet.settings import load_settings

OFF: Final = (
    'nothing is recorded, because ELIZANET_DB is "none": unset it, or name a database, and'
    " what is called from then on will be here"
)
EMPTY: Final = (
    "there are no records yet: they come with the first call, of elizanet serve for example;"
    " elizanet demo makes some to look at"
)


def database_of(config: str | None) -> str:
    """Return where the records are. Raises `ConfigurationError`, `RecordsError` if nowhere."""
    url = load_settings(config_file=config, resolve_keys=False).database
    if url == NONE:
        raise RecordsError(OFF)
    return url


def open_records(url: str) -> Reader:
    """Return what answers questions. Raises `RecordsError`, `NoRecordsError` without a call."""
    try:
        reader = open_reader(url)
    except NoRecordsError:
        raise NoRecordsError(EMPTY) from None
    try:
        if reader.calls(Which(), 1):
            return reader
    except RecordsError:
        reader.close()
        raise
    reader.close()
    raise NoRecordsError(EMPTY)
