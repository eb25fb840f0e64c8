"""`elizanet logs`: the calls that were made, one a line."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, NamedTuple

import pytest

from elizanet.call import Attempt, Role, Usage
from elizanet.cli import main
from elizanet.cli.errors import ExitCode
from elizanet.cli.finding import Finder
from elizanet.cli.following import Follower
from elizanet.errors import FailureClass, Skipped
from elizanet.records.reading import Which
from elizanet.telemetry import CallEnded, HealthChanged, Outcome
from support.made_calls import call_id, made, record, tried

Run = Callable[..., Awaitable[CompletedProcess[str]]]
Start = Callable[..., Awaitable[asyncio.subprocess.Process]]
Logs = Callable[..., tuple[int, list[str], str]]

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
NOW = time.time()
OPEN = Skipped("openai", "gpt-4o", "breaker_open", 12.0, "it is busy")


WITH_KEYS = """
[gateway]
host = "0.0.0.0"
keys = ["env:ONE_CALLER", "env:ANOTHER_CALLER"]
[providers.openai]
base_url = "https://api.openai.com/v1"
api_key = "env:THE_KEY_OF_OPENAI"
[providers.groq]
base_url = "https://api.groq.com/openai/v1"
api_keys = ["file:/run/secrets/none", "file:/run/secrets/neither"]
headers = { x-org = "env:NOWHERE_EITHER" }
[models."*"]
chain = ["openai/*", "groq/*"]
"""


def some_calls() -> list[CallEnded]:
    """One of each kind, an hour apart, the oldest first."""
    used = Usage(1204, 310, 1514)
    limited = tried("openai", "rate_limit", 429, "slow down")
    kinds: list[tuple[tuple[Attempt, ...], dict[str, Any]]] = [
        ((tried("openai", usage=used),), {"caller": "team-a"}),
        ((limited, tried("azure", role=Role.NEXT, started=0.1, usage=used)), {}),
        ((tried("azure"),), {"passed_over": (OPEN,), "model": "gpt-4o-mini"}),
        ((limited, tried("azure", "connection", None, role=Role.NEXT)),
         {"outcome": Outcome.FAILED, "failure_class": FailureClass.RATE_LIMIT}),
        ((tried("openai", "stream_interrupted", 200),),
         {"outcome": Outcome.BROKEN, "stream": True, "first_content": 0.1}),
        ((tried("openai", "cancelled", None),), {"outcome": Outcome.LEFT, "caller": "team-b"}),
    ]  # fmt: skip
    return [
        made(call_id(NOW - 36_000 + 3600 * number, number), *attempts, **changes)
        for number, (attempts, changes) in enumerate(kinds)
    ]


@pytest.fixture
def logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Logs:
    """Run the command over some calls; returns its exit code, its lines, and what it complains."""
    monkeypatch.setenv("ELIZANET_DB", record(tmp_path, *some_calls()))

    def run(*arguments: str) -> tuple[int, list[str], str]:
        code = main(["logs", *arguments])
        out, err = capsys.readouterr()
        return code, out.splitlines(), err

    return run


def numbers(lines: list[str]) -> list[int]:
    """Which of the calls are shown, by their ids."""
    return [int(found[1], 16) for line in lines if (found := re.search(r"req_.{12}(.{16})", line))]


def test_each_call_is_a_line_the_newest_last(logs: Logs) -> None:
    """When, how it ended, what for, how long, tokens, cost, id, who, and the path in words."""
    code, lines, err = logs()
    assert (code, err, numbers(lines)) == (0, "", [0, 1, 2, 3, 4, 5])
    paths = [line.split("  ")[-1].strip() for line in lines]
    assert paths == [
        "openai",
        "openai rate limited -> azure",
        "openai breaker open (not asked) -> azure",
        "openai rate limited, azure unreachable -> nobody",
        "openai stream broke -> cut off",
        "openai asked -> caller left",
    ]
    assert re.match(
        r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d  answered  gpt-4o {20}  110 ms|"
        r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d  answered  gpt-4o {19,}\d+ ms    1,204\+310    \$0.0061  "
        r"req_[0-9a-f]{28}  team-a      openai$",
        lines[0],
    )
    assert len({line.index("req_") for line in lines}) == 1


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--fallbacks"], [1, 2]),
        (["--failed"], [3, 4]),
        (["--troubled"], [1, 2, 3, 4]),
        (["--model", "gpt-4o-mini"], [2]),
        (["--provider", "azure"], [1, 2, 3]),
        (["--caller", "team-b"], [5]),
        (["--outcome", "left"], [5]),
        (["--outcome", "failed"], [3]),
        (["--class", "connection"], [3]),
        (["--class", "rate_limit", "--fallbacks"], [1]),
        (["--run", "run_1", "--limit", "2"], [4, 5]),
        (["-n", "0"], [0, 1, 2, 3, 4, 5]),
        (["--since", "5h30m"], [5]),
        (["--since", "8h30m", "--until", "6.5h"], [2, 3]),
        (["--failed", "--limit", "1"], [4]),
    ],
)
def test_filters_hold_all_at_once(logs: Logs, arguments: list[str], shown: list[int]) -> None:
    """By what happened, by names, by time, by number."""
    code, lines, _ = logs(*arguments)
    assert (code, numbers(lines)) == (0, shown)


def test_what_is_left_out_is_told(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error, so that a pipe has calls only; not to somebody who wanted it so."""
    monkeypatch.setattr("elizanet.cli.logs.USUALLY", 2)
    _, lines, err = logs()
    assert len(lines) == 2
    assert err == "there are older ones: --limit 20 shows more, --limit 0 all of them\n"
    assert logs("--limit", "2")[2] == ""
    assert logs("--since", "1d")[2] == ""


