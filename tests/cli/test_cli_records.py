"""`elizanet records`: what there is, ways up and down, and what is deleted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from elizanet.records import migrations
from elizanet.records.migrations import LATEST
from elizanet.records.opening import connect
from support.recorded import moved, record

Run = Callable[..., Awaitable[CompletedProcess[str]]]

DAY = 86_400


@pytest.fixture
async def url(tmp_path: Path) -> str:
    """Return where two calls of today and three of last week are recorded."""
    url, now = f"sqlite:///{tmp_path}/records.db", time.time()
    events = [moved(now - 1), moved(now - 2), *(moved(now - 8 * DAY - at) for at in range(3))]
    await asyncio.to_thread(record, url, *events)
    return url


async def test_the_status_tells_what_there_is(run: Run, url: str, tmp_path: Path) -> None:
    """In words, and as one JSON object."""
    ended = await run("records", "status", ELIZANET_DB=url)
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in ended.stdout.splitlines() if line[12] == " ")
    assert lines["place"] == f"{tmp_path}/records.db"
    assert (lines["calls"], lines["attempts"], lines["version"]) == ("5", "10", str(LATEST))
    told = json.loads((await run("records", "status", "--json", ELIZANET_DB=url)).stdout)
    assert (told["calls"], told["attempts"], told["changes"]) == (5, 10, 0)
    assert told["oldest"] == pytest.approx(time.time() - 8 * DAY, abs=60)
    assert (told["keep_days"], told["capture"]) == (30.0, "off")


async def test_the_status_of_another_version_is_told(run: Run, url: str) -> None:
    """An operator has to see which one it is, newer or older."""
    database = connect(url)
    migrations.downgrade(database, 1)
    told = json.loads((await run("records", "status", "--json", ELIZANET_DB=url)).stdout)
    assert (told["version"], told["newest_version"], told["calls"]) == (1, LATEST, 5)
    database.execute("UPDATE schema_version SET version = 99")
    database.close()
    told = json.loads((await run("records", "status", "--json", ELIZANET_DB=url)).stdout)
    assert told["version"] == 99


async def test_down_and_up_again(run: Run, url: str) -> None:
    """Down only after a yes; up without a question."""
    down = ("records", "downgrade", "--to", "1")
    asked = await run(*down, stdin=b"n\n", ELIZANET_DB=url)
    assert asked.returncode == 1
    assert f"take the records from version {LATEST} back to 1?" in asked.stderr
    assert asked.stderr.endswith("elizanet: nothing was changed\n")
    yes = await run(*down, stdin=b"y\n", ELIZANET_DB=url)
    assert (yes.returncode, yes.stdout) == (0, f"the records have version 1 now; it was {LATEST}\n")
    up = await run("records", "upgrade", ELIZANET_DB=url)
    assert (up.returncode, up.stdout) == (0, f"the records have version {LATEST} now; it was 1\n")
    again = await run("records", "upgrade", ELIZANET_DB=url)
    assert again.stdout == f"the records have version {LATEST} already, which is the newest\n"


async def test_all_the_way_down_says_what_is_lost(run: Run, url: str) -> None:
    """Version 0 is no records."""
    asked = await run("records", "downgrade", "--to", "0", stdin=b"n\n", ELIZANET_DB=url)
    assert "delete all records?" in asked.stderr
    done = await run("records", "downgrade", "--to", "0", "--yes", ELIZANET_DB=url)
    assert done.returncode == 0
    told = json.loads((await run("records", "status", "--json", ELIZANET_DB=url)).stdout)
    assert (told["version"], told["calls"]) == (0, 0)


async def test_a_way_down_that_leads_up_is_refused(run: Run, url: str) -> None:
    """One sentence, without a question."""
    ended = await run("records", "downgrade", "--to", "99", ELIZANET_DB=url)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"elizanet: the records have version {LATEST}: there is no way down to 99\n"
    )


async def test_what_is_too_old_is_deleted_now(run: Run, url: str, tmp_path: Path) -> None:
    """By the settings, or by the option."""
    kept = await run("records", "prune", ELIZANET_DB=url)
    assert kept.stdout.startswith("0 calls deleted, 5 left; ")
    (tmp_path / "elizanet.toml").write_text("[records]\nkeep_days = 8.000001\n")
    some = await run("records", "prune", ELIZANET_DB=url)
    assert some.stdout.startswith("3 calls deleted, 2 left; ")
    rest = await run("records", "prune", "--keep-days", "0.00001", ELIZANET_DB=url)
    assert rest.stdout.startswith("2 calls deleted, 0 left; ")
    wrong = await run("records", "prune", "--keep-days", "0", ELIZANET_DB=url)
    assert wrong.returncode == 2


@pytest.mark.parametrize("what", ["status", "upgrade", "prune"])
@pytest.mark.parametrize(
    ("database", "sentence"),
    [
        ("none", 'there are no records: ELIZANET_DB is "none"'),
        ("sqlite:///./absent.db", "there are no records yet: absent.db does not exist"),
        ("postgresql://me:secret99@127.0.0.1:9/db", "Connect call failed"),
    ],
)
async def test_without_records_there_is_one_sentence(
    run: Run, what: str, database: str, sentence: str, tmp_path: Path
) -> None:
    """Exit code 1, no password, and no file is made."""
    ended = await run("records", what, ELIZANET_DB=database)
    assert ended.returncode == 1
    assert ended.stderr.startswith("elizanet: ")
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "secret99" not in ended.stderr
    assert list(tmp_path.iterdir()) == []
