"""A process with few file descriptors: callers wait for a place, and none is turned away."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from elizanet.gateway import descriptors
from elizanet.gateway import listener as listener_module
from elizanet.gateway.connections import SILENCE_S
from elizanet.gateway.descriptors import PER_CALLER, RESERVED, most_connections
from elizanet.testing import Upstream
from support.processes import Process

if TYPE_CHECKING:
    from gateway.conftest import Serve

CHATS = "/v1/chat/completions"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
STREAM = CHAT[:-1] + b',"stream":true}'
FEW = 64


async def test_a_hundred_callers_of_a_process_with_64_descriptors(tmp_path: Path) -> None:
    """All are answered, although they keep their connections; afterwards all is as before."""
    async with Upstream("primary", latency=0.05) as primary, Upstream("backup") as backup:
        primary.fail("status=503,rate=0.3")
        path = tmp_path / "elizanet.toml"
        path.write_text(
            "".join(
                f'[providers.{each.name}]\nbase_url = "{each.base_url}"\n'
                for each in (primary, backup)
            )
            + '[models."gpt-4o"]\nchain = ["primary/*", "backup/*"]\n',
            encoding="utf-8",
        )
        arguments = ("serve", "--config", str(path))
        async with Process("few", *arguments, folder=tmp_path, open_files=FEW) as process:
            port = int(process.base_url.split(":")[2].split("/")[0])
            for body in (CHAT, STREAM):
                callers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
                for _, writer in callers:
                    writer.write(
                        b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
                        % (CHATS.encode(), len(body), body)
                    )
                async with asyncio.timeout(20):
                    heads = await asyncio.gather(
                        *(reader.readuntil(b"\r\n\r\n") for reader, _ in callers)
                    )
                assert {head[:12] for head in heads} == {b"HTTP/1.1 200"}
                for _, writer in callers:
                    writer.transport.abort()
            used = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(2):
                used[1].write(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                head = await used[0].readuntil(b'{"status":"live"}')
                assert b"connection: close" not in head
            used[1].transport.abort()
            assert await process.end() == 0
            log = process.log
    assert log.count("new callers have to wait: all 13 connections are taken") == 1
    assert "Traceback" not in log
    assert "Too many open files" not in log


def few(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Let there be room for so many callers."""
    monkeypatch.setattr("elizanet.gateway.server.most_connections", lambda: most)


async def test_idle_connections_make_room(
    serve: Serve, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits comes before who has been answered; who has just come may still ask."""
    few(monkeypatch, 3)
    async with serve(primary) as gateway:
        idle = [await gateway.connect() for _ in range(2)]
        for connection in idle:
            connection.send(gateway.request(CHATS, CHAT))
            assert (await connection.hear()).header("connection") is None
        new = await gateway.connect()
        waiting = await gateway.connect()
        waiting.send(gateway.request(CHATS, CHAT))
        assert (await waiting.hear()).status == 200
        assert [await connection.ended() for connection in idle] == [b"", b""]
        new.send(gateway.request(CHATS, CHAT))
        assert (await new.hear()).status == 200
        assert "3" in repr(gateway.server._listener)


async def test_silent_connections_do_not_hold_the_places(
    serve: Serve, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who never asks for anything makes room for who waits behind, one after the other."""
    few(monkeypatch, 4)
    async with serve(primary) as gateway:
        silent = [await gateway.connect() for _ in range(30)]
        began = asyncio.get_running_loop().time()
        assert (await gateway.get("/live")).status == 200
        assert (await gateway.ask()).status == 200
        assert asyncio.get_running_loop().time() - began < 8 * 2 * SILENCE_S + 2
        assert await silent[0].ended() == b""


async def test_a_new_connection_may_be_silent_while_nobody_waits(
    serve: Serve, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients open some before they need them."""
    few(monkeypatch, 2)
    async with serve(primary) as gateway:
        connections = [await gateway.connect() for _ in range(2)]
        await asyncio.sleep(3 * SILENCE_S)
        for connection in connections:
            connection.send(gateway.request(CHATS, CHAT))
            assert (await connection.hear()).status == 200


async def test_streams_are_not_cut_for_who_waits(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They end in peace, and with them their connections."""
    few(monkeypatch, 2)
    async with Upstream("primary", chunk_delay=0.1) as primary, serve(primary) as gateway:
        streams = [await gateway.connect() for _ in range(2)]
        for stream in streams:
            stream.send(gateway.request(CHATS, STREAM))
            await stream.hear(head_only=True)
        waiting = await gateway.connect()
        waiting.send(gateway.request(CHATS, CHAT))
        for stream in streams:
            body = b"".join([chunk async for chunk in stream.chunks()])
            assert body.endswith(b"data: [DONE]\n\n")
            assert await stream.ended() == b""
        assert (await waiting.hear()).status == 200


async def test_who_is_just_entering_is_not_counted_for_ever(
    serve: Serve, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller who waits for one who then does not stay comes in, though nobody has left."""
    few(monkeypatch, 1)
    async with serve(primary) as gateway:
        listener = gateway.server._listener
        entering = asyncio.create_task(asyncio.sleep(0.2))
        listener._entering.add(entering)
        entering.add_done_callback(listener._entered)
        began = asyncio.get_running_loop().time()
        assert (await gateway.ask()).status == 200
        assert asyncio.get_running_loop().time() - began >= 0.15


class Exhausted(socket.socket):
    """A listening socket of a system that has no descriptor to give, three times."""

    refusals = 3

    def accept(self) -> tuple[socket.socket, object]:
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def test_a_system_without_descriptors_is_asked_again(
    serve: Serve,
    primary: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The caller waits meanwhile; the loop does not spin, and the log is not flooded."""
    monkeypatch.setattr(listener_module, "_RETRY_S", 0.1)
    exhausted = Exhausted()
    exhausted.bind(("127.0.0.1", 0))
    exhausted.listen()
    async with serve(primary, sockets=[exhausted]) as gateway:
        began = asyncio.get_running_loop().time()
        assert (await gateway.ask()).status == 200
        assert asyncio.get_running_loop().time() - began >= 0.25
        assert gateway.server.connections.outlive_answers
    assert caplog.messages == ["new callers have to wait: Too many open files"]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ((64, 64), (64 - RESERVED) // PER_CALLER),
        ((256, 1024), (1024 - RESERVED) // PER_CALLER),
        ((16, 16), 4),
        ((1024, 10**9), (65_536 - RESERVED) // PER_CALLER),
        ((1024, resource.RLIM_INFINITY), (65_536 - RESERVED) // PER_CALLER),
        ((100_000, 10**9), (100_000 - RESERVED) // PER_CALLER),
    ],
)
def test_the_limit_is_raised_as_far_as_may_be(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], most: int
) -> None:
    """A process may use what its hard limit allows, and never less than it was given."""
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: given.append(wanted))
    assert descriptors.most_connections() == most
    assert all(soft > limits[0] and hard == limits[1] for soft, hard in given)


def test_here_is_room_for_some() -> None:
    """On the machine of this test."""
    assert most_connections() >= 4
