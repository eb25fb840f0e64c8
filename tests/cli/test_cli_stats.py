"""`elizanet stats`: calls, fallbacks, latency, tokens and cost of a window of time."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from elizanet.call import Role, Usage
from elizanet.cli import main, summing
from elizanet.cli.errors import ExitCode
from elizanet.errors import FailureClass, Skipped
from elizanet.telemetry import CallEnded, Outcome
from support.made_calls import call_id, made, record, tried

Run = Callable[..., Awaitable[CompletedProcess[str]]]
Start = Callable[..., Awaitable[asyncio.subprocess.Process]]

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
USED = Usage(1000, 100, 1100)
OPEN = Skipped("openai", "gpt-4o", "breaker_open", 12.0)


def some_calls() -> list[CallEnded]:
    """Ten that went well, three that were moved, one that failed; and one of last week."""
    now = time.time()
    limited = tried("openai", "rate_limit", 429)
    well = [
        made(call_id(now - 60 - n, n), tried(usage=USED, duration=0.5), caller="team-a")
        for n in range(10)
    ]
    moved = [
        made(call_id(now - 30, 20 + n), limited, tried("azure", role=Role.NEXT, usage=USED))
        for n in range(2)
    ]
    skipped = made(call_id(now - 20, 30), tried("azure", usage=USED), passed_over=(OPEN,))
    failed = made(
        call_id(now - 10, 40),
        limited,
        outcome=Outcome.FAILED,
        failure_class=FailureClass.RATE_LIMIT,
        model="gpt-4o-mini",
    )
    old = made(call_id(now - 7 * 86_400, 50), tried())
    return [old, *well, *moved, skipped, failed]


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = record(tmp_path, *some_calls())
    monkeypatch.setenv("ELIZANET_DB", url)
    return url


def row(text: str, name: str) -> list[str]:
    """The cells of the only row of that name."""
    (found,) = (line for line in text.splitlines() if line.startswith(f"{name} "))
    return re.split(r" {2,}", found.strip())


def test_the_last_day_is_summed_up(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In a sentence, and in a table for each question."""
    assert main(["stats"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(
        "14 calls in the last 24 h, 92.9 % answered, 21.4 % by another than the first choice\n"
    )
    assert re.search(r"^a call  +\d+ ms  +\d+ ms  +\d+ ms", text, re.MULTILINE)
    assert row(text, "gpt-4o")[1:4] == ["13", "-", "3"]
    assert row(text, "gpt-4o-mini")[1:4] == ["1", "1", "-"]
    assert re.search(r"^azure/gpt-4o +3 +- +3 ", text, re.MULTILINE)
    assert re.search(r"^azure/gpt-4o +3 +100 %", text, re.MULTILINE)
    assert row(text, "nobody")[1:3] == ["1", "1"]
    assert row(text, "team-a")[1] == "10"
    assert row(text, "rate limited") == ["rate limited", "openai/gpt-4o", "azure/gpt-4o", "2"]
    assert row(text, "overloaded") == ["overloaded", "openai/gpt-4o", "azure/gpt-4o", "1"]
    assert "rate limited 3" in text
    assert "$0.0350" in text


def test_the_json_is_one_object(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With all that the tables show."""
    assert main(["stats", "--json", "--since", "30d"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["total"]["calls"], report["total"]["fallbacks"]) == (15, 3)
    assert {totals["key"][0]: totals["calls"] for totals in report["by_target"]} == {
        "openai/gpt-4o": 11, "azure/gpt-4o": 3, "": 1,
    }  # fmt: skip
    assert report["moved"][0] == {
        "reason": "rate_limit",
        "first_choice": "openai/gpt-4o",
        "answered_by": "azure/gpt-4o",
        "calls": 2,
    }
    assert report["until"] - report["since"] == pytest.approx(30 * 86_400, abs=60)


def test_a_window_without_calls_is_told(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where another one has some."""
    assert main(["stats", "--since", "5d", "--until", "4d"]) == 0
    out, err = capsys.readouterr()
    assert re.match(r"No call was made from 20\S+ \S+ to 20\S+ \S+\. A longer one: ", out)
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--since", "1h", "--until", "2h"], "--until is not after --since"),
        (["--since", "tomorrow"], "'tomorrow' is neither so long ago"),
    ],
)
def test_wrong_usage_is_one_sentence(
    database: str, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2."""
    assert main(["stats", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert sentence in err


def test_very_many_moved_calls_are_counted_by_the_newest(
    database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And that is said."""
    monkeypatch.setattr(summing, "MOST_MOVED", 2)
    assert main(["stats"]) == 0
    assert "of the newest 2" in capsys.readouterr().out


async def test_a_reader_that_goes_away_ends_it_quietly(start: Start, database: str) -> None:
    """`elizanet stats | head -1` needs no words."""
    process = await start("stats", ELIZANET_DB=database)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout._transport.close()  # type: ignore[attr-defined]
    assert await process.stderr.read() == b""
    assert await asyncio.wait_for(process.wait(), 10) == ExitCode.READER_GONE


@pytest.mark.parametrize("columns", [40, 60, 80, 160])
async def test_a_terminal_shows_tables_that_fit(
    run_in_terminal: Run, database: str, columns: int
) -> None:
    """Nothing is broken in two."""
    shown = await run_in_terminal("stats", columns=columns, ELIZANET_DB=database, NO_COLOR="1")
    assert shown.returncode == 0
    lines = [line.rstrip() for line in shown.stdout.splitlines()]
    assert max(map(len, lines)) <= columns
    assert ("tokens in" in shown.stdout) is (columns == 160)
    assert ("fallbacks" in shown.stdout) is (columns >= 80)
    took = [line for line in lines if line.startswith("a call ")]
    assert re.search(r" \d+ m?s +\d+ m?s +\d+ m?s$", took[0])
    assert "\x1b[" not in shown.stdout
