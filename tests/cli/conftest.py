"""The command as a process of its own: through pipes, and on a terminal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import elizanet

Run = Callable[..., Awaitable[CompletedProcess[str]]]

COMMAND = (sys.executable, "-W", "error", "-m", "elizanet")


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the machine's environment but what finding Python and the package needs.

    Nothing is recorded unless a test names a database.
    """
    source = str(Path(elizanet.__file__).parent.parent)
    kept = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": source, "LANG": "C.UTF-8"}
    return {**kept, "TERM": "xterm-256color", "ELIZANET_DB": "none", **changes}


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[asyncio.subprocess.Process]]]:
    """Start the command with pipes for input and output. It does not outlive the test."""
    processes = []

    async def started(*arguments: str, **changes: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(changes),
            limit=1 << 24,
        )
        processes.append(process)
        return process

    yield started
    for process in processes:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.fixture
def run(start: Callable[..., Awaitable[asyncio.subprocess.Process]]) -> Run:
    """Run the command to its end, in the empty directory of the test."""

    async def run_piped(
        *arguments: str, stdin: bytes = b"", **changes: str
    ) -> CompletedProcess[str]:
        process = await start(*arguments, **changes)
        out, err = await process.communicate(stdin)
        return CompletedProcess(arguments, process.returncode or 0, out.decode(), err.decode())

    return run_piped


@pytest.fixture
def run_in_terminal() -> Run:
    """Run the command on a terminal, whose whole content is then in `stdout`.

    `slowly` are lines of input that come through a pipe, with pauses; `into` is a file that
    gets the standard output in the place of the terminal.
    """

    async def run_on_pty(
        *arguments: str,
        columns: int = 80,
        rows: int = 40,
        slowly: bytes | None = None,
        into: Path | None = None,
        **changes: str,
    ) -> CompletedProcess[str]:
        screen, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        out = terminal if into is None else os.open(into, os.O_WRONLY | os.O_CREAT)
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            stdin=terminal if slowly is None else asyncio.subprocess.PIPE,
            stdout=out,
            stderr=terminal,
            env=environment(changes),
        )
        for descriptor in {terminal, out}:
            os.close(descriptor)
        reading = asyncio.get_running_loop().run_in_executor(None, read_all, screen)
        if process.stdin is not None:
            await feed(process.stdin, slowly or b"")
        code = await process.wait()
        return CompletedProcess(arguments, code, (await reading).decode(), "")

    return run_on_pty


async def feed(pipe: asyncio.StreamWriter, lines: bytes) -> None:
    """Write the lines with a pause after each, then close the pipe."""
    for line in lines.splitlines(keepends=True):
        pipe.write(line)
        await pipe.drain()
        await asyncio.sleep(0.7)
    pipe.close()
    await pipe.wait_closed()


def read_all(screen: int) -> bytes:
    """Read what is written to a terminal until nobody has it open any more."""
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(screen, 65536)
        except OSError:  # Linux tells the end of a terminal as an input/output error
            piece = b""
        if not piece:
            os.close(screen)
            return b"".join(pieces)
        pieces.append(piece)
