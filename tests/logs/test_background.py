"""Lines are written by a thread, and nobody waits for it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time

import pytest

from elizanet.logs import BackgroundHandler

PIPE_HOLDS = 1 << 16


class Pipe:
    """Where a handler writes to; nobody reads it before `rest`."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()

    def rest(self, handler: BackgroundHandler) -> list[str]:
        """Read from now on, until the handler has written all."""
        found: list[bytes] = []

        def read() -> None:
            while piece := os.read(self.reading, PIPE_HOLDS):
                found.append(piece)

        reader = threading.Thread(target=read)
        reader.start()
        handler.close()
        os.close(self.writing)
        reader.join()
        os.close(self.reading)
        return b"".join(found).decode().splitlines()


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


def record(text: str, *args: object) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": text, "args": args, "levelno": logging.INFO})


def test_lines_are_written_in_order_by_another_thread(pipe: Pipe) -> None:
    """All that wait are written at the end, which may come twice."""
    handler = BackgroundHandler(pipe.writing)
    said = [str(number) for number in range(100)]
    for text in said:
        handler.handle(record(text))
    assert pipe.rest(handler) == said
    handler.close()


def test_the_format_is_that_of_the_handler(pipe: Pipe) -> None:
    """As of any other."""
    handler = BackgroundHandler(pipe.writing)
    handler.setFormatter(logging.Formatter("said: %(message)s"))
    handler.handle(record("größe \ud800"))
    assert pipe.rest(handler) == ["said: größe \\ud800"]


def test_a_stream_that_nobody_reads_holds_nobody_up(pipe: Pipe) -> None:
    """What there is no room for is lost, counted, and told once there is room again."""
    handler = BackgroundHandler(pipe.writing, most=10)
    handler.handle(record("x" * 2 * PIPE_HOLDS))
    began = time.monotonic()
    for number in range(1000):
        handler.handle(record(str(number)))
    assert time.monotonic() - began < 1
    lost = handler.lost
    assert 985 <= lost <= 991
    lines = pipe.rest(handler)
    told = [text for text in lines if "lost" in text]
    assert told == [f"{lost} log lines were lost: they were not read as fast as they were written"]
    assert len(lines) == 1001 - lost + 1
    assert len(lines[0]) == 2 * PIPE_HOLDS


def test_a_stream_that_does_not_wait_gets_all_of_it(pipe: Pipe) -> None:
    """Another program may have set it so: a terminal is shared."""
    os.set_blocking(pipe.writing, False)
    handler = BackgroundHandler(pipe.writing)
    long = "y" * 3 * PIPE_HOLDS
    handler.handle(record(long))
    handler.handle(record("z"))
    assert pipe.rest(handler) == [long, "z"]


def test_the_end_does_not_wait_for_ever(pipe: Pipe) -> None:
    """A stream that stays stuck is left alone."""
    handler = BackgroundHandler(pipe.writing)
    handler.handle(record("x" * 2 * PIPE_HOLDS))
    began = time.monotonic()
    handler.close()
    assert 1.5 < time.monotonic() - began < 4
    assert len(pipe.rest(handler)) == 1


def test_a_line_that_cannot_be_made_costs_only_itself(pipe: Pipe) -> None:
    """What was to be said is told, as far as it goes."""
    handler = BackgroundHandler(pipe.writing)
    handler.handle(record("%d calls", "no number"))
    handler.handle(record("next"))
    assert pipe.rest(handler) == [
        "a log line could not be written (TypeError): '%d calls'",
        "next",
    ]


def test_a_reader_that_has_gone_is_no_error(pipe: Pipe) -> None:
    """Whoever logs learns nothing of it; the lines are counted."""
    os.close(pipe.reading)
    handler = BackgroundHandler(pipe.writing)
    handler.handle(record("one"))
    handler.handle(record("two"))
    handler.close()
    os.close(pipe.writing)
    assert handler.lost >= 2


def test_what_was_said_last_is_written_when_the_program_ends() -> None:
    """Nobody has to close the handler."""
    program = (
        "import logging; from elizanet.logs import BackgroundHandler\n"
        "logging.basicConfig(handlers=[BackgroundHandler()], format='%(message)s')\n"
        "[logging.warning('line %d', n) for n in range(500)]"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stderr.splitlines() == [f"line {number}" for number in range(500)]


def test_the_library_configures_no_logging() -> None:
    """Loggers of an application are its own."""
    program = (
        "import logging, elizanet, elizanet.library, elizanet.gateway.app\n"
        "names = [None, 'elizanet', 'elizanet.gateway']\n"
        "print([logging.getLogger(name).handlers for name in names])\n"
        "print(logging.getLogger('elizanet').level)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout.split("\n")[:2] == ["[[], [], []]", "0"]
