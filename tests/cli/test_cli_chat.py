"""`elizanet chat`: one answer through the chain, or one sentence why there is none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from elizanet.testing import Upstream

Run = Callable[..., Awaitable[CompletedProcess[str]]]
Start = Callable[..., Awaitable[asyncio.subprocess.Process]]
Configure = Callable[..., None]

KEY = "sk-planted-0123456789abcdef"


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, primary: Upstream, backup: Upstream) -> None:
    """An `elizanet.toml` with both providers in a chain, in the test's directory."""
    tables = [
        f'[providers.{p.name}]\nbase_url = "{p.base_url}"\napi_key = "{KEY}"\n'
        for p in (primary, backup)
    ]
    chain = '[models."gpt-*"]\nchain = ["primary/*", "backup/*"]\n'
    (tmp_path / "elizanet.toml").write_text("\n".join([*tables, chain]))


@pytest.mark.parametrize("how", ["--stream", "--no-stream"])
async def test_the_answer_comes_from_whoever_has_one(
    run: Run, primary: Upstream, backup: Upstream, how: str
) -> None:
    """On standard output with a line end, and not a word about the failure."""
    primary.fail("rate_limit")
    ended = await run("chat", how, "Hello there")
    assert (ended.returncode, ended.stdout, ended.stderr) == (
        0,
        "backup answers: Hello there\n",
        "",
    )
    (asked,) = backup.requests
    assert asked.stream is (how == "--stream")
    assert asked.model == "gpt-4o"


async def test_model_and_system_go_along(run: Run, primary: Upstream) -> None:
    """As a message before the text."""
    ended = await run("chat", "--model", "gpt-4o-mini", "--system", "Be short.", "Hi")
    assert ended.returncode == 0
    assert primary.requests[0].fields["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Hi"},
    ]
    assert primary.requests[0].model == "gpt-4o-mini"


async def test_the_words_are_there_as_they_come(start: Start, primary: Upstream) -> None:
    """The first one is printed while the stream still waits."""
    primary.fail("stall_stream=1")
    process = await start("chat", "Hello there")
    assert process.stdout is not None
    first = await asyncio.wait_for(process.stdout.read(100), 10)
    assert first == b"primary"
    process.kill()
    await process.communicate()


async def test_the_attempts_are_explained_on_standard_error(run: Run, primary: Upstream) -> None:
    """The answer alone is on standard output."""
    primary.fail("status=503")
    ended = await run("chat", "--explain", "Hello")
    assert (ended.returncode, ended.stdout) == (0, "backup answers: Hello\n")
    first, second = ended.stderr.splitlines()
    assert re.match(r"attempt 1, at 0\.0\d\d s: primary/gpt-4o 503 overloaded in \d+ ms: .+", first)
    assert re.match(r"attempt 2, at \d\.\d+ s: backup/gpt-4o 200 answered in \d+ ms$", second)


async def test_what_is_recorded_can_be_explained_afterwards(
    run: Run, primary: Upstream, tmp_path: Path
) -> None:
    """The command for it is told."""
    primary.fail("status=503")
    url = f"sqlite:///{tmp_path / 'records.db'}"
    ended = await run("chat", "--explain", "Hello", ELIZANET_DB=url)
    *_, last = ended.stderr.splitlines()
    assert re.fullmatch(r"why it went there: elizanet explain req_[0-9a-f]{28}", last)
    told = await run(*last.split()[5:], ELIZANET_DB=url)
    assert "because primary/gpt-4o was broken or busy." in told.stdout


