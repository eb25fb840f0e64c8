"""`elizanet classify`: lines in, lines out, and one error at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., Awaitable[CompletedProcess[str]]]
Start = Callable[..., Awaitable[asyncio.subprocess.Process]]

LIMITED = {"id": "a", "kind": "http", "status": 429, "headers": {"Retry-After": "7"}}
VERDICT = {
    "id": "a",
    "class": "rate_limit",
    "fallback": True,
    "retry_same_provider": True,
    "retry_after_s": 7.0,
}
RULE = """
def classify(failure):
    if failure.status == 418:
        return "overloaded"
    if failure.status == 419:
        raise LookupError("this rule is broken")
"""


def verdicts(ended: CompletedProcess[str]) -> list[dict[str, object]]:
    """Read the output: one JSON object a line."""
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture
def config(tmp_path: Path) -> str:
    """Return a configuration whose rule knows two statuses."""
    (tmp_path / "my_rules.py").write_text(RULE)
    (tmp_path / "own.toml").write_text('[hooks]\nclassify = "my_rules:classify"\n')
    return "own.toml"


async def test_a_case_has_the_verdict_of_the_contract(run: Run, tmp_path: Path) -> None:
    """The five fields, in order, from a file and from a pipe alike."""
    line = json.dumps(LIMITED)
    (tmp_path / "cases.jsonl").write_text(line)
    from_file = await run("classify", "--jsonl", "cases.jsonl")
    assert verdicts(from_file) == [VERDICT]
    assert list(verdicts(from_file)[0]) == list(VERDICT)
    assert (from_file.returncode, from_file.stderr) == (0, "")
    for arguments in (["--jsonl", "-"], []):
        piped = await run("classify", *arguments, stdin=line.encode())
        assert (piped.returncode, piped.stdout) == (0, from_file.stdout)


async def test_what_is_expected_of_a_case_is_not_looked_at(run: Run) -> None:
    """A label beside the case must not lead to the verdict."""
    labelled = LIMITED | {"expected": {"class": "auth"}, "tags": ["auth"], "why": "auth"}
    assert verdicts(await run("classify", stdin=json.dumps(labelled).encode())) == [VERDICT]


async def test_a_line_that_is_no_object_is_named_and_the_others_are_judged(run: Run) -> None:
    """One sentence with its number each; exit code 1 at the end."""
    lines = [b'{"status": 429}', b"", b"not json", b"[1]", b"\xff\xfe", b"  ", b'{"id": NaN}']
    lines += [b"[" * 100_000, b'{"id": 1e999}', b'{"status": 401, "id": {"any": "\\ud800"}}']
    ended = await run("classify", stdin=b"\n".join(lines))
    assert ended.returncode == 1
    assert [(v["id"], v["class"]) for v in verdicts(ended)] == [
        (None, "rate_limit"),
        ({"any": "\ud800"}, "auth"),
    ]
    told = ended.stderr.splitlines()
    assert [line.split(":")[1] for line in told] == [
        f" line {number} is not a JSON object" for number in (3, 4, 5, 7, 8, 9)
    ]


async def test_a_verdict_comes_as_soon_as_its_case(start: Start) -> None:
    """So that it can stand behind `tail -f`."""
    process = await start("classify")
    assert process.stdin is not None
    assert process.stdout is not None
    for status, expected in ((429, "rate_limit"), (503, "overloaded"), (401, "auth")):
        process.stdin.write(json.dumps({"status": status}).encode() + b"\n")
        answer = await asyncio.wait_for(process.stdout.readline(), 10)
        assert json.loads(answer)["class"] == expected
    assert await process.communicate(b"") == (b"", b"")


async def test_a_huge_line_is_judged(run: Run) -> None:
    """Eight megabytes in one body."""
    case = {"id": "big", "status": 429, "body": "x" * 8_000_000}
    ended = await run("classify", stdin=json.dumps(case).encode() + b"\n" + b'{"id": "next"}\n')
    assert [v["id"] for v in verdicts(ended)] == ["big", "next"]


async def test_no_verdict_of_a_redirected_output_goes_astray(
    run_in_terminal: Run, tmp_path: Path
) -> None:
    """While the bar is on the terminal, the verdicts are in the file, and all of them."""
    out = tmp_path / "verdicts.jsonl"
    cases = b'{"status": 429}\n{"status": 503}\n{"status": 401}\nbroken\n{"status": 400}\n'
    ended = await run_in_terminal("classify", slowly=cases, into=out)
    assert ended.returncode == 1
    classes = [json.loads(line)["class"] for line in out.read_text().splitlines()]
    assert classes == ["rate_limit", "overloaded", "auth", "bad_request"]
    assert "judging" in ended.stdout
    assert "line 4 is not a JSON object" in ended.stdout
    assert "rate_limit" not in ended.stdout


async def test_one_error_is_judged_from_options(run: Run, tmp_path: Path) -> None:
    """JSON in a pipe; the body may be in a file."""
    (tmp_path / "error.json").write_text('{"error": {"code": "insufficient_quota"}}')
    ended = await run(
        "classify", "--status", "429", "--body", "@error.json", "--provider", "openai"
    )
    assert ended.returncode == 0
    (verdict,) = verdicts(ended)
    assert (verdict["id"], verdict["class"]) == (None, "quota_exhausted")
    headers = ("--header", "Retry-After: 2", "--header", "content-type:text/plain")
    (verdict,) = verdicts(await run("classify", "--status", "429", *headers))
    assert (verdict["class"], verdict["retry_after_s"]) == ("rate_limit", 2.0)


async def test_one_error_is_told_readably_on_a_terminal(run_in_terminal: Run) -> None:
    """People get words, not JSON."""
    ended = await run_in_terminal(
        "classify", "--status", "429", "--header", "retry-after: 2", NO_COLOR="1"
    )
    assert ended.returncode == 0
    assert ended.stdout.splitlines() == [
        "rate_limit",
        "  fall back      yes, ask the next provider",
        "  same provider  another try may help",
        "  stated delay   2 s",
    ]


async def test_a_rule_of_the_configuration_goes_first(run: Run, config: str) -> None:
    """And only where the configuration is named."""
    teapot = ("classify", "--status", "418", "--body", "I am a teapot")
    (with_rule,) = verdicts(await run(*teapot, "--config", config))
    (without,) = verdicts(await run(*teapot))
    assert with_rule["class"] == "overloaded"
    assert without["class"] != "overloaded"


async def test_a_rule_that_fails_is_told_once(run: Run, config: str) -> None:
    """The built-in verdicts are given all the same; the exit code says that something is off."""
    lines = b'{"status": 419}\n{"status": 419}\n{"status": 429}\n'
    ended = await run("classify", "--config", config, stdin=lines)
    assert ended.returncode == 1
    assert len(verdicts(ended)) == 3
    assert ended.stderr == (
        "elizanet classify: hooks.classify failed: LookupError: this rule is broken\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--jsonl", "nowhere.jsonl"], "'nowhere.jsonl': No such file or directory"),
        (["--jsonl", "."], "Is a directory"),
        (["--jsonl", "-", "--status", "429"], "--jsonl does not go together with"),
        (["--status", "99"], "99 is not in the range"),
        (["--header", "no colon"], "--header is 'no colon'; it must be 'name: value'"),
        (["--body", "@nowhere"], "--body @nowhere cannot be read: No such file or directory"),
        (["--body", "@."], "Is a directory"),
        (["--provider", ""], "it is empty"),
        (["--config", "nowhere.toml", "--status", "429"], "nowhere.toml"),
    ],
)
async def test_wrong_usage_is_told(run: Run, arguments: list[str], sentence: str) -> None:
    """In one sentence, with exit code 2."""
    ended = await run("classify", *arguments)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1


async def test_nothing_to_judge_on_a_terminal_is_wrong_usage(run_in_terminal: Run) -> None:
    """It must not wait for lines that nobody will type."""
    ended = await run_in_terminal("classify", columns=200)
    assert ended.returncode == 2
    assert "there is no error to judge" in ended.stdout