def test_nothing_found_is_told_with_the_newest_there_is(logs: Logs) -> None:
    """And is no failure."""
    code, lines, err = logs("--model", "nobody")
    assert (code, lines) == (0, [])
    assert re.match(r"no call matches; the newest of all is of 20\d\d-\d\d-\d\d \d\d:", err)


def test_the_json_is_one_record_a_line(logs: Logs) -> None:
    """With everything that is known, under the names of the records."""
    _, lines, _ = logs("--json", "--fallbacks")
    first, second = map(json.loads, lines)
    assert (first["fallback_reason"], first["provider"]) == ("rate_limit", "azure")
    assert [a["provider"] for a in first["attempts"]] == ["openai", "azure"]
    assert first["extra_cost"] == pytest.approx(1204 * 2.5e-6 + 310 * 10e-6)
    assert second["passed_over"][0]["reason"] == "breaker_open"
    assert not {"request", "answer"} & set(first)  # that is not read for a list


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--since", "soon"], "'soon' is neither so long ago (90s, 15m, 1h30m, 7d) nor a date"),
        (["--outcome", "lost"], "'lost' is not one of 'answered', 'failed', 'broken', 'left'"),
        (["--class", "500"], "'500' is not one of 'rate_limit', 'quota_exhausted',"),
        (["--limit", "-1"], "-1 is not in the range x>=0"),
        (["--failed", "--outcome", "left"], "--failed and --outcome exclude each other"),
        (["--follow", "--until", "1h"], "--follow and --until exclude each other"),
        (["--since", "1h", "--until", "2h"], "--until is not after --since"),
    ],
)
def test_wrong_usage_is_one_sentence(logs: Logs, arguments: list[str], sentence: str) -> None:
    """It names the value and what is allowed; exit code 2."""
    code, lines, err = logs(*arguments)
    assert (code, lines, err.count("\n")) == (2, [], 1)
    assert sentence in err


