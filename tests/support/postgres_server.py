"""A PostgreSQL server of the distribution's packages, to be killed, paused and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

PROGRAMS = Path("/usr/lib/postgresql")
START_S = 60


def is_installed() -> bool:
    """Tell whether there is a server to start."""
    return any(PROGRAMS.glob("*/bin/initdb"))


class PostgresServer:
    """A server on a free port of loopback, whose data is gone at the end.

    with PostgresServer() as server:
        server.url
    """

    def __init__(self) -> None:
        self._bin = max(PROGRAMS.glob("*/bin"))
        self._folder = Path(tempfile.mkdtemp())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"postgresql://elizanet:hunter2secret@127.0.0.1:{self._port}/elizanet"

    def __repr__(self) -> str:
        return f"<PostgresServer 127.0.0.1:{self._port}>"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-h 127.0.0.1 -p {self._port} -k {self._folder} -c fsync=off"
        self._run("pg_ctl", "--silent", "--wait", f"--timeout={START_S}", "--log=log",
                  f"--options={options}", "start", "--pgdata=data")  # fmt: skip

    def kill(self) -> None:
        """SIGKILL to the server and everything it has started: gone without a word."""
        processes = self._signal(signal.SIGKILL)
        while any(map(_is_running, processes)):
            time.sleep(0.01)
        for lock in (self._folder / "data/postmaster.pid", *self._folder.glob(".s.PGSQL.*")):
            lock.unlink()

    def pause(self) -> None:
        """SIGSTOP: connections stay, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
        self._run("initdb", "--pgdata=data", "--username=elizanet", "--auth=trust",
                  "--encoding=UTF8", "--no-sync")  # fmt: skip
        self.start()
        self._run("createdb", "--host=127.0.0.1", f"--port={self._port}", "--username=elizanet",
                  "elizanet")  # fmt: skip
        return self

    def __exit__(self, *exc_info: object) -> None:
        if (self._folder / "data/postmaster.pid").exists():
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> list[int]:
        """Send a signal to the server and its children, the server first; return their ids."""
        pid = int((self._folder / "data/postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        processes = [pid, *map(int, children)]
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, number)
        return processes

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, cwd=self._folder, check=True, stdout=subprocess.DEVNULL)


def _is_running(process: int) -> bool:
    """Tell whether a process runs; one that is dead and still in the table does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def drop_schema(url: str) -> None:
    """Delete all records of a server."""
    import asyncpg  # type: ignore[import-untyped]

    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA IF EXISTS elizanet CASCADE")
    await connection.close()
