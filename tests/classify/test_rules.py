"""The user's own rules, tried before ours."""

from __future__ import annotations

from typing import cast

import pytest

from elizanet.classify import Classifier, Failure, Rule, classify, verdict_for
from elizanet.errors import FailureClass, Verdict

BUSY = Failure.from_reply("p", 503, {"retry-after": "9"}, b"")


def test_without_rules_the_built_in_verdict_stands() -> None:
    """A classifier with nothing added is `classify`."""
    assert Classifier().verdict(BUSY) == classify(BUSY)
    assert repr(Classifier()) == "<Classifier [0 own rules]>"


def test_the_first_rule_with_an_opinion_wins() -> None:
    """None means no opinion; a name, a class and a whole verdict are all understood."""
    own = Verdict(FailureClass.UNKNOWN, fallback=False, retry_same_provider=True)
    assert Classifier([lambda _: None, lambda _: own]).verdict(BUSY) is own
    assert Classifier([lambda _: "auth"]).verdict(BUSY).failure_class is FailureClass.AUTH
    assert not Classifier([lambda _: FailureClass.BAD_REQUEST]).verdict(BUSY).fallback


def test_a_class_from_a_rule_keeps_the_stated_delay() -> None:
    """A rule names the class; the delay is still the provider's."""
    assert Classifier([lambda _: "rate_limit"]).verdict(BUSY).retry_after_s == 9


def test_a_rule_sees_the_live_exception() -> None:
    """What only the user's code can know is still there."""
    error = LookupError("mine")
    seen: list[BaseException | None] = []

    def rule(failure: Failure) -> None:
        seen.append(failure.raised)

    Classifier([rule]).verdict(Failure.from_exception("p", error))
    assert seen == [error]


@pytest.mark.parametrize("nonsense", ["rate limit", "", 3, True, ["auth"], object()])
def test_nonsense_from_a_rule_is_reported_and_loses_nothing(nonsense: object) -> None:
    """The report names what came back and what is allowed."""
    reports: list[Exception] = []
    rule = cast(Rule, lambda _: nonsense)
    assert Classifier([rule], reports.append).verdict(BUSY) == classify(BUSY)
    assert "allowed are" in str(reports[0])


def test_a_rule_that_raises_is_reported_and_loses_nothing() -> None:
    """The next rule, and then ours, still get their turn."""
    reports: list[Exception] = []

    def broken(_: Failure) -> str:
        raise ZeroDivisionError("a mistake")

    assert (
        Classifier([broken, lambda _: "auth"], reports.append).verdict(BUSY).failure_class == "auth"
    )
    assert Classifier([broken]).verdict(BUSY) == classify(BUSY)
    assert [str(report) for report in reports] == ["a mistake"]


@pytest.mark.parametrize("failure_class", list(FailureClass))
def test_every_class_has_a_policy(failure_class: FailureClass) -> None:
    """Three classes end the call, six may heal by themselves."""
    verdict = verdict_for(failure_class)
    assert verdict.fallback is (failure_class not in ("bad_request", "content_policy", "cancelled"))
    healing = (
        "rate_limit", "overloaded", "timeout", "connection", "malformed_response",
        "stream_interrupted",
    )  # fmt: skip
    assert verdict.retry_same_provider is (failure_class in healing)


def test_a_long_rate_limit_is_not_worth_another_try() -> None:
    """A minute is still worth waiting, more is not; and the policy can be overruled."""
    assert verdict_for(FailureClass.RATE_LIMIT, retry_after_s=60).retry_same_provider
    assert not verdict_for(FailureClass.RATE_LIMIT, retry_after_s=61).retry_same_provider
    assert not verdict_for(FailureClass.CONNECTION, retry=False).retry_same_provider
