"""`elizanet demo`: what it shows is what happens, and it says so when it does not."""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import msgspec
import pytest
from click.testing import CliRunner

from elizanet.call import Attempt
from elizanet.cli.demo import catalogue, play
from elizanet.cli.demo.catalogue import SCENARIOS
from elizanet.cli.demo.scenario import Got, Performance, Scenario, Wanted, judged
from elizanet.cli.group import elizanet
from elizanet.errors import FailureClass
from elizanet.library import Elizanet
from elizanet.policy.breaker import THRESHOLD

Run = Callable[..., Awaitable[CompletedProcess[str]]]

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
STYLES = re.compile(r"\x1b\[[0-9;]*m")
SPECIFIED = {
    "rate-limit",
    "unavailable",
    "time-out",
    "connection-refused",
    "broken-stream",
    "insufficient-quota",
    "bad-request",
    "fallback-disabled",
    "both-down",
    "working-model",
    "embedding",
    "image",
    "object",
    "streaming",
    "cut-off-stream",
}
RESILIENT = {
    "dead-provider", "silent-stream", "continued-stream", "key-rotation", "all-limited",
}  # fmt: skip


async def test_every_scenario_behaves(run: Run) -> None:
    """Plain lines in a pipe, exit code 0, in less than ten seconds."""
    began = time.monotonic()
    ended = await run("demo")
    assert time.monotonic() - began < 10
    assert (ended.returncode, ended.stderr) == (0, "")
    *lines, summary = ended.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["ok", name] for name in SCENARIOS]
    assert set(SCENARIOS) >= SPECIFIED | RESILIENT
    assert f"all {len(SCENARIOS)} scenarios behaved as they should" in summary
    assert "primary 429 rate_limit -> backup answered" in ended.stdout
    assert "\x1b" not in ended.stdout


async def test_calls_that_went_alike_are_told_together(run: Run) -> None:
    """What changes from call to call is seen at a glance, in a pipe and for machines."""
    names = ("--scenario", "dead-provider", "--scenario", "all-limited")
    dead, limited, _ = (await run("demo", *names)).stdout.splitlines()
    failing = math.ceil(THRESHOLD)
    told = f"{failing} calls: primary 503 overloaded -> backup answered; 3 calls: backup answered"
    assert f"  {told}  backup answers: Hello, world!" in dead
    assert "; 3 calls: nobody asked -> error  error: rate_limit, again in 20 s" in limited
    report = json.loads((await run("demo", "--json", *names)).stdout)
    assert [len(scenario["calls"]) for scenario in report["scenarios"]] == [failing + 3, 4]
    last = report["scenarios"][1]["calls"][-1]
    assert last["attempts"] == []
    assert 19 <= last["retry_after_s"] <= 20


async def test_nothing_of_the_user_takes_part(run: Run, tmp_path: Path) -> None:
    """No variable, no file, no proxy: the demo is the same for everybody."""
    (tmp_path / "elizanet.toml").write_text("this is no TOML")
    (tmp_path / ".env").write_text("ELIZANET_TIMEOUT=never\n")
    proxy = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    names = ("--scenario", "working-model", "--scenario", "rate-limit")
    ended = await run(
        "demo",
        *names,
        ELIZANET_FALLBACK_ENABLED="perhaps",
        ELIZANET_API_KEY="sk-planted-1",
        **proxy,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout.splitlines()) == 3


async def test_the_json_has_the_whole_path(run: Run) -> None:
    """Who was asked, what failed, who answered, how long."""
    ended = await run("demo", "--json", "--scenario", "unavailable")
    report = json.loads(ended.stdout)
    (scenario,) = report["scenarios"]
    (call,) = scenario["calls"]
    assert report["behaved"] is True
    assert call["answer"] == "backup answers: Hello, world!"
    for attempt in call["attempts"]:
        assert attempt.pop("ms") >= 0
    assert call["attempts"] == [
        {"provider": "primary", "model": "gpt-4o-mini", "class": "overloaded", "status": 503},
        {"provider": "backup", "model": "gpt-4o-mini", "class": None, "status": 200},
    ]


@pytest.mark.parametrize("columns", [80, 120])
async def test_a_terminal_shows_a_table_that_fits(run_in_terminal: Run, columns: int) -> None:
    """No line is broken, a row a scenario, the summary last; wide ones show the answers too."""
    ended = await run_in_terminal("demo", columns=columns, rows=20)
    assert ended.returncode == 0
    assert STYLES.search(ended.stdout)
    lines = [line.rstrip() for line in ESCAPES.sub("", ended.stdout).splitlines()]
    assert max(map(len, lines)) <= columns
    rows = [line for line in lines if line.startswith("✓ ")]
    assert [row.split()[1] for row in rows] == list(SCENARIOS)
    assert all(row.endswith(" ms") for row in rows)
    assert lines[-1].startswith(f"all {len(SCENARIOS)} scenarios behaved")
    assert ("backup answers: Hello, world!" in "\n".join(rows)) == (columns == 120)


