"""Lines for people and for machines.

Keys are masked where lines are made; both formatters look for them once more, because the lines
of other libraries and tracebacks come from elsewhere.
"""

from __future__ import annotations

import json
import logging
import time
from functools import lru_cache
from typing import Final

import msgspec

from elizanet.redact import mask_keys

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_CONTROLS: Final = {
    code: chr(code).encode("unicode_escape").decode() for code in (*range(32), *range(127, 160))
}
_TRACEBACK_CONTROLS: Final = {code: text for code, text in _CONTROLS.items() if code != ord("\n")}
_COLOURS: Final = {"WARNING": "33", "ERROR": "31", "CRITICAL": "31;1", "DEBUG": "2"}


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Return what the line says beside its text: all that was passed as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _OWN}


def name_no_places() -> None:
    """Let the whole process not find out what none of our lines shows: that takes half the time.

    This is how the standard library wants it: source, thread and process of each line.
    """
    logging._srcfile = ""  # noqa: SLF001 -- documented as an optimization
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class TextFormatter(logging.Formatter):
    """One line a record, the traceback below it: no text can begin a line of its own."""

    def __init__(self, *, colour: bool = False) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """Return the line: when, how bad, what."""
        level = record.levelname
        if self._colour and level in _COLOURS:
            level = f"\033[{_COLOURS[level]}m{level}\033[0m"
        said = mask_keys(record.getMessage())
        if not said.isprintable():
            said = said.translate(_CONTROLS)
        traceback = _traceback(self, record)
        below = f"\n{traceback.translate(_TRACEBACK_CONTROLS)}" if traceback else ""
        seconds, rest = divmod(record.created, 1)
        return f"{_local_time(int(seconds))},{int(rest * 1000):03d} {level} {said}{below}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object; what is no JSON in the fields is written as text."""
        seconds, milliseconds = divmod(int(record.created * 1000), 1000)
        line: dict[str, object] = {
            "time": f"{_universal_time(seconds)}.{milliseconds:03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": mask_keys(record.getMessage()),
        }
        for name, value in fields_of(record).items():
            line[name] = _plain(value)
        if traceback := _traceback(self, record):
            line["exception"] = traceback
        try:
            return msgspec.json.encode(line).decode()
        except UnicodeEncodeError:  # half a character, which only escapes can write
            return json.dumps(line)


@lru_cache(maxsize=4)
def _local_time(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


@lru_cache(maxsize=4)
def _universal_time(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _plain(value: object) -> object:
    """Return what JSON can say of a value, keys masked."""
    match value:
        case None | int() | float():
            return value
        case str():
            return mask_keys(value)
        case dict():
            return {str(name): _plain(below) for name, below in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return mask_keys(str(value))


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(record.stack_info)
    return mask_keys("\n".join(parts))
