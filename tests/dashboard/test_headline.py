"""The headline: is anything wrong, since when, who is affected, what is being done."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from elizanet.gateway.dashboard.headline import Headline, headline
from elizanet.gateway.dashboard.refused import refused
from elizanet.gateway.dashboard.situation import Fates, Patient, Situation
from elizanet.gateway.dashboard.trouble import Sentence, share
from elizanet.gateway.turned_away import Kind

AT_14_02 = datetime(2026, 11, 23, 14, 2, tzinfo=UTC).timestamp()
MINUTE = 60
WRONG = Kind(401, "invalid_api_key", "")
CALM = Fates(4200)
LOST = Fates(4200, lost=12, fallbacks=4000)
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
    said = headline(Situation(fates=CALM))
    assert (said.level, read(said.text)) == ("calm", "Everything answers.")
    assert more(said) == ["4,200 calls in the last quarter of an hour, all of them answered."]


def test_a_provider_fails() -> None:
    """Since when, how much, why, who helps, who is affected, what happens next."""
    said = headline(
        Situation(ill=[OPENAI], fates=LOST, helpers=["elizanet"], affected=["gpt-4o", "team-a"])
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
    fates = Fates(10, fallbacks=10)
    said = headline(Situation(ill=[OPENAI], fates=fates, helpers=["a", "b"]))
    assert said.level == "notice"
    assert "Its calls go to a and b; all 10 calls were answered." in more(said)


def test_most_calls_get_no_answer() -> None:
    """That is an outage."""
    fates = Fates(10, lost=5)
    assert headline(Situation(ill=[OPENAI], fates=fates)).level == "outage"
    fewer = Fates(11, lost=5)
    assert headline(Situation(ill=[OPENAI], fates=fewer)).level == "trouble"


def test_how_bad_it_is_is_that_of_the_last_calls() -> None:
    """What was answered before does not make an outage smaller, nor what was lost a larger one."""
    long = Fates(940, lost=91)
    now = headline(Situation(ill=[OPENAI], fates=long, last=Fates(50, lost=50)))
    assert now.level == "outage"
    assert more(now)[:2] == [
        "50 of the last 50 calls got no answer.",
        "91 of 940 calls got no answer.",
    ]
    few = headline(Situation(ill=[OPENAI], fates=Fates(100, lost=91), last=Fates(50, lost=1)))
    assert (few.level, more(few)[0]) == ("trouble", "91 of 100 calls got no answer.")
    none = headline(Situation(ill=[OPENAI], fates=Fates(10, lost=10), last=Fates()))
    assert none.level == "outage"


def test_what_is_over_is_judged_by_the_last_calls() -> None:
    """It is green once everything answers, however much was lost."""
    was = Patient("a", "open", since=AT_14_02, until=AT_14_02 + 6)
    over = Situation(recovered=[was], fates=Fates(100, lost=50), last=Fates(20))
    said = headline(over)
    assert (said.level, read(said.text)) == ("calm", "Everything answers again.")
    said = headline(msgspec.structs.replace(over, last=Fates(20, lost=5)))
    assert (said.level, read(said.text)) == (
        "notice",
        "5 of the last 20 calls got no answer, though no provider is in trouble.",
    )


def test_what_callers_did_wrong_is_no_trouble() -> None:
    """It is told, and counts neither for nor against the providers."""
    some = headline(Situation(fates=Fates(10, wrong={"bad_request": 10, "content_policy": 20})))
    assert (some.level, read(some.text)) == ("calm", "Everything answers.")
    assert more(some) == [
        "10 calls in the last quarter of an hour, all of them answered.",
        "30 more calls failed by no fault of a provider: policy refusals and bad requests.",
    ]
    only = headline(Situation(fates=Fates(wrong={"bad_request": 1})))
    assert (only.level, read(only.text)) == ("calm", "No provider is in trouble.")
    assert more(only) == ["1 call failed by no fault of a provider: bad requests."]


def test_several_providers_are_in_trouble() -> None:
    """The oldest trouble says since when; each has a sentence of its own."""
    other = Patient("groq", "rate_limited", "slow down", since=AT_14_02 - 5 * MINUTE)
    said = headline(Situation(ill=[OPENAI, other], fates=LOST, helpers=["elizanet"]))
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
        Situation(recovered=[was], fates=LOST, helpers=["elizanet"], affected=["gpt-4o"])
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
    assert more(headline(Situation(recovered=[was], fates=CALM)))[0] == (
        "a was failing for 6 s at 14:02."
    )


def test_one_trouble_is_over_while_another_goes_on() -> None:
    """What is wrong now comes first."""
    was = Patient("groq", "open", since=AT_14_02, until=AT_14_02 + 5 * MINUTE)
    said = headline(Situation(ill=[OPENAI], recovered=[was], fates=LOST))
    assert read(said.text).startswith("openai is failing")
    assert more(said)[-1] == "groq was failing from 14:02 to 14:07."


def test_calls_fail_though_no_provider_is_in_trouble() -> None:
    """A few are no headline; many are."""
    few = headline(Situation(fates=Fates(1000, lost=1)))
    assert (few.level, read(few.text)) == ("calm", "Everything answers.")
    assert more(few) == ["1,000 calls in the last quarter of an hour, 1 got no answer."]
    many = headline(Situation(fates=Fates(100, lost=10)))
    assert many.level == "notice"
    assert read(many.text) == ("10 of 100 calls got no answer, though no provider is in trouble.")


def test_fallbacks_are_told_of_though_all_is_well() -> None:
    """A retry elsewhere that nobody noticed."""
    said = headline(Situation(fates=Fates(10, fallbacks=2)))
    assert more(said) == [
        "10 calls in the last quarter of an hour, all of them answered, 2 by a fallback."
    ]


def test_nobody_calls() -> None:
    """That is neither good nor bad."""
    said = headline(Situation(fates=Fates()))
    assert (said.level, read(said.text)) == ("idle", "No calls in the last quarter of an hour.")
    assert said.more == []


def test_without_records_nothing_is_claimed_of_calls() -> None:
    """Only what the providers' states say."""
    said = headline(Situation())
    assert (said.level, read(said.text), said.more) == ("calm", "No provider is in trouble.", [])