async def test_a_terminal_without_colour_has_the_same_table(run_in_terminal: Run) -> None:
    """NO_COLOR takes the styles away and nothing else."""
    ended = await run_in_terminal("demo", "--scenario", "rate-limit", NO_COLOR="1")
    assert not STYLES.search(ended.stdout)
    assert "✓ rate-limit         primary rate_limit → backup answered" in ended.stdout


async def test_an_old_terminal_gets_ascii(run_in_terminal: Run) -> None:
    """What its encoding does not have is not sent."""
    ended = await run_in_terminal("demo", "--scenario", "rate-limit", PYTHONIOENCODING="ascii")
    assert ended.stdout.isascii()
    assert "ok rate-limit" in ESCAPES.sub("", ended.stdout)
    dumb = await run_in_terminal("demo", "--scenario", "rate-limit", TERM="dumb")
    assert dumb.stdout.startswith("ok     rate-limit")
    assert "\x1b" not in dumb.stdout


async def test_the_list_says_what_each_shows(run: Run) -> None:
    """One line each; for machines as JSON."""
    lines = (await run("demo", "--list")).stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(SCENARIOS)
    shown = json.loads((await run("demo", "--list", "--json", "--scenario", "image")).stdout)
    assert shown == {"image": SCENARIOS["image"].shows}


async def test_an_unknown_scenario_is_told_with_the_nearest(run: Run) -> None:
    """Before anything is played."""
    ended = await run("demo", "--scenario", "ratelimit")
    assert ended.returncode == 2
    assert "there is no scenario 'ratelimit'; did you mean 'rate-limit'?" in ended.stderr


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_scenario_that_does_not_behave_fails_the_demo(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the demo says which, and what happened instead."""
    wrong = replace(SCENARIOS["rate-limit"], primary=("auth",))
    monkeypatch.setattr(catalogue, "SCENARIOS", {"rate-limit": wrong})
    ended = CliRunner().invoke(elizanet, ["demo", *arguments])
    assert ended.exit_code == 1
    assert "asked were primary: auth, backup: answered" in ended.output
    if arguments:
        assert json.loads(ended.output)["behaved"] is False
    else:
        assert ended.output.startswith("FAILED rate-limit")
        assert "1 of 1 scenarios did not behave: rate-limit" in ended.output


def test_a_scenario_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo never hangs."""

    async def silence(_net: Elizanet) -> AsyncIterator[str]:
        await asyncio.sleep(3600)
        yield ""

    endless = Scenario("endless", "", silence, (Wanted(()),))
    monkeypatch.setattr(play, "LONGEST_S", 0.05)
    monkeypatch.setattr(catalogue, "SCENARIOS", {"endless": endless})
    ended = CliRunner().invoke(elizanet, ["demo"])
    assert ended.exit_code == 1
    assert "it did not come to an end" in ended.output


async def test_the_demo_leaves_records_that_tell_its_stories(run: Run, tmp_path: Path) -> None:
    """It says what to look at next; each scenario's line has the id of its last call."""
    url = f"sqlite:///{tmp_path / 'demo.db'}"
    ended = await run("demo", ELIZANET_DB=url)
    assert (ended.returncode, ended.stderr) == (0, "")
    *lines, _summary, every, best = ended.stdout.splitlines()
    assert re.match(r"every call: elizanet logs --run demo --limit \d+$", every)
    assert re.match(r"dead-provider: elizanet explain req_[0-9a-f]{16}$", best)
    logs = (await run(*every.split()[3:], ELIZANET_DB=url)).stdout.splitlines()
    assert len(logs) == int(every.split()[-1])
    for line in lines:
        (call,) = re.findall(r"req_[0-9a-f]{28}", line)
        assert any(call in log for log in logs)
    told = (await run(*best.split()[2:], ELIZANET_DB=url)).stdout
    assert "primary/gpt-4o-mini was not asked (breaker open)." in told
    assert re.search(r"known since \d\d:\d\d:\d\d, (less than a second|\d s) before", told)


async def test_each_scenario_is_explained_by_its_own_words(run: Run, tmp_path: Path) -> None:
    """What it shows is what the record says."""
    url = f"sqlite:///{tmp_path / 'demo.db'}"
    stories = {
        "short-wait": "the wait it asked for was short",
        "connection-refused": "nothing had been sent, so that nothing could happen twice",
        "wrong-key": "others have keys of their own, and the operator is told",
        "cut-off-stream": "half an answer is never passed off as a whole one",
        "silent-stream": "without a word, backup/gpt-4o was asked beside it",
        "continued-stream": "backup/gpt-4o was asked to go on where it had stopped",
        "key-rotation": "Through another of its keys primary/gpt-4o-mini was not asked",
        "all-limited": "So nobody was asked",
        "bad-request": "would be wrong everywhere",
        "fallback-disabled": "was not asked: the operator has turned fallback off",
        "both-down": "Nobody was left to ask",
    }
    names = [part for name in stories for part in ("--scenario", name)]
    ended = await run("demo", "--json", *names, ELIZANET_DB=url)
    for scenario in json.loads(ended.stdout)["scenarios"]:
        told = await run("explain", scenario["calls"][-1]["id"], ELIZANET_DB=url)
        assert stories[scenario["name"]] in told.stdout, scenario["name"]


async def test_a_database_that_cannot_be_written_does_not_disturb_the_demo(
    run: Run, tmp_path: Path
) -> None:
    """One sentence at the end, and the same exit code."""
    (tmp_path / "broken.db").write_text("no database" * 1000)
    for url in (f"sqlite:///{tmp_path / 'broken.db'}", "sqlite:////proc/nothing/demo.db"):
        began = time.monotonic()
        ended = await run("demo", "--scenario", "rate-limit", ELIZANET_DB=url)
        assert time.monotonic() - began < 6
        assert ended.returncode == 0
        assert ended.stderr.startswith("the demo was not recorded: ")
        assert ended.stderr.count("\n") == 1
        assert ended.stdout.splitlines()[-1].startswith("the scenario behaved as it should")


ANSWERED = Attempt(2, "backup", "m", 0.01, 0.01, None, 200)
LIMITED = Attempt(1, "primary", "m", 0.0, 0.01, FailureClass.RATE_LIMIT, 429)
GOOD = Got((LIMITED, ANSWERED), catalogue.FROM_BACKUP, seconds=0.02)
WELL = Performance((GOOD,), {"primary": 1, "backup": 1})


def problems_of(name: str, performance: Performance) -> tuple[str, ...]:
    return judged(SCENARIOS[name], performance).problems


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, None),
        ({"answer": catalogue.FROM_PRIMARY}, "the caller got 'primary answers"),
        ({"answer": ""}, "the caller got ''"),
        ({"error": FailureClass.TIMEOUT, "message": "late"}, "the caller got timeout instead"),
        ({"attempts": (LIMITED,)}, "asked were primary: rate_limit instead of"),
        ({"attempts": ()}, "asked were nobody instead of"),
    ],
)
def test_each_departure_from_a_scenario_is_seen(
    change: dict[str, object], problem: str | None
) -> None:
    """The path, the answer and the error."""
    changed = replace(GOOD, **change)  # type: ignore[arg-type]
    problems = problems_of("rate-limit", replace(WELL, calls=(changed,)))
    assert bool(problems) == (problem is not None)
    if problem is not None:
        assert any(told.startswith(problem) for told in problems)


