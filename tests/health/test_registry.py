"""Everything that is known, made when it is first asked for, and bounded."""

from __future__ import annotations

import pytest

from elizanet.health import WHOLE_HOST, registry
from elizanet.operation import Operation
from elizanet.policy.breaker import BreakerState
from elizanet.policy.protections import Protections
from elizanet.policy.rate import RateLimit
from support.lanes import Lanes, admit, fail, failure, knock_out

OPEN, CLOSED = BreakerState.OPEN, BreakerState.CLOSED


@pytest.fixture
def lanes() -> Lanes:
    return Lanes()


# What is shared


def test_a_lane_is_made_once(lanes: Lanes) -> None:
    """The same four names are the same lane."""
    assert lanes.lane() is lanes.lane()
    assert [name for name, _ in lanes.registry.lanes] == [("acme", "", Operation.CHAT, "m")]


def test_lanes_share_what_is_known_of_their_host_model_and_key(lanes: Lanes) -> None:
    """State lives where the failure lives."""
    lane = lanes.lane("acme", "k", "m")
    other_key, other_model = lanes.lane("acme", "l", "m"), lanes.lane("acme", "k", "n")
    other_host = lanes.lane("best", "k", "m")
    other_kind = lanes.registry.lane("acme", "k", Operation.EMBEDDING, "m")
    assert lane.host is other_key.host is other_model.host is other_kind.host
    assert lane.model is other_key.model
    assert lane.model is not other_kind.model
    assert lane.model is not other_model.model
    assert lane.key is other_model.key is other_kind.key
    assert lane.key is not other_key.key
    assert lane.host is not other_host.host
    assert lane.model is not other_host.model
    assert lane.key is not other_host.key
    gates = {id(each.gate) for each in (lane, other_key, other_model, other_host, other_kind)}
    assert len(gates) == 5


def test_the_limit_of_our_own_is_that_of_the_last_who_asked(lanes: Lanes) -> None:
    """It belongs to the settings, not to what is known."""
    rate = RateLimit(rpm=1)
    assert lanes.lane(rate=rate).rate is rate
    assert lanes.lane().rate is None


@pytest.mark.parametrize(
    ("key", "lane", "alias"),
    [("", "acme/m chat/completions", "acme"), ("acme", "acme/m chat/completions", "acme"),
     ("spare", "acme/m chat/completions (spare)", "spare")],
)  # fmt: skip
def test_things_are_named_as_an_operator_knows_them(
    lanes: Lanes, key: str, lane: str, alias: str
) -> None:
    """A provider's only key needs no name."""
    made = lanes.lane("acme", key, "m")
    assert (made.name, made.model.name, made.host.name, made.key.name) == (
        lane, "acme/m chat/completions", "acme", alias,
    )  # fmt: skip


# Bounds


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MOST_LANES", 3)


def models(lanes: Lanes) -> list[str]:
    return [name[3] for name, _ in lanes.registry.lanes]


@pytest.mark.usefixtures("few")
def test_what_was_not_used_for_longest_is_forgotten(lanes: Lanes) -> None:
    """Callers choose model names; the first one is often the most used."""
    for model in "abc":
        lanes.lane(model=model)
    lanes.lane(model="a")
    lanes.lane(model="d")
    assert models(lanes) == ["c", "a", "d"]
    lanes.lane(model="a")
    assert models(lanes) == ["c", "d", "a"]


@pytest.mark.usefixtures("few")
def test_what_is_in_use_is_not_forgotten(lanes: Lanes) -> None:
    """Not even if all of it is, and there is no room for more."""
    permits = [admit(lanes.lane(model=model)) for model in "abc"]
    lane = lanes.lane(model="d")
    assert models(lanes) == ["a", "b", "c", "d"]
    assert lanes.lane(model="d") is lane
    permits[1].close()
    lanes.lane(model="e")
    assert models(lanes) == ["a", "c", "d", "e"]


@pytest.mark.usefixtures("few")
def test_a_forgotten_lane_leaves_nothing_behind(lanes: Lanes) -> None:
    """Its model goes with its last lane, and hears of nothing."""
    first = lanes.lane(key="k", model="a")
    second = lanes.lane(key="l", model="a")
    model = first.model
    assert list(model.on_closed) == [first, second]
    lanes.lane(model="b")
    lanes.lane(model="c")
    assert list(model.on_closed) == [second]
    assert lanes.lane(key="l", model="a").model is model
    lanes.lane(model="d")
    lanes.lane(model="e")
    lanes.lane(model="f")
    assert not model.on_closed
    assert lanes.lane(key="l", model="a").model is not model


