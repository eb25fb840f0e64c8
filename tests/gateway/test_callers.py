"""What each caller may do: models, requests and tokens a minute, calls at once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from elizanet.gateway.auth import Keyring
from elizanet.gateway.callers import Caller
from elizanet.gateway.estimate import TOKENS_AN_IMAGE, tokens_in
from elizanet.gateway.refusal import Refusal
from elizanet.settings import CallerLimits, CallerSettings, RouteSettings, Secret, TargetSettings
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from gateway.conftest import Heard, Serve

CHATS = "/v1/chat/completions"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
STREAM = CHAT[:-1] + b',"stream":true,"stream_options":{"include_usage":true}}'
KEY = "api-key: team-a-key"
REPORTED = 4  # tokens, by the provider of these tests


def team(models: tuple[str, ...] = (), **limits: int) -> list[CallerSettings]:
    """One caller with these models and limits."""
    return [CallerSettings("team-a", Secret("team-a-key"), models, CallerLimits(**limits))]


def limited(heard: Heard, kind: str) -> None:
    """What a client has to be told of a limit."""
    assert heard.status == 429
    assert heard.error["code"] == "rate_limit_exceeded"
    assert heard.error["type"] == kind
    assert heard.error["message"].startswith("team-a ")
    seconds, milliseconds = heard.header("retry-after"), heard.header("retry-after-ms")
    assert seconds
    assert milliseconds
    assert 1 <= int(seconds) <= 60
    assert 0 < int(milliseconds) <= 1000 * int(seconds)


async def test_requests_a_minute_are_limited(serve: Serve, primary: Upstream) -> None:
    """The one too many is told when to come again, and no provider hears of it."""
    async with serve(primary, callers=team(rpm=3)) as gateway:
        for _ in range(3):
            assert (await gateway.ask(CHATS, CHAT, KEY)).status == 200
        heard = await gateway.ask(CHATS, CHAT, KEY)
    limited(heard, "requests")
    assert heard.header("x-ratelimit-limit-requests") == "3"
    assert heard.header("x-ratelimit-remaining-requests") == "0"
    assert heard.header("x-ratelimit-reset-requests") in {"1m0s", "60s", "59.9s"}
    assert heard.header("x-ratelimit-limit-tokens") is None
    assert heard.header("x-should-retry") is None
    assert len(primary.requests) == 3


async def test_one_caller_s_limits_are_not_another_s(serve: Serve, primary: Upstream) -> None:
    """Each has buckets of their own."""
    callers = [*team(rpm=1), CallerSettings("team-b", Secret("team-b-key"))]
    async with serve(primary, callers=callers) as gateway:
        assert (await gateway.ask(CHATS, CHAT, KEY)).status == 200
        assert (await gateway.ask(CHATS, CHAT, KEY)).status == 429
        for _ in range(3):
            assert (await gateway.ask(CHATS, CHAT, "api-key: team-b-key")).status == 200


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["unary", "stream"])
async def test_tokens_a_minute_are_what_providers_report(
    serve: Serve, primary: Upstream, body: bytes
) -> None:
    """An estimate lets the call in, and the reported usage corrects it."""
    async with serve(primary, callers=team(tpm=60)) as gateway:
        (caller,) = gateway.app.gateway.doors.keyring.callers
        tokens = caller._rate.tokens
        assert tokens is not None
        clock = asyncio.get_running_loop().time
        began = clock()
        assert (await gateway.ask(CHATS, body, KEY)).status == 200
        await gateway.settle()
        refilled = clock() - began  # one token a second
        assert REPORTED - refilled - 0.1 <= 60 - tokens.level(clock()) <= REPORTED
        assert tokens_in(body) > 3 * REPORTED


async def test_a_stream_that_tells_no_usage_costs_a_token_an_event(
    serve: Serve, primary: Upstream
) -> None:
    """Beside its prompt; so that nobody has to ask for the usage to be limited."""
    body = CHAT[:-1] + b',"stream":true}'
    async with serve(primary, callers=team(tpm=60)) as gateway:
        (caller,) = gateway.app.gateway.doors.keyring.callers
        tokens = caller._rate.tokens
        assert tokens is not None
        heard = await gateway.ask(CHATS, body, KEY)
        used = 60 - tokens.level(asyncio.get_running_loop().time())
    assert used - tokens_in(body) == pytest.approx(heard.body.count(b"data:"), abs=3)


async def test_a_call_that_fails_costs_no_tokens(serve: Serve, primary: Upstream) -> None:
    """Nobody has made any."""
    primary.fail("status=400")
    async with serve(primary, callers=team(tpm=10_000)) as gateway:
        (caller,) = gateway.app.gateway.doors.keyring.callers
        tokens = caller._rate.tokens
        assert tokens is not None
        assert (await gateway.ask(CHATS, CHAT, KEY)).status == 400
        assert tokens.level(asyncio.get_running_loop().time()) == 10_000


async def test_a_prompt_beyond_what_is_left_of_the_tokens_is_refused(
    serve: Serve, primary: Upstream
) -> None:
    """The body decides, and another one that fits is let in."""
    long = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 3600}]})
    async with serve(primary, callers=team(tpm=1000)) as gateway:
        (caller,) = gateway.app.gateway.doors.keyring.callers
        caller.take_tokens(asyncio.get_running_loop().time(), 500)
        heard = await gateway.ask(CHATS, long.encode(), KEY)
        assert (await gateway.ask(CHATS, CHAT, KEY)).status == 200
    limited(heard, "tokens")
    assert heard.header("x-ratelimit-limit-tokens") == "1000"
    assert 495 <= int(heard.header("x-ratelimit-remaining-tokens") or 0) <= 510
    assert len(primary.requests) == 1


async def test_calls_at_once_are_limited(serve: Serve, primary: Upstream) -> None:
    """And a place is free again when a call has ended, however it ended."""
    primary.fail("slow=0.4")
    async with serve(primary, callers=team(concurrent=2)) as gateway:
        running = [asyncio.create_task(gateway.ask(CHATS, CHAT, KEY)) for _ in range(2)]
        while len(primary.requests) < 2:
            await asyncio.sleep(0.01)
        limited(await gateway.ask(CHATS, CHAT, KEY), "requests")
        assert [(await each).status for each in running] == [200, 200]
        primary.fail("hang")
        leaving = await gateway.connect()
        leaving.send(gateway.request(CHATS, CHAT, KEY))
        while len(primary.requests) < 3:
            await asyncio.sleep(0.01)
        leaving.leave()
        await gateway.settle()
        primary.heal()
        assert (await gateway.ask(CHATS, CHAT, KEY)).status == 200
        (caller,) = gateway.app.gateway.doors.keyring.callers
        assert caller.in_flight == 0
        assert gateway.app.admission.in_flight == 0


async def test_a_caller_has_the_models_of_their_list(serve: Serve, primary: Upstream) -> None:
    """Another is a 403 with OpenAI's code, also where it exists; the body goes nowhere."""
    async with serve(primary, model="*", callers=team(models=("gpt-4o*", "o1"))) as gateway:
        for model, status in (("gpt-4o", 200), ("gpt-4o-mini", 200), ("o1", 200), ("gpt-4", 403)):
            heard = await gateway.ask(CHATS, CHAT.replace(b"gpt-4o", model.encode()), KEY)
            assert (model, heard.status) == (model, status)
    assert heard.error["code"] == "model_not_found"
    assert heard.error["param"] == "model"
    assert "team-a" in heard.error["message"]
    asked = [json.loads(request.body)["model"] for request in primary.requests]
    assert asked == [
        "gpt-4o",
        "gpt-4o-mini",
        "o1",
    ]


