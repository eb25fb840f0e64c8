"""New settings without a restart: nobody notices who need not."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from elizanet.errors import ConfigurationError
from elizanet.gateway import reload as reload_module
from elizanet.gateway.reload import Reloader
from elizanet.http import Http
from elizanet.settings import (
    CallerLimits,
    CallerSettings,
    HookSettings,
    RouteSettings,
    Secret,
    Settings,
    TargetSettings,
)
from elizanet.testing import Upstream
from gateway.conftest import until
from support.processes import Process

if TYPE_CHECKING:
    from gateway.conftest import Serve

CHATS = "/v1/chat/completions"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
STREAM = CHAT[:-1] + b',"stream":true}'


def routed(settings: Settings, *providers: str) -> Settings:
    """The settings with another chain."""
    targets = tuple(TargetSettings(name, "*") for name in providers)
    return replace(settings, routes=(RouteSettings("gpt-4o", targets),))


def with_callers(settings: Settings, *callers: CallerSettings) -> Settings:
    """The settings with other callers."""
    return replace(settings, gateway=replace(settings.gateway, callers=callers))


async def test_a_stream_ends_on_the_settings_it_began_with(
    serve: Serve, backup: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next call, on the same connection, has the new ones."""
    monkeypatch.setattr(reload_module, "_HANDOVER_S", 0.05)
    async with (
        Upstream("primary", chunk_delay=0.15) as primary,
        serve(primary, backup) as gateway,
    ):
        connection = await gateway.connect()
        connection.send(gateway.request(CHATS, STREAM))
        head = await connection.hear(head_only=True)
        assert head.header("x-elizanet-provider") == "primary"
        gateway.app.reload(routed(gateway.app.settings, "backup"))
        other = await gateway.ask()
        assert other.header("x-elizanet-provider") == "backup"
        body = b"".join([chunk async for chunk in connection.chunks()])
        assert body.endswith(b"data: [DONE]\n\n")
        connection.send(gateway.request(CHATS, CHAT))
        assert (await connection.hear()).header("x-elizanet-provider") == "backup"
        await until(lambda: repr(gateway.app).endswith("retired=0>"))
        await until(lambda: not primary.connections_open)


