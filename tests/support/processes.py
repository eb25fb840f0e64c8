"""`elizanet serve` and `elizanet upstream` as processes of their own, to be killed and stopped."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import sys
from pathlib import Path
from typing import Self

from elizanet.testing import Upstream

START_S = 20.0
"""Seconds a process may take to listen, on a machine that has other things to do."""

_LISTENS = re.compile(r"listens on (http://\S+)")


async def serve_one(
    folder: Path, upstream: Upstream, *, stderr: int, **environment: str
) -> tuple[asyncio.subprocess.Process, int]:
    """Start a gateway in front of one provider; return the process and the port it listens on."""
    settings = f'[providers.p]\nbase_url = "{upstream.base_url}"\n[models."*"]\nchain = ["p/*"]\n'
    (folder / "elizanet.toml").write_text(settings, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "elizanet", "serve", "--port", "0"),
        cwd=folder,
        env={"PATH": os.defpath, "ELIZANET_DB": "none", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
    )
    assert process.stdout is not None
    async with asyncio.timeout(START_S):
        found = _LISTENS.search((await process.stdout.readline()).decode())
    assert found is not None
    return process, int(found[1].split(":")[2].split("/")[0])


class Process:
    """One `elizanet` command that listens.

        async with Process("primary", "upstream", "--name", "primary", folder=tmp_path) as it:
            it.base_url

    It keeps its port when it is killed and started again. `open_files` limits its file
    descriptors.
    """

    def __init__(
        self, name: str, *arguments: str, folder: Path, open_files: int | None = None
    ) -> None:
        self.name = name
        self.base_url = ""
        self._arguments = arguments
        self._folder = folder
        self._open_files = open_files
        self._process: asyncio.subprocess.Process | None = None

    def __repr__(self) -> str:
        pid = self._process.pid if self._process else None
        return f"<Process {self.name} {self.base_url or 'not started'} pid={pid}>"

    @property
    def log(self) -> str:
        """What it has said since it was started last."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def _log(self) -> Path:
        return self._folder / f"{self.name}.log"

    async def start(self) -> None:
        """Start it, on the port it had before if it had one, and wait until it listens."""
        port = self.base_url.split(":")[2].split("/")[0] if self.base_url else "0"
        command = [sys.executable, "-m", "elizanet", *self._arguments, "--port", port]
        if self._open_files:
            limited = f"ulimit -n {self._open_files}; exec {shlex.join(command)}"
            command = ["sh", "-c", limited]
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, cwd=self._folder, stdout=log, stderr=log
            )
        self.base_url = await self._listening(self._process)

    async def _listening(self, process: asyncio.subprocess.Process) -> str:
        async with asyncio.timeout(START_S):
            while (found := _LISTENS.search(self.log)) is None:
                assert process.returncode is None, self.log
                await asyncio.sleep(0.01)
        return found[1]

    def stop(self) -> None:
        """SIGSTOP: it is there, and does nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    async def kill(self) -> None:
        """SIGKILL: gone without a word."""
        self._signal(signal.SIGKILL)
        await self._running.wait()

    async def end(self) -> int:
        """SIGTERM, and wait for its end; returns the exit code."""
        self._signal(signal.SIGTERM)
        async with asyncio.timeout(START_S):
            return await self._running.wait()

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._running.returncode is not None

    def _signal(self, number: signal.Signals) -> None:
        self._running.send_signal(number)

    @property
    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None, f"{self.name} was never started"
        return self._process

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if not self.has_ended:
            await self.kill()
