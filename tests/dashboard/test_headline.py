"""The headline: is anything wrong, since when, who is affected, what is being done."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from elizanet.gateway.dashboard.headline import Headline, headline
from elizanet.gateway.dashboard.situation import Patient, Situation
from elizanet.gateway.dashboard.trouble import Sentence, share
from elizanet.records.reading import Totals

AT_14_02 = datetime(2026, 11, 23, 14, 2, tzinfo=UTC).timestamp()
MINUTE = 60
CALM = Totals(calls=4200, answered=4200)
LOST = Totals(calls=4200, answered=4188, failed=9, broken=3, fallbacks=4000)
OPENAI = Patient("openai", "open", "busy", since=AT_14_02, attempts=100, failures={"timeout": 93})


def read(sentence: Sentence) -> str:
    """Return a sentence as a reader in Greenwich sees it."""
    return "".join(
        part if isinstance(part, str) else f"{datetime.fromtimestamp(part, UTC):%H:%M}"
        for part in sentence
    )


def more(said: Headline) -> list[str]:
    return [read(sentence) for sentence in said.more]


def test_all_is_well() -> None:
    """One short sentence, and how much was asked."""
    said = headline(Situation(totals=CALM))
    assert (said.level, read(said.text)) == ("calm", "Everything answers.")
    assert more(said) == ["4,200 calls in the last quarter of an hour, all of them answered."]


def test_a_provider_fails() -> None:
    """Since when, how much, why, who helps, who is affected, what happens next."""
    said = headline(
        Situation(ill=[OPENAI], totals=LOST, helpers=["elizanet"], affected=["gpt-4o", "team-a"])
    )
    assert said.level == "trouble"
    assert read(said.text) == (
        "openai is failing since 14:02: 93 % of its attempts fail, all timeouts."
    )
    assert more(said) == [
        "Its calls go to elizanet; 12 of 4,200 calls got no answer.",
        "It is probed with one call at a time, and used again once it answers.",
        "Affected: gpt-4o and team-a.",
    ]


def test_a_provider_fails_and_nobody_notices() -> None:
    """What falls back in time is worth a notice only."""
    totals = Totals(calls=10, answered=10, fallbacks=10)
    said = headline(Situation(ill=[OPENAI], totals=totals, helpers=["a", "b"]))
    assert said.level == "notice"
    assert "Its calls go to a and b; all 10 calls were answered." in more(said)


def test_most_calls_get_no_answer() -> None:
    """That is an outage."""
    totals = Totals(calls=10, answered=5, failed=5)
    assert headline(Situation(ill=[OPENAI], totals=totals)).level == "outage"
    fewer = Totals(calls=11, answered=6, failed=5)
    assert headline(Situation(ill=[OPENAI], totals=fewer)).level == "trouble"


def test_several_providers_are_in_trouble() -> None:
    """The oldest trouble says since when; each has a sentence of its own."""
    other = Patient("groq", "rate_limited", "slow down", since=AT_14_02 - 5 * MINUTE)
    said = headline(Situation(ill=[OPENAI, other], totals=LOST, helpers=["elizanet"]))
    assert read(said.text) == "openai and groq are in trouble since 13:57."
    assert more(said)[:3] == [
        "openai is failing since 14:02: 93 % of its attempts fail, all timeouts.",
        "groq is rate limited since 13:57: slow down.",
        "Their calls go to elizanet; 12 of 4,200 calls got no answer.",
    ]


@pytest.mark.parametrize(
    ("patient", "told", "then"),
    [
        (
            Patient("a", "rate_limited", again_at=AT_14_02),
            "a is rate limited.",
            "It is asked again from 14:02 on.",
        ),
        (
            Patient("a", "quarantined", "no such key.", again_at=AT_14_02),
            "a is set aside: no such key.",
            "Somebody has to act; it is tried again at 14:02.",
        ),
        (
            Patient("a", "half_open", since=AT_14_02),
            "a is being probed since 14:02.",
            "Three answers in a row bring it back.",
        ),
        (
            Patient(
                "a", "failing", attempts=20, failures={"overloaded": 3, "timeout": 2, "auth": 1}
            ),
            "a is failing: 30 % of its attempts fail, mostly overload errors.",
            None,
        ),
        (
            Patient(
                "a", "failing", attempts=30, failures={"overloaded": 3, "timeout": 3, "auth": 3}
            ),
            "a is failing: 30 % of its attempts fail.",
            None,
        ),
        (
            Patient("a", "open", "busy", failures={"overloaded": 8}, part="gpt-4o"),
            "gpt-4o of a is failing: 8 attempts failed, all overload errors.",
            "It is probed with one call at a time, and used again once it answers.",
        ),
        (Patient("a", "failing", failures={"timeout": 1}), "a is failing: 1 attempt failed.", None),
        (
            Patient("a", "failing", failures={"brand_new": 2}),
            "a is failing: 2 attempts failed, all brand_new.",
            None,
        ),
    ],
)
def test_a_trouble_has_its_words(patient: Patient, told: str, then: str | None) -> None:
    """What it is, and what ends it."""
    said = headline(Situation(ill=[patient]))
    assert read(said.text) == told
    assert more(said) == ([] if then is None else [then])


def test_a_trouble_is_over() -> None:
    """From when to when it lasted, and what it meant."""
    was = Patient(
        "openai", "open", since=AT_14_02, until=AT_14_02 + 29 * MINUTE, failures={"timeout": 20}
    )
    said = headline(
        Situation(recovered=[was], totals=LOST, helpers=["elizanet"], affected=["gpt-4o"])
    )
    assert (said.level, read(said.text)) == ("calm", "Everything answers again.")
    assert more(said) == [
        "openai was failing from 14:02 to 14:31: 20 attempts failed, all timeouts.",
        "Its calls went to elizanet; 12 of 4,200 calls got no answer.",
        "Affected: gpt-4o.",
    ]


def test_a_short_trouble_is_told_by_its_length() -> None:
    """Two equal times would say nothing."""
    was = Patient("a", "open", since=AT_14_02, until=AT_14_02 + 6)
    assert more(headline(Situation(recovered=[was], totals=CALM)))[0] == (
        "a was failing for 6 s at 14:02."
    )


def test_one_trouble_is_over_while_another_goes_on() -> None:
    """What is wrong now comes first."""
    was = Patient("groq", "open", since=AT_14_02, until=AT_14_02 + 5 * MINUTE)
    said = headline(Situation(ill=[OPENAI], recovered=[was], totals=LOST))
    assert read(said.text).startswith("openai is failing")
    assert more(said)[-1] == "groq was failing from 14:02 to 14:07."


def test_calls_fail_though_no_provider_is_in_trouble() -> None:
    """A few are no headline; many are."""
    few = headline(Situation(totals=Totals(calls=1000, answered=999, failed=1)))
    assert (few.level, read(few.text)) == ("calm", "Everything answers.")
    assert more(few) == ["1,000 calls in the last quarter of an hour, 1 got no answer."]
    many = headline(Situation(totals=Totals(calls=100, answered=90, failed=10)))
    assert many.level == "notice"
    assert read(many.text) == ("10 of 100 calls got no answer, though no provider is in trouble.")


def test_fallbacks_are_told_of_though_all_is_well() -> None:
    """A retry elsewhere that nobody noticed."""
    said = headline(Situation(totals=Totals(calls=10, answered=10, fallbacks=2)))
    assert more(said) == [
        "10 calls in the last quarter of an hour, all of them answered, 2 by a fallback."
    ]


def test_nobody_calls() -> None:
    """That is neither good nor bad."""
    said = headline(Situation(totals=Totals()))
    assert (said.level, read(said.text)) == ("idle", "No calls in the last quarter of an hour.")
    assert said.more == []


def test_without_records_nothing_is_claimed_of_calls() -> None:
    """Only what the providers' states say."""
    said = headline(Situation())
    assert (said.level, read(said.text), said.more) == ("calm", "No provider is in trouble.", [])


def test_what_an_operator_holds_is_told() -> None:
    """So that nobody forgets it."""
    said = headline(Situation(totals=CALM, held=["openai (taken out)"]))
    assert more(said)[-1] == "openai (taken out) is held by an operator."
    said = headline(Situation(totals=CALM, held=["a (taken out)", "b (kept in)"]))
    assert more(said)[-1] == "a (taken out) and b (kept in) are held by an operator."


def test_many_names_are_counted() -> None:
    """A sentence stays one that can be read."""
    said = headline(Situation(ill=[OPENAI], totals=LOST, affected=list("abcdefg")))
    assert more(said)[-1] == "Affected: a, b, c, d and 3 more."


@pytest.mark.parametrize(
    ("failed", "calls", "told"),
    [
        (0, 0, "0 %"),
        (0, 5, "0 %"),
        (1, 1000, "less than 1 %"),
        (1, 100, "1 %"),
        (999, 1000, "more than 99 %"),
        (1000, 1000, "100 %"),
        (1, 3, "33 %"),
    ],
)
def test_a_share_is_never_rounded_to_nothing_or_everything(
    failed: int, calls: int, told: str
) -> None:
    """Only nothing is 0 %, only everything 100 %."""
    assert share(failed, calls) == told