def test_two_thousand_model_names_are_remembered(lanes: Lanes) -> None:
    """And no more."""
    for number in range(2_010):
        lanes.lane(model=str(number))
    assert len(lanes.registry.lanes) == 2_000
    assert repr(lanes.registry) == "<Registry hosts=1 lanes=2000>"


# Force


def test_an_operator_forces_one_model(lanes: Lanes) -> None:
    """For every key and kind of request, and no other model."""
    lane, other = lanes.lane(model="m"), lanes.lane(model="n")
    embeddings = lanes.registry.lane("acme", "", Operation.EMBEDDING, "m")
    lanes.registry.force("acme", "m", OPEN)
    assert lane.refusal(0, 0)
    assert embeddings.refusal(0, 0)
    assert other.refusal(0, 0) is None
    lanes.registry.force("acme", "m", None)
    assert lane.refusal(0, 0) is None


def test_an_operator_forces_a_whole_host(lanes: Lanes) -> None:
    """Every model of it."""
    lane, elsewhere = lanes.lane(), lanes.lane("best")
    lanes.registry.force("acme", WHOLE_HOST, OPEN)
    assert lane.refusal(0, 0)
    assert lane.model.breaker.forced is None
    assert elsewhere.refusal(0, 0) is None


def test_what_is_asked_for_later_is_forced_too(lanes: Lanes) -> None:
    """An operator may speak before the first call, and of what was forgotten."""
    lanes.registry.force("acme", "m", OPEN)
    lanes.registry.force("best", WHOLE_HOST, CLOSED)
    assert lanes.lane("acme").model.breaker.forced is OPEN
    assert lanes.lane("best").host.breaker.forced is CLOSED
    lanes.registry.force("acme", "n", OPEN)
    lanes.registry.force("acme", "n", None)
    assert lanes.lane("acme", model="n").model.breaker.forced is None


def test_nothing_is_forced_half_open(lanes: Lanes) -> None:
    """And a mistake is not kept for later."""
    with pytest.raises(ValueError, match="acme/m can be forced open or closed, not half_open"):
        lanes.registry.force("acme", "m", BreakerState.HALF_OPEN)
    assert lanes.lane().model.breaker.forced is None


def test_force_is_told_with_its_reason(lanes: Lanes) -> None:
    """Every change of state is an event."""
    lanes.lane()
    lanes.registry.force("acme", WHOLE_HOST, OPEN)
    (event,) = lanes.told
    assert (event.subject, event.what, event.state) == ("acme", "breaker", "open")
    assert event.reason == "an operator decided"


# Protections


def test_each_protection_can_be_switched_off() -> None:
    """As if it did not exist."""
    everything = ("breaker", "budget", "limiter", "gate", "quarantine")
    bare = Lanes(Protections(**dict.fromkeys(everything, False)))
    lane = bare.lane(key="spare")
    for _ in range(3_000):
        admit(lane)
    fail(lane, [failure("rate_limit", 429)] * 5 + [failure("rate_limit", 429, retry_after_s=9.0)])
    fail(lane, [failure("auth", 401), failure("auth", 403)])
    knock_out(lane)
    fail(lane, [failure("connection")] * 20)
    assert lane.refusal(0, 0) is None
    assert all(lane.host.budget.spend(0) for _ in range(100))
    assert not bare.told


def test_a_threshold_is_that_of_all_its_breakers() -> None:
    """Infinite where breakers are switched off."""
    lanes = Lanes()
    sensitive = registry.Registry(
        chance=lanes.registry._chance, emit=lanes.registry.emit, threshold=2.0
    )
    lane = sensitive.lane("acme", "", Operation.CHAT, "m")
    fail(lane, [failure("overloaded", 500)] * 2 + [failure("connection")] * 2)
    assert lane.model.breaker.state is lane.host.breaker.state is OPEN
    assert "score=0.0/inf" in repr(Lanes(Protections(breaker=False)).lane().model.breaker)