async def test_the_input_may_come_through_a_pipe(run: Run, primary: Upstream) -> None:
    """With - or with no TEXT at all; a byte order mark is not part of it."""
    for arguments in (["-"], []):
        ended = await run("chat", *arguments, stdin="\ufeffGrüße aus Köln\n".encode())
        assert ended.stdout == "primary answers: Grüße aus Köln\n"
    content = primary.requests[0].fields["messages"]
    assert content == [{"role": "user", "content": "Grüße aus Köln\n"}]


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (["-"], b"abc\xffdef", "not UTF-8: byte 0xff at position 3"),
        (["-"], b"", "there is nothing to ask"),
        (["  "], b"", "there is nothing to ask"),
        (["--model", "", "Hi"], b"", "it is empty"),
        (["--config", "", "Hi"], b"", "it is empty"),
        (["--config", "nowhere.toml", "Hi"], b"", "nowhere.toml"),
        (["--model", "gtp-4o", "Hi"], b"", "no chain serves the model 'gtp-4o'"),
        (["-"], b"x" * 401, "the standard input has more than 100 characters"),
        (["x" * 101], b"", "101 characters; at most 100 are allowed"),
        (["Hi", "--system", "x" * 101], b"", "101 characters; at most 100 are allowed"),
    ],
)
async def test_a_wrong_request_is_one_sentence(
    run: Run, primary: Upstream, arguments: list[str], stdin: bytes, sentence: str
) -> None:
    """Exit code 2, and no provider is asked."""
    ended = await run("chat", *arguments, stdin=stdin, ELIZANET_MAX_INPUT_LENGTH="100")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert primary.requests == []


async def test_no_text_on_a_terminal_is_wrong_usage(run_in_terminal: Run) -> None:
    """It must not wait for an end of input that nobody will type."""
    ended = await run_in_terminal("chat", columns=200)
    assert ended.returncode == 2
    assert "there is no TEXT; give one, as in" in ended.stdout


async def test_a_failure_tells_what_each_of_them_said(
    run: Run, primary: Upstream, backup: Upstream
) -> None:
    """One sentence, exit code 1; the key that a provider repeats is not in it."""
    primary.fail(f"auth,message='Incorrect API key provided: {KEY}.'")
    backup.fail("quota")
    ended = await run("chat", "--explain", "Hello")
    assert (ended.returncode, ended.stdout) == (1, "")
    *_, sentence = ended.stderr.splitlines()
    assert sentence.startswith("elizanet chat: no answer: primary/gpt-4o 401 auth in ")
    assert "; backup/gpt-4o 429 quota_exhausted in " in sentence
    assert ended.stderr.count("\n") == 3
    assert KEY not in ended.stderr


async def test_half_an_answer_is_told_to_be_one(run: Run, primary: Upstream) -> None:
    """The words, a line end, a sentence, exit code 1."""
    primary.fail("cut_stream=2")
    ended = await run("chat", "Hello there")
    assert (ended.returncode, ended.stdout) == (1, "primary answers:\n")
    assert ended.stderr.startswith(
        "elizanet chat: the answer broke off: primary/gpt-4o 200 stream_interrupted in "
    )
    assert ended.stderr.count("\n") == 1


async def test_an_answer_cannot_steer_the_terminal(run: Run, run_in_terminal: Run) -> None:
    """A pipe gets it as it is."""
    asked = "\x1b]0;gotcha\x07 done"
    assert (await run("chat", asked)).stdout == f"primary answers: {asked}\n"
    on_terminal = await run_in_terminal("chat", asked)
    assert on_terminal.stdout == "primary answers: �]0;gotcha� done\r\n"


async def test_a_long_wait_shows_a_bar_that_goes_away(
    run_in_terminal: Run, primary: Upstream
) -> None:
    """Only on a terminal, and only after two seconds."""
    primary.fail("slow=3")
    ended = await run_in_terminal("chat", "Hello")
    assert ended.returncode == 0
    assert "asking for gpt-4o (2 s)" in ended.stdout
    assert ended.stdout.endswith("\x1b[2Kprimary answers: Hello\r\n")


async def test_an_output_that_lacks_a_letter_gets_it_escaped(run: Run) -> None:
    """An old encoding is no reason to fail."""
    ended = await run("chat", "Да", PYTHONIOENCODING="latin-1")
    assert (ended.returncode, ended.stdout) == (0, "primary answers: \\u0414\\u0430\n")
