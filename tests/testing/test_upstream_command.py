"""The command `elizanet upstream`, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elizanet.cli import main

COMMAND = (sys.executable, "-X", "dev", "-W", "error", "-m", "elizanet", "upstream")
SOURCES = Path(__file__).parents[2] / "src"


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command and its base URL; it is killed if it does not end by itself."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCES), **environment},
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert "listens on http://127.0.0.1:" in first
        yield process, first.split()[3]
    finally:
        process.kill()
        process.communicate()


def fetch(url: str, payload: object = None, key: str = "") -> int:
    """The status of an answer."""
    body = None if payload is None else json.dumps(payload).encode()
    request = urllib.request.Request(url, body, {"Authorization": f"Bearer {key}"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_tells_and_ends_in_order(number: signal.Signals) -> None:
    """One line for each request; a signal ends it with success and nothing on stderr."""
    with running("--fault", "rate_limit,times=1") as (process, base_url):
        assert fetch(f"{base_url}/chat/completions", CHAT) == 429
        assert fetch(f"{base_url}/chat/completions", {**CHAT, "stream": True}) == 200
        assert fetch(f"{base_url}/models") == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (0, "")
    assert [line.split(" ", 1)[1] for line in out.splitlines()] == [
        "POST /v1/chat/completions gpt-4o: rate_limit,times=1",
        "POST /v1/chat/completions gpt-4o stream: 200",
        "GET /v1/models -: 200",
    ]


def test_it_ends_while_a_request_hangs() -> None:
    """A hanging request does not keep it from ending."""
    with running("--fault", "hang") as (process, base_url):
        host, _, port = base_url.removeprefix("http://").removesuffix("/v1").rpartition(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"GET /v1/models HTTP/1.1\r\n\r\n")
            assert process.stdout is not None
            assert process.stdout.readline().endswith("hang\n")
            process.terminate()
            assert process.wait(timeout=10) == 0


def test_it_goes_on_when_nobody_reads_its_lines() -> None:
    """With `| head -1` the provider still answers, and ends in order."""
    with running() as (process, base_url):
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        assert fetch(f"{base_url}/models") == fetch(f"{base_url}/models") == 200
        process.terminate()
        _, err = process.communicate(timeout=10)
        assert (process.returncode, err) == (0, "")


def test_the_key_comes_from_the_environment_and_is_never_shown() -> None:
    """--api-key env:NAME asks for that key."""
    with running("--api-key", "env:TEST_KEY", TEST_KEY="sk-secret") as (process, base_url):
        assert fetch(f"{base_url}/models", key="wrong") == 401
        assert fetch(f"{base_url}/models", key="sk-secret") == 200
        process.terminate()
        out, err = process.communicate(timeout=10)
    assert "sk-secret" not in out + err


def test_a_request_cannot_steer_the_terminal() -> None:
    """Control characters of a path or model are not printed."""
    with running() as (process, base_url):
        fetch(f"{base_url}/chat/completions", {**CHAT, "model": "a\x1b[31m\nb"})
        assert process.stdout is not None
        assert process.stdout.readline().split(" ", 1)[1] == (
            "POST /v1/chat/completions a�[31m b: 200\n"
        )


def test_models_and_name_are_options() -> None:
    """--model bounds what is served, --name signs."""
    with running("--model", "a", "--model", "b", "--name", "primary") as (process, base_url):
        assert fetch(f"{base_url}/models/a") == 200
        assert fetch(f"{base_url}/chat/completions", CHAT) == 404
        process.terminate()


Captured = pytest.CaptureFixture[str]


def test_a_port_in_use_is_one_sentence(capsys: Captured) -> None:
    """The sentence names the port and the way out; exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["upstream", "--port", str(port)]) == 1
    told = f"Port {port} is in use already; choose another with --port."
    assert capsys.readouterr().err == f"elizanet: {told}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--fault", "hangg"), 2, "The fault 'hangg' is wrong: there is no fault 'hangg'"),
        (("--api-key", "env:NO_SUCH_NAME"), 2, "environment variable NO_SUCH_NAME is not set."),
        (("--host", "256.1.1.1"), 1, "Cannot listen on port 8790 of "),
        (("--port", "99999"), 2, "99999 is not in the range"),
    ],
)
def test_what_cannot_work_is_one_sentence(
    capsys: Captured, arguments: tuple[str, ...], code: int, told: str
) -> None:
    """No traceback, one line, an exit code."""
    assert main(["upstream", *arguments]) == code
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_the_help_has_examples_and_the_list_has_all_faults(capsys: Captured) -> None:
    """--help and --list-faults work without a port."""
    assert main(["upstream", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "  elizanet upstream --fault rate_limit,retry-after=2,times=3\n" in shown
    assert "Exit codes: 0" in shown
    assert main(["upstream", "--list-faults"]) == 0
    assert "cut_stream" in capsys.readouterr().out
