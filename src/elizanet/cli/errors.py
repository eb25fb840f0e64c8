"""The boundary of the command line: exit codes, and one plain sentence for every failure."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from enum import IntEnum
from io import TextIOWrapper
from pathlib import Path
from traceback import extract_tb
from types import TracebackType

import click

from elizanet.cli.terminal import colour, printable
from elizanet.errors import ConfigurationError, ElizanetError
from elizanet.redact import excerpt


class ExitCode(IntEnum):
    """What a command tells its caller; `check` gives 1 and 2 meanings of its own."""

    GOOD = 0
    FAILED = 1
    USAGE = 2
    """Wrong usage, or settings that cannot work."""
    FAULT = 70
    """A fault of ours (EX_SOFTWARE of sysexits.h)."""
    INTERRUPTED = 130
    READER_GONE = 141


def complain(sentence: str, *, by: str = "elizanet") -> None:
    """Write one sentence about a failure to standard error."""
    note(sentence, click.style(f"{by}: ", fg="red", bold=True))


def note(sentence: str, who: str = "") -> None:
    """Write one line to standard error, without what a terminal would obey."""
    told = printable(" ".join(sentence.split()))
    try:
        click.echo(f"{who}{told}", err=True, color=colour())
    except OSError:
        _discard(sys.stderr)  # nobody is left to be told; the exit code still says it


def guarded(group: click.Command, arguments: Sequence[str] | None) -> int:
    """Run the group and return its exit code; nothing but the code and a sentence gets out."""
    if sys.stdout is None:
        complain("the standard output is closed")
        return ExitCode.FAILED
    try:
        code = _run(group, sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
        return code
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED
    except OSError as error:
        return _unwritable(error)
    except Exception as error:  # noqa: BLE001 -- the last boundary: a sentence, never a traceback
        complain(_fault(error))
        return ExitCode.FAULT


def _run(group: click.Command, arguments: Sequence[str]) -> int:
    """Run the group; what is wrong with the request or the settings is told here."""
    if isinstance(sys.stdout, TextIOWrapper):  # what its encoding lacks is escaped, no error
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with group.make_context("elizanet", list(arguments), color=colour()) as context:
            group.invoke(context)
        return ExitCode.GOOD
    except click.exceptions.Exit as wanted:
        return wanted.exit_code
    except click.ClickException as error:
        for sentence, by in _told_by_click(error):
            complain(sentence, by=by)
        return error.exit_code
    except ConfigurationError as error:
        complain_of(error)
        return ExitCode.USAGE
    except ElizanetError as error:
        complain(str(error))
        return ExitCode.FAILED


def complain_of(error: ConfigurationError) -> None:
    """Write every problem of the settings, one a line."""
    for problem in error.problems:
        complain(problem)


def _told_by_click(error: click.ClickException) -> Iterator[tuple[str, str]]:
    context = error.ctx if isinstance(error, click.UsageError) else None
    by = context.command_path if context else "elizanet"
    message = error.format_message().strip()
    if context:
        yield f"{message.rstrip('.')} (see {by} --help)", by
    else:
        yield from ((line, by) for line in message.splitlines())


def _unwritable(error: OSError) -> int:
    """Tell that a file or the output cannot be used; a reader that went away needs no words."""
    if error.errno == errno.EPIPE:
        _discard(sys.stdout)
        return ExitCode.READER_GONE
    reason = error.strerror or str(error)
    if error.filename is None:
        complain(f"the output cannot be written: {reason}")
        _discard(sys.stdout)
    else:
        complain(f"{error.filename}: {reason}")
    return ExitCode.FAILED


def _discard(stream: object) -> None:
    """Let what is still buffered go nowhere, so that the end of the process is quiet."""
    fileno = getattr(stream, "fileno", None)
    if fileno is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), fileno())


def _fault(error: Exception) -> str:
    where = _place(error.__traceback__)
    reason = excerpt(f"{type(error).__name__}: {error}", 300)
    return f"a fault of elizanet itself{where}, please report it: {reason}"


def _place(traceback: TracebackType | None) -> str:
    frames = extract_tb(traceback)
    if not frames:
        return ""
    last = frames[-1]
    return f" ({Path(last.filename).name}:{last.lineno})"