async def test_a_caller_learns_no_other_model_from_a_refusal(
    serve: Serve, primary: Upstream
) -> None:
    """A name that nobody serves is answered with those that this caller may use."""
    async with serve(primary, callers=team(models=("m*",))) as gateway:
        target = TargetSettings("primary", "*")
        routes = tuple(RouteSettings(name, (target,)) for name in ("mine", "secret"))
        gateway.app.reload(replace(gateway.app.settings, routes=routes))
        for asked in ("m-nothing", "m-secret"):
            heard = await gateway.ask(CHATS, CHAT.replace(b"gpt-4o", asked.encode()), KEY)
            assert heard.status == 404
            assert heard.error["message"].endswith(f"the model {asked!r}: served are mine")


async def test_a_caller_sees_the_models_of_their_list(serve: Serve, primary: Upstream) -> None:
    """In the list of models, and one by one."""
    async with serve(primary, model="*", callers=team(models=("gpt-4o-mini",))) as gateway:
        listed = (await gateway.get("/v1/models", KEY)).json["data"]
        assert [model["id"] for model in listed] == ["gpt-4o-mini"]
        assert (await gateway.get("/v1/models/gpt-4o-mini", KEY)).status == 200
        assert (await gateway.get("/v1/models/gpt-4o", KEY)).status == 404


async def test_a_refused_key_leaves_no_trace(serve: Serve, primary: Upstream) -> None:
    """Places are given back, and limits of others are untouched."""
    async with serve(primary, callers=team(rpm=1, concurrent=1)) as gateway:
        for _ in range(5):
            assert (await gateway.ask(CHATS, CHAT, "api-key: wrong")).status == 401
        assert gateway.app.admission.in_flight == 0
        assert (await gateway.ask(CHATS, CHAT, KEY)).status == 200


def test_who_stays_the_same_keeps_what_they_used() -> None:
    """New settings do not refill a bucket, unless they change it."""
    old = Keyring(team(rpm=1))
    old.callers[0].enter(0.0)
    same, wider = Keyring(team(rpm=1), old), Keyring(team(rpm=2), old)
    with pytest.raises(Refusal):
        same.callers[0].enter(0.0)
    wider.callers[0].enter(0.0)
    assert repr(old.callers[0]).startswith("<Caller team-a in flight=1 <RateLimit requests=")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.12, "120ms"), (1.0, "1s"), (1.51, "1.6s"), (59.9, "59.9s"), (360, "6m0s")],
)
def test_the_reset_is_told_as_openai_does(seconds: float, told: str) -> None:
    """SDKs and people read it."""
    caller = Caller("team-a", limits=CallerLimits(rpm=60_000))
    assert caller._rate.requests is not None
    caller._rate.requests.take(0.0, 1000 * seconds)
    assert dict(caller._told(0.0))[b"x-ratelimit-reset-requests"].decode() == told


def test_pictures_in_a_prompt_are_not_counted_as_text() -> None:
    """Base64 is a third larger than a picture, and its length says little of its tokens."""
    picture = b'{"image_url":{"url":"data:image/png;base64,' + b"iVBOR" * 100_000 + b'"}}'
    assert tokens_in(CHAT) == len(CHAT) / 4
    assert TOKENS_AN_IMAGE * 2 <= tokens_in(picture * 2) < TOKENS_AN_IMAGE * 2 + 50
    assert tokens_in(b"x" * 100_000 + b";base64,") == pytest.approx(25_000, abs=10)