async def test_what_was_learnt_of_a_target_stays(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """A breaker that an operator holds open, and a score."""
    primary.fail("status=503")
    async with serve(primary, backup) as gateway:
        await gateway.ask()
        gateway.router.force("primary/gpt-4o", None)
        scores = [state.score for state in gateway.router.states() if state.provider == "primary"]
        gateway.app.reload(replace(gateway.app.settings, max_input_length=5))
        kept = [state.score for state in gateway.router.states() if state.provider == "primary"]
        assert kept == pytest.approx(scores, rel=0.05)
        assert kept[0] > 0


async def test_keys_change_and_limits_are_kept(serve: Serve, primary: Upstream) -> None:
    """Who is new comes in, who is gone stays out, and nobody's bucket is filled anew."""
    old = CallerSettings("old", Secret("old-key"))
    team = CallerSettings("team", Secret("team-key"), (), CallerLimits(rpm=2))
    new = CallerSettings("new", Secret("new-key"))

    async def statuses() -> dict[str, int]:
        asked = {name: await gateway.ask(CHATS, CHAT, f"api-key: {name}-key") for name in names}
        return {name: heard.status for name, heard in asked.items()}

    names = ("old", "team", "new")
    async with serve(primary, callers=[old, team]) as gateway:
        assert await statuses() == {"old": 200, "team": 200, "new": 401}
        gateway.app.reload(with_callers(gateway.app.settings, team, new))
        assert await statuses() == {"old": 401, "team": 200, "new": 200}
        assert await statuses() == {"old": 401, "team": 429, "new": 200}


async def test_settings_that_cannot_work_change_nothing(
    serve: Serve, primary: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the reason in one sentence, and the old ones answer."""
    wrong = HookSettings(classify="nowhere:nothing")
    async with serve(primary) as gateway:
        before = gateway.app.gateway
        reloader = Reloader(gateway.app, lambda: replace(before_settings, hooks=wrong))
        before_settings = gateway.app.settings
        reloader.request()
        await until(lambda: caplog.records)
        await reloader.aclose()
        assert gateway.app.gateway is before
        assert (await gateway.ask()).status == 200
    (told,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert told.startswith("the settings were not reloaded, the old ones stay: ")
    assert "nowhere" in told


async def test_several_mistakes_are_one_sentence(
    serve: Serve, primary: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """The first, and how many more there are; `elizanet check` tells them all."""

    def reread() -> Settings:
        raise ConfigurationError(["elizanet.toml:2: the first", "elizanet.toml:5: the second"])

    async with serve(primary) as gateway:
        reloader = Reloader(gateway.app, reread)
        reloader.request()
        assert repr(reloader) == "<Reloader reading>"
        await until(lambda: caplog.records)
        await reloader.aclose()
    assert caplog.messages == [
        "the settings were not reloaded, the old ones stay: elizanet.toml:2: the first (and 1 more)"
    ]


async def test_a_fault_while_rereading_is_recorded(
    serve: Serve, primary: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """And the old settings stay."""

    def reread() -> Settings:
        raise RuntimeError("unforeseen")

    async with serve(primary) as gateway:
        reloader = Reloader(gateway.app, reread)
        reloader.request()
        await until(lambda: caplog.records)
        await reloader.aclose()
        assert (await gateway.ask()).status == 200
    assert "unforeseen" in caplog.text


async def test_requests_while_rereading_are_one_more_rereading(
    serve: Serve, primary: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """The file may have changed after it was read."""
    caplog.set_level(logging.INFO)
    read = 0
    async with serve(primary) as gateway:
        settings = gateway.app.settings

        def reread() -> Settings:
            nonlocal read
            read += 1
            return settings

        reloader = Reloader(gateway.app, reread)
        for _ in range(5):
            reloader.request()
        await until(lambda: read == 2)
        await asyncio.sleep(0.1)
        await reloader.aclose()
        assert repr(reloader) == "<Reloader idle>"
    assert read == 2


async def test_another_address_needs_a_restart(
    serve: Serve, primary: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """That is told, and everything else of the new settings holds."""
    async with serve(primary) as gateway:
        settings = gateway.app.settings
        moved = replace(settings, gateway=replace(settings.gateway, port=9999, max_in_flight=7))
        reloader = Reloader(gateway.app, lambda: moved)
        reloader.request()
        await until(lambda: caplog.records)
        await reloader.aclose()
        assert gateway.app.admission.most == 7
        assert (await gateway.ask()).status == 200
    assert caplog.messages == ["to listen on 127.0.0.1:9999 the gateway has to be started anew"]


async def test_sighup_rereads_the_file(tmp_path: Path, primary: Upstream, backup: Upstream) -> None:
    """A good file is obeyed at once; a wrong one is told, and the old one holds."""
    path = tmp_path / "elizanet.toml"

    def write(chain: str, more: str = "") -> None:
        path.write_text(
            f'[providers.primary]\nbase_url = "{primary.base_url}"\n'
            f'[providers.backup]\nbase_url = "{backup.base_url}"\n'
            f'[models."gpt-4o"]\nchain = ["{chain}"]\n{more}',
            encoding="utf-8",
        )

    write("primary/*")
    http = Http()
    headers = (("content-type", "application/json"),)

    async def answered_by(process: Process) -> str:
        url = f"{process.base_url}/chat/completions"
        reply = await http.send("POST", url, headers, CHAT, connect_timeout=3.0)
        while await reply.chunk():
            pass
        return dict(reply.headers)["x-elizanet-provider"]

    async def is_current(process: Process) -> str:
        url = f"{process.base_url.removesuffix('/v1')}/metrics"
        reply = await http.send("GET", url, (), b"", connect_timeout=3.0)
        text = b""
        while chunk := await reply.chunk():
            text += chunk
        found = re.search(rb"^elizanet_gateway_last_reload_successful (.*)$", text, re.MULTILINE)
        assert found
        return found[1].decode()

    async with Process("gateway", "serve", "--config", str(path), folder=tmp_path) as process:
        assert await answered_by(process) == "primary"
        assert await is_current(process) == "1.0"
        write("backup/*")
        process._signal(signal.SIGHUP)
        await until(lambda: "the settings were reloaded: 1 chain, 0 callers" in process.log)
        assert await answered_by(process) == "backup"
        write("nobody/*", "[retry]\nsame_provider = -1\n")
        process._signal(signal.SIGHUP)
        await until(lambda: "were not reloaded" in process.log)
        assert await answered_by(process) == "backup"
        assert "elizanet.toml:6: " in process.log
        assert "nobody" in process.log
        assert "(and 1 more)" in process.log
        assert "Traceback" not in process.log
        assert await is_current(process) == "0.0"
        write("primary/*")
        process._signal(signal.SIGHUP)
        await until(lambda: process.log.count("the settings were reloaded") == 2)
        assert await is_current(process) == "1.0"
        assert await process.end() == 0
    await http.aclose()


async def test_another_database_needs_a_restart_and_is_told(
    serve: Serve, caplog: pytest.LogCaptureFixture, primary: Upstream
) -> None:
    """The records go on where they went."""
    async with serve(primary) as running:
        app = running.app
        reloader = Reloader(app, lambda: replace(app.settings, database="sqlite:////tmp/x.db"))
        reloader.request()
        async with asyncio.timeout(5):
            while "record elsewhere" not in caplog.text:
                await asyncio.sleep(0.01)
        await reloader.aclose()


async def test_settings_that_cannot_work_change_nothing_of_what_is_watched(
    serve: Serve, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prices and what is kept stay those of the settings in force."""
    async with serve(primary) as running:
        followed: list[Settings] = []
        monkeypatch.setattr(running.app.observation.metrics, "follow", followed.append)
        wrong = replace(running.app.settings, hooks=HookSettings(classify="nowhere:nothing"))
        with pytest.raises(ConfigurationError):
            running.app.reload(wrong)
        assert followed == []
        assert running.app.settings.hooks == HookSettings()
