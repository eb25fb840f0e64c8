"""What a trouble means for calls: how they end, who helps, whose they are."""

from __future__ import annotations

import pytest

from elizanet.gateway.dashboard.situation import Fates
from support.troubles import Found, call, change


def test_all_is_counted_since_the_trouble_began(found: Found) -> None:
    """Who helps, and whose calls were concerned, most first."""
    findings = found(
        change(3000, "open"),
        call(2900, "timeout"), call(2900, "timeout", model="o3", caller="team-b"),
        call(2800, "timeout", caller="team-b"), call(2700, "timeout", by=None, caller="team-b"),
        call(2600, by="openai", model="well", caller="nobody"), call(4000, "timeout", by=None),
    )  # fmt: skip
    assert findings.impact.fates == Fates(5, lost=1, fallbacks=3)
    assert findings.impact.helpers == ["groq"]
    assert findings.impact.affected == ["gpt-4o", "o3", "team-b", "team-a"]


@pytest.mark.parametrize(
    ("answered", "lost", "told"),
    [
        ((6,) * 90, (4,) * 20, Fates(20, lost=20)),
        ((6,) * 10, (4,) * 19, Fates(29, lost=19)),
        ((11,) * 10, (4,) * 19, Fates(29, lost=19)),
        ((61,) * 19, (59,) * 1, Fates(20, lost=1)),
        ((299,) * 3, (), Fates(3)),
        ((301,) * 50, (), Fates()),
    ],
)
def test_the_last_calls_are_those_of_as_few_seconds_as_say_something(
    found: Found, answered: tuple[float, ...], lost: tuple[float, ...], told: Fates
) -> None:
    """Five seconds if there are twenty calls in them, then ten, a minute, five minutes."""
    calls = [call(ago, by="openai") for ago in answered]
    calls += [call(ago, "timeout", by=None) for ago in lost]
    assert found(change(250, "open"), *calls).last == told


def test_what_callers_did_wrong_is_counted_on_its_own(found: Found) -> None:
    """And affects nobody, nor makes an outage."""
    findings = found(
        change(500, "open"), call(5, "timeout", caller="team-b"),
        *(call(5, "bad_request", by=None) for _ in range(20)),
        *(call(5, "content_policy", by=None, model="o3") for _ in range(3)),
    )  # fmt: skip
    wrong = {"bad_request": 20, "content_policy": 3}
    assert findings.impact.fates == Fates(1, fallbacks=1, wrong=wrong)
    assert findings.impact.affected == ["gpt-4o", "team-b"]
    assert findings.last == Fates(1)


def test_whoever_calls_without_a_key_is_not_named(found: Found) -> None:
    """There is nobody to tell."""
    assert found(call(60, "timeout", caller="anonymous")).impact.affected == ["gpt-4o"]
