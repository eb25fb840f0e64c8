"""The bands of the providers: what stood in their way, from when to when."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import inf

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from elizanet.gateway.dashboard.timeline import SEVERITY, Span, coarse, provider_of, timelines
from elizanet.records.model import ChangeRecord
from elizanet.records.reading import Window

NAMES = ("openai", "openai-eu", "groq")
WHOLE = Window(0, 1000)
NOW = {"now": inf}


def change(
    at: float, state: str, what: str = "breaker", subject: str = "openai", run: str = "now"
) -> ChangeRecord:
    return ChangeRecord(
        at=at, run=run, subject=subject, what=what, state=state, reason=f"at {at:g}"
    )


def spans(
    *changes: ChangeRecord, window: Window = WHOLE, ends: Mapping[str, float] = NOW
) -> list[tuple[float, float, str]]:
    """Return the spans of openai, without their reasons."""
    found = timelines(changes, NAMES, window, ends)["openai"]
    return [(span.since, span.until, span.state) for span in found]


def test_a_breaker_opens_is_probed_and_closes() -> None:
    """Each state holds until the next; closed is none."""
    found = spans(change(100, "open"), change(130, "half_open"), change(140, "closed"))
    assert found == [(100, 130, "open"), (130, 140, "half_open")]


def test_what_goes_on_lasts_until_now() -> None:
    """And what began before the window begins with it."""
    assert spans(change(100, "open"), window=Window(200, 900)) == [(200, 900, "open")]


def test_gates_and_quarantines_end_when_they_say() -> None:
    """Nothing is told at their end."""
    assert spans(change(100, "shut for 20.5 s", "gate")) == [(100, 120.5, "rate_limited")]
    assert spans(change(100, "quarantined for 600 s", "key")) == [(100, 700, "quarantined")]
    assert spans(change(990, "quarantined for 600 s", "target")) == [(990, 1000, "quarantined")]


def test_an_answer_ends_a_quarantine_early() -> None:
    """That is told."""
    found = spans(change(100, "quarantined for 600 s", "key"), change(150, "in use again", "key"))
    assert found == [(100, 150, "quarantined")]


def test_the_worst_of_all_that_holds_is_the_state() -> None:
    """Models, keys and the host change on their own."""
    found = spans(
        change(100, "open", subject="openai/gpt-4o chat/completions"),
        change(120, "quarantined for 30 s", "key", "openai key 2"),
        change(130, "shut for 500 s", "gate", "openai/gpt-4o chat/completions (openai key 2)"),
        change(200, "closed", subject="openai/gpt-4o chat/completions"),
    )
    assert found == [
        (100, 120, "open"),
        (120, 150, "quarantined"),
        (150, 200, "open"),
        (200, 630, "rate_limited"),
    ]


def test_what_an_operator_holds_is_no_trouble() -> None:
    """It has a state of its own, which anything else outweighs."""
    held = msgspec.structs.replace(change(100, "open"), reason="an operator decided")
    shut = change(150, "shut for 20 s", "gate", "openai/gpt-4o x")
    assert spans(held, shut, change(200, "closed")) == [
        (100, 150, "held"), (150, 170, "rate_limited"), (170, 200, "held"),
    ]  # fmt: skip


def test_a_process_that_has_ended_knows_nothing_any_more() -> None:
    """What it said last holds until it wrote last, whoever began when after that."""
    changes = (
        change(100, "open", run="before"), change(250, "open", subject="groq", run="between"),
        change(400, "open"), change(450, "closed"),
    )  # fmt: skip
    ends = {"before": 200.0, **NOW}
    assert spans(*changes, ends=ends) == [(100, 200, "open"), (400, 450, "open")]
    unknown = (*changes, change(180, "healthy", "check", run="before"))
    assert spans(*unknown)[0] == (100, 180, "open")


def test_what_one_process_says_ends_nothing_that_another_knows() -> None:
    """Each has breakers of its own."""
    changes = (change(100, "open"), change(110, "open", run="b"), change(150, "closed", run="b"))
    assert spans(*changes, ends={"b": 990.0, **NOW}) == [(100, 1000, "open")]


def test_health_checks_and_strangers_are_no_state() -> None:
    """Nor are names that only begin alike."""
    assert (
        spans(
            change(100, "unhealthy", "check"),
            change(100, "open", subject="openai-eu"),
            change(100, "open", subject="elsewhere"),
            change(100, "open", subject="openaix/gpt-4o"),
        )
        == []
    )
    assert provider_of("openai-eu/gpt", NAMES) == "openai-eu"
    assert provider_of("openai key 3", NAMES) == "openai"
    assert provider_of("open", NAMES) is None


def test_a_reason_is_that_of_the_beginning() -> None:
    """A band of one state tells why it began."""
    found = timelines(
        [change(100, "open", subject="openai/a x"), change(110, "open", subject="openai/b x"),
         change(120, "closed", subject="openai/a x")],
        NAMES, WHOLE, NOW,
    )  # fmt: skip
    assert found["openai"] == [Span(100, 1000, "open", "at 100")]
    assert found["groq"] == []


def test_small_pieces_become_one() -> None:
    """The worst of them takes the rest; long ones stay."""
    flapping = [
        Span(100, 105, "open", "a"), Span(105, 106, "half_open", "b"), Span(106, 112, "open", "c"),
        Span(300, 400, "rate_limited", "d"), Span(400, 500, "open", "e"),
    ]  # fmt: skip
    assert coarse(flapping, 10) == [
        Span(100, 112, "open", "a"), Span(300, 400, "rate_limited", "d"), Span(400, 500, "open", "e")
    ]  # fmt: skip
    assert coarse(flapping, 0) == flapping


SUBJECTS = ("openai", "openai/gpt x", "openai key 2", "groq")
KINDS = (
    ("breaker", "open"), ("breaker", "half_open"), ("breaker", "closed"), ("gate", "shut for 25 s"),
    ("key", "quarantined for 60 s"), ("key", "in use again"),
)  # fmt: skip


@given(
    st.lists(
        st.tuples(st.integers(-100, 1100), st.sampled_from(SUBJECTS), st.sampled_from(KINDS)),
        max_size=40,
    ),
    st.integers(0, 60),
)
def test_bands_are_in_order_and_inside_their_window(
    given_changes: list[tuple[int, str, tuple[str, str]]], least: int
) -> None:
    """Whatever happened: no overlap, no gap within a span, nothing outside."""
    changes = [
        change(at, state, what, subject) for at, subject, (what, state) in sorted(given_changes)
    ]
    for band in timelines(changes, NAMES, WHOLE, NOW).values():
        for some in (band, coarse(band, least)):
            assert all(0 <= s.since < s.until <= 1000 and s.state in SEVERITY[1:] for s in some)
            assert all(a.until <= b.since for a, b in pairwise(some))
        assert len(coarse(band, least)) <= len(band)
