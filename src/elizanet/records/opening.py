"""Opens the records that the settings name: to write them, or to read them."""

from __future__ import annotations

import secrets
import time
from functools import partial

from elizanet.records.database import Database
from elizanet.records.errors import NoRecordsError, RecordsError
from elizanet.records.location import is_postgres, location, shown
from elizanet.records.reader import RecordReader
from elizanet.records.reading import Reader
from elizanet.records.recorder import Recorder
from elizanet.records.sqlite import SqliteDatabase
from elizanet.settings import Settings
from elizanet.telemetry import Capture

NONE = "none"


def open_recorder(settings: Settings, *, run: str | None = None) -> Recorder | None:
    """Return the sink that records what is told to it, None for `ELIZANET_DB=none`.

    `run` names this process in the records (default: a name that sorts by time). Nothing is
    opened before the first event. Raises `RecordsError` for a place that cannot be meant.
    """
    url = settings.database
    if url == NONE:
        return None
    recorder = Recorder(
        partial(connect, url),
        place=shown(url),
        run=run or new_run(),
        capture=Capture(settings.records.capture),
        keep_days=settings.records.keep_days,
        max_size=settings.records.max_size,
    )
    recorder.follow(settings)
    return recorder


def open_reader(database: str) -> Reader:
    """Return what answers questions about the records of a database URL.

    Raises `RecordsError` where there are none that can be read, `NoRecordsError` where nothing
    has been written yet.
    """
    return RecordReader(partial(connect, existing(database), read_only=True))


def existing(url: str) -> str:
    """Return the URL if there may be records. Raises `RecordsError` if there are none."""
    if url == NONE:
        raise RecordsError('there are no records: ELIZANET_DB is "none"')
    if not is_postgres(url) and not location(url).exists():
        raise NoRecordsError(f"there are no records yet: {location(url)} does not exist")
    return url


def connect(url: str, *, read_only: bool = False) -> Database:
    """Return a connection. Raises `RecordsError`."""
    if not is_postgres(url):
        return SqliteDatabase(location(url), read_only=read_only)
    from elizanet.records.postgres import PostgresDatabase  # noqa: PLC0415 -- asyncpg is an extra

    return PostgresDatabase(url, read_only=read_only)


def new_run() -> str:
    """Return the name of a run that begins now."""
    return f"run_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(2)}"
