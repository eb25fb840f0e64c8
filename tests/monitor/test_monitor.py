"""The monitor in virtual time: what it finds, tells and keeps, and what it leaves alone."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from elizanet.call import Answer, Call, Headers
from elizanet.classify import verdict_for
from elizanet.errors import FailureClass, ProviderError
from elizanet.hooks import Hooks
from elizanet.monitor import Monitor
from elizanet.policy.breaker import THRESHOLD
from elizanet.router import Router
from elizanet.settings import (
    HealthSettings,
    ProviderSettings,
    RouteSettings,
    Settings,
    TargetSettings,
)
from elizanet.telemetry import HealthChanged, HookFailed, TelemetryEvent
from elizanet.testing.virtual_time import run_virtually

Models = tuple[str, ...]
Listing = Callable[[], Awaitable[Models]]


class Listed:
    """A provider that is only asked for its models. `asked` has the times of that."""

    def __init__(self, name: str, listing: Listing) -> None:
        self.name = name
        self.asked: list[float] = []
        self._listing = listing

    async def list_models(self, headers: Headers = ()) -> Models:
        assert not headers
        self.asked.append(asyncio.get_running_loop().time())
        return await self._listing()

    def folds(self, call: Call) -> bool:
        raise NotImplementedError

    async def forward(self, *_given: object) -> Answer:
        raise NotImplementedError

    async def send(self, call: Call) -> Answer:
        raise NotImplementedError


class Rig:
    """A router whose providers do as they are told, and the monitor of it."""

    def __init__(self, *names: str, interval: float = 30.0, hooks: Hooks | None = None) -> None:
        self.told: list[TelemetryEvent] = []
        self.listings: dict[str, Listing] = {}
        self.providers: dict[str, Listed] = {}
        self.router = self.router_of(*names, interval=interval, hooks=hooks)
        self.monitor = Monitor(
            lambda: self.router, chance=random.Random(1), wall=asyncio.get_running_loop().time
        )

    def router_of(self, *names: str, interval: float = 30.0, hooks: Hooks | None = None) -> Router:
        settings = Settings(
            providers={name: ProviderSettings(name, f"https://{name}.test") for name in names},
            routes=(RouteSettings("*", tuple(TargetSettings(name, "*") for name in names)),),
            health=HealthSettings(interval=interval),
        )
        return Router(
            settings,
            sinks=(self.told.append,),
            hooks=hooks,
            provider=lambda given, _key, _number: self._listed(given.name),
        )

    def reload(self, *names: str, interval: float = 30.0) -> None:
        self.router = self.router_of(*names, interval=interval)
        self.monitor.reloaded()

    @property
    def changes(self) -> list[tuple[str, str]]:
        return [(e.subject, e.state) for e in self.told if isinstance(e, HealthChanged)]

    @property
    def states(self) -> dict[str, str]:
        return {name: result.state for name, result in self.monitor.results().items()}

    def score(self, name: str) -> float:
        """Return the score of the breaker of a host."""
        now = asyncio.get_running_loop().time()
        return self.router.registry._host(name).breaker.score(now)

    def first(self, name: str) -> float:
        """Return when a provider was asked first."""
        return self.providers[name].asked[0]

    def _listed(self, name: str) -> Listed:
        async def listing() -> Models:
            return await self.listings.get(name, well)()

        return self.providers.setdefault(name, Listed(name, listing))


async def well() -> Models:
    return ("m",)


def failing(failure: str, status: int | None = None) -> Listing:
    async def listing() -> Models:
        message = "scripted"
        raise ProviderError(message, verdict_for(FailureClass(failure)), status=status)

    return listing


async def silent() -> Models:
    await asyncio.Event().wait()
    raise NotImplementedError


unreachable = failing("connection")


def virtually(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test on a loop whose clock jumps."""

    def run() -> None:
        run_virtually(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@virtually
async def test_every_provider_is_checked_again_and_again() -> None:
    """A quiet gateway asks each of them every half minute, and finds it healthy."""
    rig = Rig("one", "two")
    async with rig.monitor:
        await asyncio.sleep(5)
        assert rig.states == {"one": "healthy", "two": "healthy"}
        await asyncio.sleep(595)
    for provider in rig.providers.values():
        assert 17 <= len(provider.asked) <= 24
    result = rig.monitor.results()["one"]
    assert (result.healthy, result.reason, result.since) == (True, "1 model", rig.first("one"))
    assert result.at == rig.providers["one"].asked[-1]
    assert rig.changes == []


@virtually
async def test_only_a_change_is_told() -> None:
    """Of an outage its beginning and its end, with the reason."""
    rig = Rig("one", "two")
    async with rig.monitor:
        await asyncio.sleep(100)
        rig.listings["one"] = failing("overloaded", 503)
        await asyncio.sleep(200)
        assert rig.changes == [("one", "unhealthy")]
        result = rig.monitor.results()["one"]
        assert 100 <= result.since <= 136
        assert result.at >= 260
        assert (result.healthy, result.reason) == (False, "overloaded: scripted")
        rig.listings["one"] = well
        await asyncio.sleep(100)
    assert rig.changes == [("one", "unhealthy"), ("one", "healthy")]
    event = rig.told[0]
    assert event == HealthChanged("one", "check", "unhealthy", "overloaded: scripted")


@pytest.mark.parametrize(
    ("status", "failure", "state"),
    [
        (403, "auth", "reachable"),
        (404, "model_not_found", "reachable"),
        (405, "unknown", "reachable"),
        (429, "rate_limit", "reachable"),
        (501, "overloaded", "reachable"),
        (401, "auth", "unhealthy"),
        (402, "quota_exhausted", "unhealthy"),
        (500, "overloaded", "unhealthy"),
        (200, "malformed_response", "unhealthy"),
        (None, "connection", "unhealthy"),
    ],
)
def test_no_list_of_models_is_not_ill_health(status: int | None, failure: str, state: str) -> None:
    """It has answered; a key that is refused, an error or nonsense is another matter."""

    async def test() -> None:
        rig = Rig("one")
        rig.listings["one"] = failing(failure, status)
        async with rig.monitor:
            await asyncio.sleep(5)
            assert rig.states == {"one": state}
            assert rig.changes == [("one", state)]
            assert not rig.monitor.results()["one"].healthy

    run_virtually(test())


@virtually
async def test_silence_ends_after_five_seconds_and_holds_up_nobody() -> None:
    """The others are checked meanwhile."""
    rig = Rig("one", "two")
    rig.listings["one"] = silent
    async with rig.monitor:
        await asyncio.sleep(300)
    result = rig.monitor.results()["one"]
    assert (result.state, result.reason) == ("unhealthy", "no answer within 5 s")
    assert result.seconds == pytest.approx(5)
    asked = rig.providers["two"].asked
    assert max(b - a for a, b in pairwise(asked)) <= 36 + 5


@virtually
async def test_no_failed_check_opens_a_breaker() -> None:
    """An hour of them is half of the evidence at most, and only about the host."""
    rig = Rig("one", "two", "three", "four")
    rig.listings |= {"one": unreachable, "two": failing("overloaded", 503), "three": silent}
    rig.listings["four"] = failing("timeout")
    async with rig.monitor:
        await asyncio.sleep(3600)
        scores = {name: rig.score(name) for name in rig.states}
    assert THRESHOLD / 2 * 0.9 < scores.pop("one") <= THRESHOLD / 2
    assert scores == {"two": 0, "three": 0, "four": 0}
    assert [what for event in rig.told if (what := getattr(event, "what", "")) != "check"] == []


@virtually
async def test_a_hook_decides_and_its_faults_are_survived() -> None:
    """It may say yes, no, or nothing; it may raise, and cancel itself."""
    answers: dict[str, object] = {"one": True, "two": "under maintenance", "three": None}

    async def health(provider: str) -> Any:
        answer = answers[provider]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    rig = Rig("one", "two", "three", hooks=Hooks(health=health))
    async with rig.monitor:
        await asyncio.sleep(5)
        assert rig.states == {"one": "healthy", "two": "unhealthy", "three": "healthy"}
        assert rig.monitor.results()["two"].reason == "under maintenance"
        assert rig.score("two") == pytest.approx(2, rel=0.02)
        assert list(rig.providers["one"].asked) == []
        answers |= {
            "one": ValueError("sk-planted-0123456789abcdef"),
            "two": asyncio.CancelledError(),
        }
        await asyncio.sleep(60)
        assert rig.states == {"one": "healthy", "two": "unhealthy", "three": "healthy"}
        assert rig.monitor.results()["two"].reason == "the check itself failed: CancelledError: "
        assert any(isinstance(event, HookFailed) for event in rig.told)
        answers |= {"one": "down", "two": True}
        await asyncio.sleep(60)
        assert rig.states == {"one": "unhealthy", "two": "healthy", "three": "healthy"}
    assert "planted" not in repr(rig.told)


@virtually
async def test_whatever_a_provider_raises_is_a_result() -> None:
    """Its words are masked, and the task goes on."""
    rig = Rig("one", "two")

    async def broken() -> Models:
        raise LookupError("no sk-planted-0123456789abcdef here")

    rig.listings["one"] = broken
    async with rig.monitor:
        await asyncio.sleep(100)
        reason = rig.monitor.results()["one"].reason
        assert reason == "the check itself failed: LookupError: no [redacted] here"
        assert len(rig.providers["two"].asked) >= 3


@virtually
async def test_other_settings_hold_at_once() -> None:
    """Providers come and go, and so do their results; a shorter interval is kept to."""
    rig = Rig("one", "two", interval=3600.0)
    async with rig.monitor:
        await asyncio.sleep(10)
        assert set(rig.states) == {"one", "two"}
        rig.reload("two", "three", interval=10.0)
        await asyncio.sleep(13)
        assert set(rig.states) == {"two", "three"}
        count = len(rig.providers["two"].asked)
        await asyncio.sleep(100)
        assert len(rig.providers["two"].asked) - count >= 8
        assert len(rig.providers["one"].asked) == 1


@virtually
async def test_an_interval_of_zero_switches_it_off_and_on_again() -> None:
    """What is not checked any more is not told of."""
    rig = Rig("one")
    async with rig.monitor:
        await asyncio.sleep(10)
        rig.reload("one", interval=0)
        await asyncio.sleep(1000)
        assert (rig.states, len(rig.providers["one"].asked)) == ({}, 1)
        rig.reload("one")
        await asyncio.sleep(10)
        assert rig.states == {"one": "healthy"}


@virtually
async def test_what_was_asked_of_replaced_settings_is_dropped() -> None:
    """Their connections close under it, which says nothing about the provider."""
    rig = Rig("one")
    answer = asyncio.Event()

    async def cut_off() -> Models:
        await answer.wait()
        return await unreachable()

    rig.listings["one"] = cut_off
    async with rig.monitor:
        await asyncio.sleep(4)
        assert len(rig.providers["one"].asked) == 1
        rig.reload("one")
        rig.listings["one"] = well
        answer.set()
        await asyncio.sleep(50)
        assert rig.changes == []
        assert rig.states == {"one": "healthy"}


@virtually
async def test_its_end_ends_the_checks_under_way() -> None:
    """Nothing is left, nothing is told; it can be started again."""
    rig = Rig("one", "two")
    rig.listings |= {"one": silent, "two": silent}
    rig.monitor.start()
    rig.monitor.start()
    await asyncio.sleep(4)
    assert repr(rig.monitor) == "<Monitor running nothing found yet>"
    assert len(asyncio.all_tasks()) >= 3
    await rig.monitor.aclose()
    await rig.monitor.aclose()
    assert len(asyncio.all_tasks()) == 1
    assert (rig.told, rig.states) == ([], {})
    rig.listings.clear()
    async with rig.monitor:
        await asyncio.sleep(80)
    assert repr(rig.monitor) == "<Monitor not running one healthy, two healthy>"
