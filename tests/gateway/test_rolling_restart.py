"""A rolling restart under load: not one call is lost.

What an operator does: a load balancer that honours `/ready`, a new process beside the old one, and
SIGTERM for the old one when the new one is ready.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from elizanet.testing import Upstream
from support.balancer import Balancer
from support.load import End, Load
from support.processes import Process

KEY = "a-key-of-the-load-0123456789"


def gateway(folder: Path, name: str, upstream: Upstream) -> Process:
    """A gateway that load balancers may stand before: not on loopback, and with a key."""
    path = folder / f"{name}.toml"
    path.write_text(
        f'[gateway]\nkeys = ["{KEY}"]\nhost = "0.0.0.0"\n'
        f'[providers.local]\nbase_url = "{upstream.base_url}"\n'
        '[models."*"]\nchain = ["local/*"]\n',
        encoding="utf-8",
    )
    return Process(name, "serve", "--config", str(path), folder=folder)


def origin(process: Process) -> str:
    return process.base_url.removesuffix("/v1").replace("0.0.0.0", "127.0.0.1")


@pytest.mark.timeout(90)
async def test_no_call_is_lost_while_one_process_follows_the_other(tmp_path: Path) -> None:
    """Streams that are under way at the signal, calls on kept connections, and new ones."""
    async with (
        Upstream("local", chunk_delay=0.15) as upstream,
        gateway(tmp_path, "old", upstream) as old,
        gateway(tmp_path, "new", upstream) as new,
        Balancer(origin(old), origin(new)) as balancer,
    ):
        await balancer.until_ready(2)
        async with (
            Load(balancer.base_url, rate=15.0, headers=(("api-key", KEY),)) as streams,
            Load(balancer.base_url, rate=30.0, stream=False, headers=(("api-key", KEY),)) as whole,
        ):
            for process in (old, new):
                await asyncio.sleep(1.5)
                assert await process.end() == 0
                assert "Traceback" not in process.log
                await balancer.until_ready(1)
                await process.start()
                await balancer.until_ready(2)
            await asyncio.sleep(0.5)
    assert balancer.lost == []
    for report in (streams.report, whole.report):
        assert len(report.outcomes) > 100
        assert set(report.ends) == {End.ANSWERED}, report