def test_what_the_providers_saw_counts_too() -> None:
    """A request that nobody should have sent, one that never came, and no end at all."""
    for received, problem in (
        ({"primary": 0, "backup": 1}, "primary received 0 requests instead of 1"),
        ({"primary": 1, "backup": 2}, "backup received 2 requests instead of 1"),
    ):
        assert problems_of("rate-limit", replace(WELL, received=received)) == (problem,)
    stopped = replace(WELL, late=True)
    assert problems_of("rate-limit", stopped) == ("it did not come to an end",)


def test_each_call_of_several_is_judged() -> None:
    """By its number; and a delay may be shorter by what has passed of it, but not longer."""
    limited = (LIMITED, msgspec.structs.replace(LIMITED, provider="backup"))
    first = Got(limited, "", FailureClass.RATE_LIMIT, retry_after=20.0)
    then = Got((), "", FailureClass.RATE_LIMIT, retry_after=19.1)
    received = {"primary": 1, "backup": 1}
    good = Performance((first, then, then, then), received)
    assert problems_of("all-limited", good) == ()
    for wrong in (18.9, 20.1, None):
        bad = replace(good, calls=(first, then, replace(then, retry_after=wrong), then))
        assert problems_of("all-limited", bad) == (
            f"call 3: the caller is to wait {wrong} s instead of 20 s",
        )


def test_a_refused_key_must_not_be_used_again() -> None:
    """Whichever of the two it was."""
    refused = Attempt(1, "primary", "m", 0.0, 0.01, FailureClass.AUTH, 401, key="one")
    answers = [Attempt(n, "primary", "m", 0.0, 0.01, None, 200, key="two") for n in (2, 1, 1, 1)]
    calls = [Got((answer,), catalogue.FROM_PRIMARY) for answer in answers]
    calls[0] = replace(calls[0], attempts=(refused, answers[0]))
    received = {"primary": 5, "backup": 0}
    assert problems_of("key-rotation", Performance(tuple(calls), received)) == ()
    calls[2] = Got((msgspec.structs.replace(answers[2], key="one"),), catalogue.FROM_PRIMARY)
    assert problems_of("key-rotation", Performance(tuple(calls), received)) == (
        "one was used again after it had been refused",
    )
