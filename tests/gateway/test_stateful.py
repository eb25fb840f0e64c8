"""Ids of what a provider keeps lead back to it, and to nobody else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from elizanet.call import Bound
from elizanet.gateway import ownership
from elizanet.settings import (
    GatewaySettings,
    ProviderSettings,
    RouteSettings,
    Settings,
    TargetSettings,
)
from elizanet.telemetry import CallEnded, TelemetryEvent
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from gateway.conftest import Heard, Running, Serve

PATH = "/v1/responses"


def asking(**fields: object) -> bytes:
    return json.dumps({"model": "gpt-4o", "input": "hi", **fields}).encode()


async def made_by_backup(gateway: Running, primary: Upstream, **fields: object) -> str:
    """Return the id of a response that the backup has made."""
    primary.fail("status=503")
    heard = await gateway.ask(PATH, asking(**fields))
    assert heard.header("x-elizanet-provider") == "backup"
    primary.heal()
    if not fields.get("stream"):
        return str(heard.json["id"])
    return str(json.loads(heard.chunks[0].partition(b"data: ")[2])["response"]["id"])


def provider_of(heard: Heard) -> str | None:
    return heard.header("x-elizanet-provider")


def bounds_in(told: list[TelemetryEvent]) -> list[Bound | None]:
    """Return what kept each call from further targets."""
    return [event.bound for event in told if isinstance(event, CallEnded)]


@pytest.mark.parametrize("fields", [{}, {"stream": True}, {"store": True}])
async def test_what_follows_a_response_goes_to_its_provider(
    serve: Serve, primary: Upstream, backup: Upstream, fields: dict[str, object]
) -> None:
    """Though another one is the first choice; learnt from whole answers and from streams."""
    async with serve(primary, backup) as gateway:
        made = await made_by_backup(gateway, primary, **fields)
        heard = await gateway.ask(PATH, asking(previous_response_id=made))
        assert (heard.status, provider_of(heard)) == (200, "backup")
        again = await gateway.ask(PATH, asking(previous_response_id=heard.json["id"]))
        assert (again.status, provider_of(again)) == (200, "backup")


async def test_nobody_else_is_asked_when_its_provider_fails(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """Another one would only say that there is no such response."""
    told: list[TelemetryEvent] = []
    async with serve(primary, backup, sinks=(told.append,)) as gateway:
        made = await made_by_backup(gateway, primary)
        before = len(primary.requests)
        backup.fail("status=503")
        heard = await gateway.ask(PATH, asking(previous_response_id=made))
        assert heard.status == 503
        assert len(primary.requests) == before
    assert bounds_in(told) == [None, Bound.REFERENCE]


async def test_an_unknown_response_is_asked_of_the_first_target_only(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """Its own error says that it is not there."""
    told: list[TelemetryEvent] = []
    async with serve(primary, backup, sinks=(told.append,)) as gateway:
        heard = await gateway.ask(PATH, asking(previous_response_id="resp_of_yesterday"))
    assert heard.status == 404
    assert "resp_of_yesterday" in heard.error["message"]
    assert backup.requests == []
    assert bounds_in(told) == [Bound.REFERENCE]


async def test_what_is_not_stored_is_not_remembered(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """With `store: false` there is nothing to go back to."""
    async with serve(primary, backup) as gateway:
        made = await made_by_backup(gateway, primary, store=False)
        assert gateway.app.gateway.ownership.holder(made) is None


async def test_a_response_can_be_fetched_cancelled_and_deleted(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """At the provider that made it, without a provider for the other paths."""
    async with serve(primary, backup) as gateway:
        made = await made_by_backup(gateway, primary)
        fetched = await gateway.get(f"{PATH}/{made}?include[]=usage")
        cancelled = await gateway.ask(f"{PATH}/{made}/cancel", b"")
        deleted = await gateway.ask(f"{PATH}/{made}", b"", method="DELETE")
        unknown = await gateway.get(f"{PATH}/resp_of_yesterday")
    assert [each.status for each in (fetched, cancelled, deleted)] == [200, 200, 200]
    assert {provider_of(each) for each in (fetched, cancelled, deleted)} == {"backup"}
    assert fetched.json["id"] == made
    assert deleted.json["deleted"] is True
    assert unknown.status == 404
    asked = [(r.method, r.path, r.query) for r in backup.requests[1:]]
    assert asked == [
        ("GET", f"{PATH}/{made}", "include[]=usage"),
        ("POST", f"{PATH}/{made}/cancel", ""),
        ("DELETE", f"{PATH}/{made}", ""),
    ]


async def test_a_stored_chat_can_be_fetched(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """It is stored only where the caller asks for it."""
    chat = {"messages": [{"role": "user", "content": "hi"}]}
    async with serve(primary, backup) as gateway:
        primary.fail("status=503")
        stored = await gateway.ask("/v1/chat/completions", asking(**chat, store=True))
        await gateway.get(f"/v1/chat/completions/{stored.json['id']}")
        plain = await gateway.ask("/v1/chat/completions", asking(**chat))
        unknown = await gateway.get(f"/v1/chat/completions/{plain.json['id']}")
    assert backup.requests[1].path == f"/v1/chat/completions/{stored.json['id']}"
    assert unknown.status == 404
    assert len(backup.requests) == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
        {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
        {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]},
        {"tools": [{"type": "code_interpreter", "container": {"file_ids": [ "file-1"]}}]},
    ],
    ids=str,
)  # fmt: skip
async def test_files_and_conversations_are_the_passthroughs(
    serve: Serve, primary: Upstream, backup: Upstream, fields: dict[str, object]
) -> None:
    """They were made through it; without one, the first target is asked, and only that."""
    async with serve(primary, backup, passthrough="backup") as gateway:
        assert provider_of(await gateway.ask(PATH, asking(**fields))) == "backup"
        backup.fail("status=503")
        assert (await gateway.ask(PATH, asking(**fields))).status == 503
    assert primary.requests == []
    primary.fail("status=503")
    backup.heal()
    async with serve(primary, backup) as gateway:
        assert (await gateway.ask(PATH, asking(**fields))).status == 503


@pytest.mark.parametrize(
    "fields",
    [
        {"input": 'what is "file_id": "file-1"?'},
        {"tools": [{"type": "function", "parameters": {"properties": {"file_id": {"x": "y"}}}}]},
        {"tools": [{"type": "file_search", "vector_store_ids": []}]},
        {"conversation": None, "previous_response_id": None},
        {"conversation": "", "previous_response_id": ""},
        {"previous_response_id": 7},
        {"metadata": {"file": "file_id"}},
    ],
    ids=str,
)
async def test_what_only_looks_like_an_id_binds_nothing(
    serve: Serve, primary: Upstream, backup: Upstream, fields: dict[str, object]
) -> None:
    """Texts, schemas and empty fields leave the call free to move."""
    primary.fail("status=503")
    async with serve(primary, backup, passthrough="primary") as gateway:
        heard = await gateway.ask(PATH, asking(**fields))
    assert provider_of(heard) == "backup"


async def test_a_chat_with_a_file_goes_where_the_file_is(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """Chat messages may hold files, too."""
    content = [{"type": "file", "file": {"file_id": "file-1"}}]
    body = asking(messages=[{"role": "user", "content": content}])
    async with serve(primary, backup, passthrough="backup") as gateway:
        assert provider_of(await gateway.ask("/v1/chat/completions", body)) == "backup"


async def test_things_of_two_providers_cannot_be_used_at_once(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """A 400 that says who holds what they refer to; nobody is asked."""
    async with serve(primary, backup, passthrough="primary") as gateway:
        made = await made_by_backup(gateway, primary)
        before = len(primary.requests) + len(backup.requests)
        body = asking(previous_response_id=made, conversation="conv_1")
        heard = await gateway.ask(PATH, body)
    assert (heard.status, heard.error["code"]) == (400, "different_providers")
    assert "backup and primary" in heard.error["message"]
    assert len(primary.requests) + len(backup.requests) == before


async def test_the_model_has_to_be_served_where_the_response_is(
    primary: Upstream, backup: Upstream
) -> None:
    """A 400 that names both, when the holder is in no chain of the model."""
    from gateway.conftest import serving

    settings = Settings(
        gateway=GatewaySettings(),
        providers={each.name: ProviderSettings(each.name, each.base_url) for each in (primary, backup)},
        routes=(
            RouteSettings("gpt-4o", (TargetSettings("primary", "*"),)),
            RouteSettings("gpt-4o-mini", (TargetSettings("backup", "*"),)),
        ),
    )  # fmt: skip
    async with serving(settings) as gateway:
        made = (await gateway.ask(PATH, asking(model="gpt-4o-mini"))).json["id"]
        heard = await gateway.ask(PATH, asking(previous_response_id=made))
    assert (heard.status, heard.error["code"]) == (400, "different_providers")
    assert "backup" in heard.error["message"]
    assert "'gpt-4o'" in heard.error["message"]


async def test_memory_is_bounded(
    serve: Serve, primary: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ids that were not used for longest are forgotten, and very long ones never kept."""
    monkeypatch.setattr(ownership, "MOST_IDS", 2)
    async with serve(primary) as gateway:
        known = gateway.app.gateway.ownership
        for name in ("resp_1", "resp_2"):
            known.learn("primary", json.dumps({"id": name}).encode())
        assert known.holder("resp_1") == "primary"
        known.learn("primary", b'{"id":"resp_3"}')
        assert known.holder("resp_2") is None
        assert known.holder("resp_1") == known.holder("resp_3") == "primary"
        assert known.learn("primary", json.dumps({"id": "r" * 1000}).encode()) is False
        assert known.learn("primary", b"{}") is False
        assert known.learn("primary", b"no JSON") is False
        assert repr(known) == "<Ownership of 2 ids>"


async def test_what_was_learnt_survives_new_settings(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """A reload makes another gateway, which knows what the old one knew."""
    async with serve(primary, backup) as gateway:
        made = await made_by_backup(gateway, primary)
        gateway.app.reload(gateway.app.settings)
        heard = await gateway.ask(PATH, asking(previous_response_id=made))
        assert provider_of(heard) == "backup"
