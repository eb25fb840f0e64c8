"""What holds for every command: help, version, exit codes, and one sentence for a failure."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from subprocess import CompletedProcess

import click
import pytest
from click.testing import CliRunner

from elizanet import __version__
from elizanet.cli.errors import ExitCode, guarded
from elizanet.cli.group import COMMANDS, elizanet
from elizanet.errors import ConfigurationError, InputError
from elizanet.testing import Upstream

Run = Callable[..., Awaitable[CompletedProcess[str]]]
Start = Callable[..., Awaitable[asyncio.subprocess.Process]]

HEAVY = {"asyncio", "rich", "msgspec", "elizanet.library", "elizanet.settings", "elizanet.testing"}


async def test_the_help_names_the_commands_there_are(run: Run) -> None:
    """Each with what it is good for."""
    ended = await run("--help")
    assert ended.returncode == 0
    assert "Examples:" in ended.stdout
    for name, about in COMMANDS.items():
        assert f"  {name}" in ended.stdout
        assert about in ended.stdout


async def test_no_command_at_all_is_the_help(run: Run) -> None:
    """A newcomer types the name and sees what there is."""
    assert (await run()).stdout == (await run("--help")).stdout


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["dmo"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """So it is there before one looks."""
    code = (
        "import sys; from elizanet.cli import main; main(sys.argv[1:]);"
        " print(*sys.modules, sep='\\n')"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    loaded = told.stdout.splitlines()
    assert "click" in loaded
    assert not HEAVY & set(loaded)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_exit_codes_and_a_version(name: str) -> None:
    """The contract of all commands."""
    runner = CliRunner()
    shown = runner.invoke(elizanet, [name, "--help"], prog_name="elizanet", terminal_width=80)
    assert shown.exit_code == 0
    assert f"Usage: elizanet {name} " in shown.output
    assert "Examples:\n" in shown.output
    assert "Exit codes: 0 " in shown.output
    assert all(len(line) <= 80 for line in shown.output.splitlines())
    told = runner.invoke(elizanet, [name, "--version"], prog_name="elizanet")
    assert told.exit_code == 0
    assert __version__ in told.output
    assert import_module(f"elizanet.cli.{name}").command.name == name


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["dmo"], "there is no command 'dmo'; did you mean 'demo'?"),
        (["xyzzy"], "there is no command 'xyzzy'; there are demo, serve"),
        (["--versoin"], "--version"),
        (["chat", "--strem", "x"], "--stream"),
        (["chat", "two", "texts"], "unexpected extra argument"),
        (["demo", "extra"], "unexpected extra argument"),
    ],
)
async def test_wrong_usage_is_one_sentence(run: Run, arguments: list[str], sentence: str) -> None:
    """On standard error, with where to read on, and nothing else."""
    ended = await run(*arguments)
    assert ended.returncode == ExitCode.USAGE
    assert ended.stdout == ""
    assert sentence in ended.stderr
    assert ended.stderr.startswith("elizanet")
    assert ended.stderr.count("\n") == 1
    assert "--help)" in ended.stderr


async def test_only_a_terminal_gets_colour(run: Run, run_in_terminal: Run) -> None:
    """And not that either where NO_COLOR is set."""
    assert "\x1b" not in (await run("dmo")).stderr
    assert "\x1b[" in (await run_in_terminal("dmo")).stdout
    assert "\x1b" not in (await run_in_terminal("dmo", NO_COLOR="1")).stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_is_one_sentence() -> None:
    """Not a traceback at the end of the process."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        ended = subprocess.run(
            [sys.executable, "-m", "elizanet", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == ExitCode.FAILED
    assert ended.stderr == f"elizanet: the output cannot be written: {os.strerror(errno.ENOSPC)}\n"


@pytest.mark.parametrize("arguments", ["--help", "demo --list", "classify --status 429"])
def test_a_reader_that_goes_away_ends_the_command_quietly(arguments: str) -> None:
    """As with `elizanet demo --list | head -1`."""
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-m", "elizanet", *arguments.split()],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert ended.returncode == ExitCode.READER_GONE
    assert ended.stderr == b""


def test_a_closed_standard_output_is_told() -> None:
    """Else the first socket would take its place."""
    command = f"{sys.executable} -m elizanet classify --status 429 >&-"
    ended = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # noqa: S602
    assert ended.returncode == ExitCode.FAILED
    assert ended.stderr == "elizanet: the standard output is closed\n"


@pytest.mark.parametrize("arguments", [["chat", "--config", "c.toml", "Hello"], ["classify"]])
async def test_an_interrupt_ends_the_command_quietly(start: Start, arguments: list[str]) -> None:
    """Ctrl-C while it waits for a silent provider, or for input: exit code 130, no words."""
    asked = asyncio.Event()
    async with Upstream(faults=["hang"], on_request=lambda _request, _outcome: asked.set()) as one:
        toml = f'[providers.one]\nbase_url = "{one.base_url}"\n[models."*"]\nchain = ["one/*"]\n'
        with open("c.toml", "w", encoding="utf-8") as file:  # noqa: ASYNC230, PTH123
            file.write(toml)
        process = await start(*arguments)
        if "chat" in arguments:
            await asyncio.wait_for(asked.wait(), 10)
        else:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"{}\n")
            await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), 10)
    assert (process.returncode, out, err) == (ExitCode.INTERRUPTED, b"", b"")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RuntimeError("no\x1b[2J sk-proj-a1b2c3d4e5f6g7h8i9"), ExitCode.FAULT, "report it"),
        (ConfigurationError(["one is wrong", "two is wrong"]), ExitCode.USAGE, "two is wrong"),
        (InputError("too long"), ExitCode.FAILED, "too long"),
        (click.ClickException("in use"), ExitCode.FAILED, "in use"),
        (OSError(errno.EACCES, "Permission denied", "x.db"), ExitCode.FAILED, "x.db: Permission"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, ""),
        (click.Abort(), ExitCode.INTERRUPTED, ""),
    ],
)
def test_whatever_is_raised_is_a_sentence_and_a_code(
    error: BaseException, code: ExitCode, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never a traceback, never a key, never what a terminal would obey."""

    @click.command()
    def failing() -> None:
        raise error

    assert guarded(failing, []) == code
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert "a1b2c3d4e5f6g7h8i9" not in told
    assert "\x1b" not in told
    assert all(line.startswith("elizanet: ") for line in told.splitlines())
