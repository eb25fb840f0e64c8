"""Listening, signals, and an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from elizanet.gateway.server import listen
from elizanet.testing import Upstream
from gateway.conftest import until

if TYPE_CHECKING:
    from gateway.conftest import Serve

CHATS = "/v1/chat/completions"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
PROMPTLY = 1.0
STREAM = CHAT[:-1] + b',"stream":true}'


def test_a_name_with_two_addresses_is_heard_on_both() -> None:
    """`localhost` may be 127.0.0.1 and ::1; a free port is the same one on both."""
    sockets = listen("localhost", 0)
    try:
        assert len({listening.getsockname()[1] for listening in sockets}) == 1
        assert {listening.family for listening in sockets} <= {socket.AF_INET, socket.AF_INET6}
        assert all(each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in sockets)
    finally:
        for listening in sockets:
            listening.close()


def test_a_port_in_use_is_an_error_and_leaves_no_socket_open() -> None:
    """Warnings are errors here: a socket that is forgotten would fail this test."""
    (first,) = listen("127.0.0.1", 0)
    with first, pytest.raises(OSError, match="in use"):
        listen("localhost", first.getsockname()[1])


async def test_a_running_stream_may_finish(serve: Serve) -> None:
    """After the signal to stop the answer goes on to its `[DONE]`, but nobody new comes in."""
    async with Upstream("primary", chunk_delay=0.1) as primary, serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(CHATS, STREAM))
        await connection.hear(head_only=True)
        gateway.server.stop()
        body = b"".join([chunk async for chunk in connection.chunks()])
        assert body.endswith(b"data: [DONE]\n\n")
        with pytest.raises(ConnectionError):
            await gateway.ask()
        assert await connection.ended() == b""


async def test_the_second_signal_ends_at_once(serve: Serve, primary: Upstream) -> None:
    """A call that hangs is cancelled, and its upstream connection is closed."""
    primary.fail("hang")
    async with serve(primary) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(CHATS, CHAT))
        while not primary.requests:
            await asyncio.sleep(0.01)
        gateway.server.stop()
        await asyncio.sleep(0.3)
        assert gateway.server.connections.tasks
        stopped = asyncio.get_running_loop().time()
        gateway.server.stop()
        assert await primary.wait_closed_by_peer() - stopped < PROMPTLY
        await gateway.settle()


async def test_calls_that_do_not_end_are_ended(serve: Serve, primary: Upstream) -> None:
    """The time to finish is bounded, also against a caller who never reads."""
    primary.fail("stall_stream=2")
    async with serve(primary, drain=0.3) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(CHATS, STREAM))
        await connection.hear(head_only=True)
        stopped = asyncio.get_running_loop().time()
        gateway.server.stop(by_person=True)
        assert 0.3 <= await primary.wait_closed_by_peer() - stopped < 0.3 + PROMPTLY
        assert repr(gateway.server).startswith("<GatewayServer <Connections")


# The command, as a process of its own


@contextmanager
def running(
    arguments: list[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """`elizanet serve`; it is killed if it does not end by itself."""
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "elizanet", "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def configuration(folder: Path, upstream: Upstream, gateway: str = "") -> Path:
    """A file with one chain through the upstream."""
    path = folder / "elizanet.toml"
    path.write_text(
        f'[gateway]\n{gateway}\n[providers.local]\nbase_url = "{upstream.base_url}"\n'
        '[models."gpt-4o"]\nchain = ["local/gpt-4o"]\n',
        encoding="utf-8",
    )
    return path


async def ask(url: str) -> bytes:
    """Ask for a chat, as any program would."""

    def asked() -> bytes:
        request = urllib.request.Request(url, CHAT, {"content-type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            body: bytes = answer.read()
            return body

    return await asyncio.to_thread(asked)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_serves_until_a_signal(
    tmp_path: Path, primary: Upstream, number: signal.Signals
) -> None:
    """It says where it listens and what it serves, answers, and ends with 0 and in silence."""
    path = configuration(tmp_path, primary)
    with running(["--config", str(path), "--port", "0"], {}) as process:
        assert process.stdout is not None
        first = await asyncio.to_thread(process.stdout.readline)
        second = await asyncio.to_thread(process.stdout.readline)
        assert "listens on http://127.0.0.1:" in first
        assert "gpt-4o" in second
        assert "local/gpt-4o" in second
        third, fourth, fifth, sixth = [
            await asyncio.to_thread(process.stdout.readline) for _ in range(4)
        ]
        url = first.split()[3]
        assert third == f"dashboard: {url.removesuffix('/v1')}/dashboard\n"
        assert fourth == "records: off\n"
        assert "missing: keys" in fifth
        assert "missing: a fallback" in sixth
        assert json.loads(await ask(f"{url}/chat/completions"))["choices"]
        began = time.monotonic()
        process.send_signal(number)
        out, err = await asyncio.to_thread(process.communicate)
        assert process.returncode == 0
        assert (out, err) == ("", "")
        assert time.monotonic() - began < 5


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="/proc tells what is caught")
async def test_a_hangup_while_it_starts_is_obeyed_when_it_is_up(
    tmp_path: Path, primary: Upstream
) -> None:
    """Who reloads right after the start does not end it; the settings are read once more."""
    path = configuration(tmp_path, primary)
    with running(["--config", str(path), "--port", "0"], {}) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        await until(lambda: catches_hangups(process.pid))
        process.send_signal(signal.SIGHUP)
        assert "listens on" in await asyncio.to_thread(process.stdout.readline)
        async with asyncio.timeout(5):
            told = await asyncio.to_thread(process.stderr.readline)
        assert "the settings were reloaded" in told
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.communicate)
        assert process.returncode == 0


def catches_hangups(process: int) -> bool:
    """Tell whether SIGHUP would not end the process."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) & 1 << signal.SIGHUP - 1)


async def test_a_port_in_use_is_one_sentence(tmp_path: Path, primary: Upstream) -> None:
    """And exit code 1."""
    path = configuration(tmp_path, primary)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with running(["--config", str(path), "--port", port], {}) as process:
            out, err = await asyncio.to_thread(process.communicate)
            assert process.returncode == 1
    assert out == ""
    assert err.count("\n") == 1
    assert f"port {port} of 127.0.0.1 is in use" in err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
async def test_an_open_gateway_is_for_this_machine_only(
    tmp_path: Path, primary: Upstream, host: str
) -> None:
    """Without keys `--host` may only be loopback; nothing is opened before that is checked."""
    path = configuration(tmp_path, primary)
    with running(["--config", str(path), "--host", host, "--port", "0"], {}) as process:
        out, err = await asyncio.to_thread(process.communicate)
        assert process.returncode == 2
    assert out == ""
    assert "gateway.keys" in err
    assert "Traceback" not in err


async def test_with_keys_the_door_is_named(tmp_path: Path, primary: Upstream) -> None:
    """The key itself is never shown."""
    path = configuration(tmp_path, primary, 'keys = ["env:TEST_GATEWAY_KEY"]')
    key = {"TEST_GATEWAY_KEY": "a-caller-key-0123456789"}
    with running(["--config", str(path), "--host", "0.0.0.0", "--port", "0"], key) as process:
        assert process.stdout is not None
        first = await asyncio.to_thread(process.stdout.readline)
        assert "(one key)" in first
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.to_thread(process.communicate)
        assert process.returncode == 0
    assert key["TEST_GATEWAY_KEY"] not in first + out + err