def test_what_an_operator_holds_is_told() -> None:
    """So that nobody forgets it."""
    said = headline(Situation(fates=CALM, held=["openai (taken out)"]))
    assert more(said)[-1] == "openai (taken out) is held by an operator."
    said = headline(Situation(fates=CALM, held=["a (taken out)", "b (kept in)"]))
    assert more(said)[-1] == "a (taken out) and b (kept in) are held by an operator."


def test_many_names_are_counted() -> None:
    """A sentence stays one that can be read."""
    said = headline(Situation(ill=[OPENAI], fates=LOST, affected=list("abcdefg")))
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


def test_who_finds_no_room_is_in_trouble() -> None:
    """However well the providers do."""
    kinds = {Kind(503, "overloaded", "team-a"): 54, Kind(404, "model_not_found", ""): 1}
    said = headline(Situation(fates=Fates(6), refused=refused(kinds)))
    assert (said.level, read(said.text)) == ("trouble", "The gateway refused 55 of 61 requests.")
    assert more(said) == [
        "Refused in the last quarter of an hour: 54 for want of room (team-a), "
        "1 for a model that is not served."
    ]


@pytest.mark.parametrize(
    ("count", "calls", "level", "text"),
    [
        (20, 10, "notice", "The gateway refused 20 of 30 requests."),
        (1, 0, "notice", "The gateway refused 1 of 1 request."),
        (1, 4200, "calm", "Everything answers."),
    ],
)
def test_what_is_refused_for_what_it_is_gets_a_notice(
    count: int, calls: int, level: str, text: str
) -> None:
    """If it is many; a few have a sentence."""
    said = headline(Situation(fates=Fates(calls), refused=refused({WRONG: count})))
    assert (said.level, read(said.text)) == (level, text)
    assert more(said)[-1].endswith(f": {count} for a wrong key.")


def test_a_provider_in_trouble_comes_first() -> None:
    """What was refused is said beside it."""
    said = headline(Situation(ill=[OPENAI], fates=LOST, refused=refused({WRONG: 9000})))
    assert read(said.text).startswith("openai is failing")
    assert "Refused in the last quarter of an hour: 9,000 for a wrong key." in more(said)


def test_those_who_are_refused_are_named() -> None:
    """The first three of them; and of an open gateway nobody."""
    names = ("a", "b", "c", "d", "")
    kinds = {Kind(429, "rate_limit_exceeded", name): 9 - n for n, name in enumerate(names)}
    assert refused(kinds).why == "35 at a limit of the caller (a, b, c, 1 more)"
    assert refused({Kind(400, "invalid_value", "a"): 2}).why == "2 for what was asked (a)"
