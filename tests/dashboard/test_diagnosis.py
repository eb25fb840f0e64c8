"""From states and records to what the headline tells."""

from __future__ import annotations

import pytest

from elizanet.gateway.dashboard.diagnosis import diagnose
from elizanet.gateway.dashboard.findings import Chapter, Findings
from elizanet.gateway.dashboard.history import Asked
from elizanet.gateway.dashboard.impact import Impact
from elizanet.gateway.dashboard.providers import ProviderView, provider_views
from elizanet.gateway.dashboard.situation import Fates, Patient
from elizanet.health import LaneState
from elizanet.settings import ProviderSettings, Settings
from support.boards import lane, settings

NOW = 1_000_000.0


def views(*lanes: LaneState, held: dict[tuple[str, str], str] | None = None) -> list[ProviderView]:
    chain = settings(("openai", "a"), ("groq", "b"))
    return provider_views(chain, lanes, held or {})


def findings(
    now: dict[str, Asked] | None = None, chapters: dict[str, Chapter] | None = None
) -> Findings:
    lately = Impact(Fates(9), ["openai", "groq"], ["gpt-4o"])
    of_all = Impact(Fates(99), ["openai", "groq"], ["gpt-4o", "o3"])
    return Findings(NOW, now or {}, chapters or {}, Fates(5), lately, of_all)


def chapter(until: float = NOW, *, settled: int = 0, state: str = "open") -> Chapter:
    failures = {"timeout": 30, "bad_request": 5}
    settled_asked = {"openai": Asked(settled, {"timeout": settled // 2})} if settled else {}
    return Chapter(NOW - 600, until, state, "slow", {"openai": Asked(50, failures)}, settled_asked)


@pytest.mark.parametrize("state", ["open", "half_open", "rate_limited", "quarantined"])
def test_a_provider_that_stands_aside_is_ill(state: str) -> None:
    """Since when its chapter says; again when its lane says; its helpers are the others."""
    told = diagnose(views(lane(state), lane(host="groq")), findings(chapters={"openai": chapter()}))
    (patient,) = told.ill
    assert (patient.name, patient.state, patient.since) == ("openai", state, NOW - 600)
    assert (patient.reason, patient.again_at, patient.part) == (f"{state} because", NOW + 12, "")
    assert (told.helpers, told.fates, told.last) == (["groq"], Fates(9), Fates(5))


def test_the_failures_of_callers_are_not_the_providers() -> None:
    """A wrong request fails everywhere."""
    (patient,) = diagnose(views(lane("open")), findings(chapters={"openai": chapter()})).ill
    assert patient.failures == {"timeout": 30}


def test_a_share_is_of_whole_minutes_only() -> None:
    """The first minute has attempts from before the trouble."""
    for settled, attempts, failures in ((0, 0, 30), (9, 0, 30), (10, 10, 5), (400, 400, 200)):
        found = findings(chapters={"openai": chapter(settled=settled)})
        (patient,) = diagnose(views(lane("open")), found).ill
        assert (patient.attempts, patient.failed) == (attempts, failures)


@pytest.mark.parametrize(
    ("asked", "is_ill"),
    [
        (Asked(9, {"timeout": 9}), False),
        (Asked(10, {"timeout": 1}), False),
        (Asked(10, {"timeout": 2}), True),
        (Asked(100, {"bad_request": 90, "content_policy": 5}), False),
    ],
)
def test_a_provider_that_fails_often_is_ill_before_its_breaker_opens(
    asked: Asked, is_ill: bool
) -> None:
    """A few attempts say nothing."""
    told = diagnose(views(lane()), findings(now={"openai": asked}))
    assert [patient.state for patient in told.ill] == (["failing"] if is_ill else [])


def test_an_older_trouble_says_nothing_about_a_new_one() -> None:
    """Its beginning is not theirs."""
    old = chapter(until=NOW - 121)
    (patient,) = diagnose(views(lane("rate_limited")), findings(chapters={"openai": old})).ill
    assert patient.since is None
    (patient,) = diagnose(
        views(lane("rate_limited")), findings(chapters={"openai": chapter(until=NOW - 119)})
    ).ill
    assert patient.since == NOW - 600


def test_what_is_over_is_told_of() -> None:
    """As failing, though it was probed at last."""
    was = chapter(until=NOW - 300, state="half_open")
    told = diagnose(views(lane()), findings(chapters={"openai": was}))
    assert (told.ill, [each.name for each in told.recovered]) == ([], ["openai"])
    (patient,) = told.recovered
    assert (patient.state, patient.since, patient.until) == ("open", NOW - 600, NOW - 300)
    assert (told.affected, told.fates) == (["gpt-4o", "o3"], Fates(99))


def test_a_part_of_a_provider_is_named() -> None:
    """One model, or how many of them."""
    one = views(lane("open"), lane(model="gpt-5"), lane(model="o3"))
    assert [patient.part for patient in diagnose(one, None).ill] == ["gpt-4o"]
    two = views(lane("open"), lane("open", "gpt-5"), lane(model="o3"))
    assert [patient.part for patient in diagnose(two, None).ill] == ["2 of 3 models"]


def test_without_records_there_are_the_states() -> None:
    """And nothing else is claimed."""
    told = diagnose(views(lane("open")), None)
    assert told.ill == [Patient("openai", "open", reason="open because")]
    assert (told.fates, told.last, told.helpers, told.affected) == (None, None, [], [])


def test_who_is_drained_is_not_ill() -> None:
    """An operator knows; what they hold is told."""
    held = {("openai", "*"): "open", ("groq", "llama"): "closed"}
    told = diagnose(views(lane("open", forced="open"), held=held), findings())
    assert told.ill == []
    assert told.held == ["openai (taken out)", "groq/llama (kept in)"]


def test_providers_are_listed_by_their_place() -> None:
    """In the order of the settings, once for each address; unused ones are left out."""
    chain = settings(("a", "x"), ("b", "y"), ("a-again", "x"))
    spare = ProviderSettings("spare", "http://z/v1")
    chain = Settings(providers={**chain.providers, "spare": spare}, routes=chain.routes)
    found = provider_views(chain, [lane(host="a")], {})
    assert [(view.name, view.names, view.state) for view in found] == [
        ("a", ("a", "a-again"), "closed"),
        ("b", ("b",), "idle"),
    ]


def test_a_view_shows_the_worst() -> None:
    """Of the lanes that nobody forced; the worst come first, and the list is bounded."""
    (view, _) = views(
        lane("rate_limited", "m1"), lane("open", "m2", forced="open"), lane("half_open", "m3"),
        *(lane(model=f"more-{n}") for n in range(60)),
    )  # fmt: skip
    assert (view.state, view.reason) == ("rate_limited", "rate_limited because")
    assert (view.affected, view.lane_count, view.in_flight) == (3, 63, 63)
    assert [each.state for each in view.lanes[:4]] == [
        "open",
        "rate_limited",
        "half_open",
        "closed",
    ]
    assert len(view.lanes) == 60
