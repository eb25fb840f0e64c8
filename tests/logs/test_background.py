"""Lines are written by a thread, and nobody waits for it."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time

from elizanet.logs import BackgroundHandler


class Target(logging.Handler):
    """Keeps what it is told; while `held` is set it does not come back."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.threads: set[int] = set()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def emit(self, record: logging.LogRecord) -> None:
        self.may_go_on.wait(10)
        self.threads.add(threading.get_ident())
        self.said.append(record.getMessage())


def record(text: str) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": text, "levelno": logging.INFO})


def test_lines_are_written_in_order_by_another_thread() -> None:
    """All that wait are written at the end."""
    target = Target()
    handler = BackgroundHandler(target)
    for number in range(100):
        handler.handle(record(str(number)))
    handler.close()
    handler.close()
    assert target.said == [str(number) for number in range(100)]
    assert threading.get_ident() not in target.threads


def test_a_stream_that_nobody_reads_holds_nobody_up() -> None:
    """What there is no room for is lost, counted, and told once there is room again."""
    target = Target()
    target.may_go_on.clear()
    handler = BackgroundHandler(target, most=10)
    began = time.monotonic()
    for number in range(1000):
        handler.handle(record(str(number)))
    assert time.monotonic() - began < 1
    lost = handler.lost
    assert 985 <= lost <= 990
    target.may_go_on.set()
    handler.close()
    told = [text for text in target.said if "lost" in text]
    assert told == [f"{lost} log lines were lost: they were not read as fast as they were written"]
    assert len(target.said) == 1000 - lost + 1


def test_the_end_does_not_wait_for_ever() -> None:
    """A stream that stays stuck is left alone."""
    target = Target()
    target.may_go_on.clear()
    handler = BackgroundHandler(target)
    handler.handle(record("stuck"))
    began = time.monotonic()
    handler.close()
    assert 1.5 < time.monotonic() - began < 4
    target.may_go_on.set()
    handler._thread.join(5)


def test_what_was_said_last_is_written_when_the_program_ends() -> None:
    """Nobody has to close the handler."""
    program = (
        "import logging, sys; from elizanet.logs import BackgroundHandler\n"
        "stream = logging.StreamHandler(sys.stderr)\n"
        "logging.basicConfig(handlers=[BackgroundHandler(stream)])\n"
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