@pytest.mark.parametrize("command", [["logs"], ["stats"], ["explain", "req_0123456789ab"]])
def test_without_records_it_is_told_how_to_get_some(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Switched off, no file yet, an empty one, without a call, a file that is none, a folder."""
    off = "sqlite:///" + str(tmp_path / "nothing.db")
    empty = tmp_path / "empty.db"
    empty.touch()
    without = record(tmp_path, HealthChanged("openai", "breaker", "open", "503"))
    broken = tmp_path / "broken.db"
    broken.write_text("this is no database, whatever its name says" * 100)
    for database, code, sentence in (
        ("none", 1, 'nothing is recorded, because ELIZANET_DB is "none": unset it'),
        (off, None, "there are no records yet: they come with the first call"),
        (f"sqlite:///{empty}", None, "there are no records yet: they come with the first"),
        (without, None, "there are no records yet: they come with the first call"),
        (f"sqlite:///{tmp_path}", 1, f"{tmp_path}: Is a directory"),
        (f"sqlite:///{broken}", 1, "not a database"),
        ("mysql://somewhere", 2, "ELIZANET_DB"),
    ):
        monkeypatch.setenv("ELIZANET_DB", database)
        expected = (command[0] == "explain") if code is None else code
        assert main(command) == expected, database
        out, err = capsys.readouterr()
        assert out == ""
        assert sentence in err
        assert err.count("\n") == 1
    assert not (tmp_path / "nothing.db").exists()


@pytest.mark.parametrize(
    "command", [["logs"], ["stats"], ["explain", call_id(NOW)], ["records", "status"]]
)
def test_who_reads_records_needs_no_keys(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Those of the configuration are the gateway's; what is wrong in it is told all the same."""
    monkeypatch.setenv("ELIZANET_DB", record(tmp_path, made(call_id(NOW), tried())))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "elizanet.toml"
    file.write_text(WITH_KEYS)
    assert main(command) == 0
    assert capsys.readouterr().err == ""
    file.write_text(f"{WITH_KEYS}[records]\nkeep_days = 0\n")
    assert main(command) == ExitCode.USAGE
    assert "records.keep_days" in capsys.readouterr().err


@pytest.mark.parametrize("columns", [40, 48, 60, 80, 120, 180])
async def test_a_terminal_shows_one_line_a_call(
    run_in_terminal: Run, tmp_path: Path, columns: int
) -> None:
    """As much as there is room for; a name cannot steer the terminal."""
    long = made(call_id(NOW - 10), tried(), model="a-model-\x1b]0;gotcha\x07-with-a-long-name")
    url = record(tmp_path, *some_calls(), long)
    shown = await run_in_terminal("logs", columns=columns, ELIZANET_DB=url)
    assert shown.returncode == 0
    assert "\x1b]0;" not in shown.stdout
    lines = [line.rstrip() for line in ESCAPES.sub("", shown.stdout).splitlines()]
    lines = [line for line in lines if re.match(r"\d\d:\d\d:\d\d ", line)]
    assert len(lines) == 7
    assert max(map(len, lines)) <= columns
    assert re.match(r"\d\d:\d\d:\d\d  ↪ gpt-4o ", lines[1]) or columns < 60
    assert ("110 ms" in lines[0]) is (columns >= 48)
    assert "→ azure" in lines[1]
    for line, call in zip(lines, [*some_calls(), long], strict=True):
        assert line.endswith(call.call_id if columns >= 180 else call.call_id[4:18])
    assert ("$0.0061" in shown.stdout) is (columns >= 120)


async def test_another_day_has_a_line_of_its_own(run_in_terminal: Run, tmp_path: Path) -> None:
    """Times alone would mislead."""
    old = made(call_id(NOW - 3 * 86_400), tried())
    url = record(tmp_path, old, made(call_id(NOW), tried()))
    shown = await run_in_terminal("logs", ELIZANET_DB=url, NO_COLOR="1")
    day, first, _today, second = shown.stdout.splitlines()
    assert time.strftime("%A, %d %B %Y", time.localtime(NOW - 3 * 86_400)) in day
    assert old.call_id[4:18] in first
    assert "✓" in second


@asynccontextmanager
async def following(start: Start, url: str, *arguments: str) -> AsyncIterator[Following]:
    """Follow the logs; at the end Ctrl-C ends it quietly, and whatever fails, it is gone."""
    process = await start("logs", "--follow", *arguments, ELIZANET_DB=url)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        yield Following(process.stdout, process.stderr)
        process.send_signal(signal.SIGINT)
        out, _ = await asyncio.wait_for(process.communicate(), 10)
        assert (process.returncode, out) == (0, b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Following(NamedTuple):
    """What a process that follows the logs writes."""

    out: asyncio.StreamReader
    err: asyncio.StreamReader

    async def shown(self) -> int:
        """Return the number of the next call."""
        line = await asyncio.wait_for(self.out.readline(), 20)
        (number,) = numbers([line.decode()])
        return number


async def test_it_follows_whatever_happens_to_the_database(start: Start, tmp_path: Path) -> None:
    """It waits for the first call, and survives a database that is deleted and begun anew."""
    async with following(start, f"sqlite:///{tmp_path / 'records.db'}") as logs:
        waiting = await asyncio.wait_for(logs.err.readline(), 10)
        assert waiting.startswith(b"there are no records yet")
        assert waiting.endswith(b"(waiting)\n")
        for number in range(3):
            record(tmp_path, made(call_id(NOW - number, number), tried()))
            assert await logs.shown() == number
        for path in tmp_path.glob("records.db*"):
            path.unlink()
        await asyncio.sleep(0.6)
        record(tmp_path, made(call_id(NOW, 7), tried()))
        assert await logs.shown() == 7


async def test_following_begins_with_the_newest_and_shows_late_ones(
    start: Start, tmp_path: Path
) -> None:
    """A long call is recorded when it ends, and belongs to an earlier moment."""
    url = record(tmp_path, *some_calls())
    async with following(start, url, "--limit", "2", "--json") as logs:
        assert [await logs.shown() for _ in range(2)] == [4, 5]
        record(tmp_path, made(call_id(NOW - 80_000, 9), tried()))
        assert await logs.shown() == 9


def test_a_burst_between_two_looks_is_shown_or_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it as far back as a long look goes; beyond that somebody is told."""
    monkeypatch.setattr("elizanet.cli.following.LOOK", 3)
    monkeypatch.setattr("elizanet.cli.following.LONG_LOOK", 10)
    calls = [made(call_id(NOW + n, n), tried()) for n in range(30)]
    follower = Follower(Finder(record(tmp_path, *calls[:2]), [Which()]), 50)
    assert len(follower.poll()) == 2
    record(tmp_path, *calls[2:10])
    assert [call.id for call in follower.poll()] == [event.call_id for event in calls[2:10]]
    assert capsys.readouterr().err == ""
    record(tmp_path, *calls[10:])
    assert [call.id for call in follower.poll()] == [event.call_id for event in calls[20:]]
    assert "more than 10 calls since the last look" in capsys.readouterr().err


async def test_a_reader_that_goes_away_ends_it_quietly(start: Start, tmp_path: Path) -> None:
    """`elizanet logs | head -1` needs no words."""
    url = record(tmp_path, *[made(call_id(NOW + n, n), tried()) for n in range(600)])
    process = await start("logs", "-n", "0", "--json", ELIZANET_DB=url)
    assert process.stdout is not None
    assert process.stderr is not None
    assert numbers([(await process.stdout.readline()).decode()]) == [0]
    process.stdout._transport.close()  # type: ignore[attr-defined]
    assert await process.stderr.read() == b""
    assert await asyncio.wait_for(process.wait(), 10) == ExitCode.READER_GONE


def test_more_calls_than_a_page_are_all_found(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them once, whatever the limit is."""
    monkeypatch.setattr("elizanet.cli.finding.PAGE", 2)
    assert numbers(logs("-n", "0")[1]) == [0, 1, 2, 3, 4, 5]
    assert numbers(logs("-n", "5")[1]) == [1, 2, 3, 4, 5]
    assert numbers(logs("-n", "0", "--failed")[1]) == [3, 4]
