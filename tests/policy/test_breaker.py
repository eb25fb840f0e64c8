"""The breaker: one score, three states."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from elizanet.policy.breaker import THRESHOLD, Breaker, BreakerState, Entry, Ticket

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
LEASE = 2.0


class Listened(Breaker):
    """A breaker with what it has told."""

    __slots__ = ("told",)

    def __init__(self, seed: int = 1) -> None:
        self.told: list[tuple[BreakerState, str]] = []
        super().__init__(chance=random.Random(seed), on_change=lambda *told: self.told.append(told))

    def call(self, now: float, *, fails: bool) -> Entry:
        """Let one call through that ends at once."""
        ticket = self.enter(now, LEASE)
        if fails:
            self.failure(ticket, now, "500")
        else:
            self.success(ticket, now)
        return ticket.entry


@pytest.fixture
def breaker() -> Listened:
    return Listened()


def calls(breaker: Listened, outcomes: Iterable[str], now: float = 0.0) -> None:
    """Play outcomes: F is a failure, S a success."""
    for outcome in outcomes:
        breaker.call(now, fails=outcome == "F")


def opened(breaker: Listened, now: float = 0.0) -> float:
    """Open it, and return when it may be probed."""
    calls(breaker, "FFFFFFFF", now)
    assert breaker.state is OPEN
    return breaker.admits_at()


def half_opened(breaker: Listened) -> tuple[Ticket, float]:
    """Return the running probe, and the time."""
    now = opened(breaker)
    ticket = breaker.enter(now, LEASE)
    assert ticket.entry is Entry.PROBE
    return ticket, now


def closed_again(breaker: Listened, now: float = 0.0) -> float:
    """Open it and close it, and return when it closed."""
    now = opened(breaker, now)
    calls(breaker, "SSS", now)
    assert breaker.state is CLOSED
    return now


# The score


def test_eight_failures_in_a_row_open_and_seven_do_not(breaker: Listened) -> None:
    """A target that is down is found within eight calls."""
    calls(breaker, "FFFFFFF")
    assert breaker.state is CLOSED
    assert breaker.admits(0)
    calls(breaker, "F")
    assert breaker.state is OPEN
    assert not breaker.admits(0)


def test_the_threshold_is_a_setting() -> None:
    """A lower one opens sooner, and exactly there."""
    breaker = Breaker(chance=random.Random(1), threshold=2.0)
    for state in (CLOSED, OPEN):
        breaker.failure(breaker.enter(0, LEASE), 0, "500")
        assert breaker.state is state


def test_a_success_takes_half_a_failure_away(breaker: Listened) -> None:
    """And never more than there is."""
    calls(breaker, "FFS")
    assert breaker.score(0) == 1.5
    calls(breaker, "SSSS")
    assert breaker.score(0) == 0.0


def test_one_failure_in_three_never_opens(breaker: Listened) -> None:
    """At 33 % the score stands still: such a target is outweighed, not shut out."""
    calls(breaker, "FSS" * 10_000)
    assert breaker.state is CLOSED


def test_a_little_more_than_one_failure_in_three_opens(breaker: Listened) -> None:
    """Above 33 % the score grows, if slowly."""
    calls(breaker, "FSFSS" * 100)
    assert breaker.state is not CLOSED


def test_the_score_is_halved_every_five_minutes(breaker: Listened) -> None:
    """Failures long ago say little about now."""
    calls(breaker, "FFFF")
    assert breaker.score(300) == 2.0
    assert breaker.score(600) == 1.0
    calls(breaker, "F", now=300)
    assert breaker.score(300) == 3.0
    assert breaker.score(1e12) == 0.0


def test_eight_failures_spread_over_an_hour_do_not_open(breaker: Listened) -> None:
    """They are forgotten faster than they come."""
    for minute in range(0, 3600, 300):
        breaker.call(minute, fails=True)
    assert breaker.state is CLOSED


def test_a_clock_that_goes_back_does_not_make_the_score_grow(breaker: Listened) -> None:
    """Nothing is known of the future."""
    calls(breaker, "FF", now=1e9)
    assert breaker.score(0) == 2.0
    calls(breaker, "F", now=0)
    assert breaker.score(1e9) == 3.0


def test_time_that_a_failure_took_forgives_nothing(breaker: Listened) -> None:
    """Only the time in between does."""
    calls(breaker, "F")
    breaker.failure(breaker.enter(0, LEASE), 300, "timeout", lasted=300)
    assert breaker.score(300) == 2.0
    breaker.failure(breaker.enter(300, LEASE), 900, "timeout", lasted=300)
    assert breaker.score(900) == 2.0


def test_a_suspicion_is_taken_back(breaker: Listened) -> None:
    """An answer that was overdue and came leaves what any answer leaves."""
    calls(breaker, "FFF")
    ticket = breaker.enter(0, LEASE)
    breaker.failure(ticket, 0, "overdue")
    assert breaker.score(0) == 4.0
    breaker.absolve(ticket, 0)
    assert breaker.score(0) == 3.0


def test_a_call_that_says_nothing_changes_no_score(breaker: Listened) -> None:
    """Its caller went away."""
    calls(breaker, "FFF")
    breaker.release(breaker.enter(0, LEASE))
    assert breaker.score(0) == 3.0


# Open


@pytest.mark.parametrize(("failed", "longest"), [(0, 5), (1, 10), (2, 20), (3, 30), (9, 30)])
def test_each_failed_probe_doubles_the_time_until_the_next_one(failed: int, longest: float) -> None:
    """Five seconds, ten, twenty, and then always thirty; a fifth more or less."""
    spans = []
    for seed in range(50):
        breaker = Listened(seed)
        now = opened(breaker)
        for _ in range(failed):
            now = breaker.admits_at()
            breaker.call(now, fails=True)
        spans.append((breaker.admits_at() - (now if failed else 0)) / longest)
    assert 0.8 <= min(spans) < 0.85
    assert 1.15 < max(spans) <= 1.2


def test_an_outage_of_a_day_changes_nothing_about_that(breaker: Listened) -> None:
    """Thousands of failed probes are no arithmetic problem."""
    now = opened(breaker)
    for _ in range(3_000):
        breaker.call(now, fails=True)
        assert breaker.state is OPEN
        assert breaker.admits_at() - now <= 36.0
        now = breaker.admits_at()


def test_an_open_breaker_admits_nothing_before_its_time(breaker: Listened) -> None:
    """And one probe then."""
    until = opened(breaker)
    assert not breaker.admits(until - 0.001)
    assert breaker.admits(until)


# Half-open


def test_one_probe_at_a_time(breaker: Listened) -> None:
    """The state is half-open as soon as there is one."""
    _, now = half_opened(breaker)
    assert breaker.state is HALF_OPEN
    assert not breaker.admits(now)
    assert breaker.admits_at() == now + LEASE


def test_three_answers_in_a_row_close(breaker: Listened) -> None:
    """Two do not."""
    now = opened(breaker)
    calls(breaker, "SS", now)
    assert breaker.state is HALF_OPEN
    calls(breaker, "S", now)
    assert breaker.state is CLOSED
    assert breaker.score(now) == 0.0


def test_one_failed_probe_opens_again(breaker: Listened) -> None:
    """Two answers before it do not help it, and do not count later."""
    now = opened(breaker)
    calls(breaker, "SSF", now)
    assert breaker.state is OPEN
    now = breaker.admits_at()
    calls(breaker, "SS", now)
    assert breaker.state is HALF_OPEN


def test_after_closing_the_waits_start_from_the_beginning(breaker: Listened) -> None:
    """The probes that failed in one outage say nothing about the next."""
    now = opened(breaker)
    for _ in range(4):
        breaker.call(now, fails=True)
        now = breaker.admits_at()
    calls(breaker, "SSS", now)
    assert 4.0 <= opened(breaker, now) - now <= 6.0


def test_a_cancelled_probe_closes_nothing_and_gives_its_place_back(breaker: Listened) -> None:
    """The bug of other breakers: a caller who hangs up is no success."""
    ticket, now = half_opened(breaker)
    for _ in range(10):
        breaker.release(ticket)
        assert breaker.state is HALF_OPEN
        assert breaker.admits(now)
        ticket = breaker.enter(now, LEASE)
        assert ticket.entry is Entry.PROBE
        assert not breaker.admits(now)


def test_a_probe_that_never_ends_loses_its_place(breaker: Listened) -> None:
    """No breaker stays half-open for ever because of one call."""
    _, now = half_opened(breaker)
    assert not breaker.admits(now + LEASE - 0.001)
    assert breaker.admits(now + LEASE)
    assert breaker.enter(now + LEASE, LEASE).entry is Entry.PROBE
    assert not breaker.admits(now + LEASE)


@pytest.mark.parametrize("end", ["success", "release"])
def test_a_probe_that_lost_its_place_does_not_give_away_its_successors(
    breaker: Listened, end: str
) -> None:
    """There is one probe at a time, also when an old one ends late."""
    late, now = half_opened(breaker)
    now += LEASE
    breaker.enter(now, LEASE)
    if end == "success":
        breaker.success(late, now)
    else:
        breaker.release(late)
    assert not breaker.admits(now)


def test_a_probe_that_has_failed_gives_no_place_back(breaker: Listened) -> None:
    """There is none while the breaker is open."""
    ticket, now = half_opened(breaker)
    breaker.failure(ticket, now, "500")
    breaker.release(ticket)
    assert not breaker.admits(now)


# Panic


def test_who_enters_in_spite_of_an_open_breaker_is_in_panic(breaker: Listened) -> None:
    """Open before its time, or half-open with its probe under way."""
    until = opened(breaker)
    assert breaker.enter(until - 1, LEASE).entry is Entry.PANIC
    _ = breaker.enter(until, LEASE)
    assert breaker.enter(until, LEASE).entry is Entry.PANIC


def test_three_answers_in_panic_close(breaker: Listened) -> None:
    """A target that answers is not down, whatever we believed."""
    opened(breaker)
    assert [breaker.call(1, fails=False) for _ in range(3)] == [Entry.PANIC] * 3
    assert breaker.state is CLOSED
    assert breaker.admits(1)
    assert breaker.is_plain


def test_a_failure_in_panic_breaks_the_row_and_prolongs_nothing(breaker: Listened) -> None:
    """It was expected."""
    until = opened(breaker)
    calls(breaker, "SSFSS", now=1)
    assert breaker.state is OPEN
    assert breaker.admits_at() == until
    calls(breaker, "S", now=1)
    assert breaker.state is CLOSED


def test_answers_in_panic_do_not_count_for_the_probes_that_follow(breaker: Listened) -> None:
    """Half-open begins from zero."""
    until = opened(breaker)
    calls(breaker, "SS", now=1)
    calls(breaker, "SS", now=until)
    assert breaker.state is HALF_OPEN


def test_an_answer_in_panic_does_not_give_the_probes_place_away(breaker: Listened) -> None:
    """It counts, but the probe is still under way."""
    _, now = half_opened(breaker)
    assert breaker.call(now, fails=False) is Entry.PANIC
    assert not breaker.admits(now)


def test_a_breaker_recovers_while_the_last_call_through_it_was_answered(breaker: Listened) -> None:
    """Open or half-open, until it fails again or closes."""
    assert not breaker.is_recovering
    until = opened(breaker)
    assert not breaker.is_recovering
    calls(breaker, "S", now=1)
    assert breaker.is_recovering
    calls(breaker, "F", now=1)
    assert not breaker.is_recovering
    calls(breaker, "S", until)
    assert breaker.is_recovering
    calls(breaker, "SS", until)
    assert not breaker.is_recovering


# Epochs


def test_what_began_before_the_breaker_opened_changes_nothing_later(breaker: Listened) -> None:
    """An answer that was slow in coming says nothing about now."""
    old = breaker.enter(0, LEASE)
    until = opened(breaker)
    for now in (1.0, until):
        if now == until:
            breaker.enter(now, LEASE)
        before = repr(breaker)
        for _ in range(9):
            breaker.success(old, now)
            breaker.failure(old, now, "late")
            breaker.absolve(old, now)
            breaker.release(old)
        assert repr(breaker) == before


def test_a_probe_that_ends_after_the_breaker_has_closed_changes_nothing(breaker: Listened) -> None:
    """Its epoch is over."""
    late, now = half_opened(breaker)
    calls(breaker, "SSS", now + LEASE)
    assert breaker.state is CLOSED
    breaker.failure(late, now + LEASE, "late")
    breaker.absolve(late, now + LEASE)
    assert breaker.state is CLOSED
    assert breaker.score(now + LEASE) == 0.0


def test_a_probe_is_never_absolved(breaker: Listened) -> None:
    """Its failure has opened the breaker; there is no score to take back."""
    calls(breaker, "F")
    ticket, now = half_opened(Listened())
    breaker.absolve(ticket, now)
    assert breaker.score(0) == 1.0


def test_a_call_in_panic_is_not_absolved(breaker: Listened) -> None:
    """Its failure was not counted."""
    opened(breaker)
    before = breaker.score(1)
    breaker.absolve(breaker.enter(1, LEASE), 1)
    assert breaker.score(1) == before


# Slow start


def test_a_breaker_says_how_long_it_has_been_closed_again(breaker: Listened) -> None:
    """None if it never opened."""
    assert breaker.closed_for(7) is None
    now = closed_again(breaker)
    assert breaker.closed_for(now + 7) == pytest.approx(7)


# Force


def test_a_breaker_forced_open_admits_nothing_and_nobody_knows_until_when(
    breaker: Listened,
) -> None:
    """However healthy the target is."""
    breaker.force(OPEN)
    calls(breaker, "SSSS")
    assert not breaker.admits(1e9)
    assert breaker.admits_at() == float("inf")
    breaker.force(None)
    assert breaker.admits(0)


def test_a_breaker_forced_closed_admits_everything_and_tells_nothing(breaker: Listened) -> None:
    """Nobody is rescued from a target that an operator vouches for."""
    breaker.force(CLOSED)
    told = list(breaker.told)
    calls(breaker, "F" * 20)
    assert breaker.admits(0)
    assert breaker.told == told


def test_evidence_acts_once_the_force_is_lifted(breaker: Listened) -> None:
    """It was counted meanwhile."""
    breaker.force(CLOSED)
    calls(breaker, "F" * 8)
    breaker.force(None)
    assert breaker.state is OPEN
    assert not breaker.admits(0)
    assert breaker.told[-1] == (OPEN, "the force was lifted")


def test_the_calls_through_a_breaker_forced_closed_are_usual_ones(breaker: Listened) -> None:
    """They are no probes: none of them closes or opens anything."""
    now = opened(breaker)
    breaker.force(CLOSED)
    assert breaker.call(now, fails=False) is Entry.USUAL
    calls(breaker, "SSSF", now)
    breaker.force(None)
    assert breaker.state is OPEN


def test_failures_through_a_breaker_forced_closed_do_not_open_it_again(breaker: Listened) -> None:
    """It is open underneath, and its time is running."""
    until = opened(breaker)
    breaker.force(CLOSED)
    calls(breaker, "F" * 20, now=1)
    breaker.force(None)
    assert breaker.admits_at() == until
    assert breaker.epoch == 1


def test_an_open_breaker_forced_open_is_not_probed(breaker: Listened) -> None:
    """Its time has come, the operator's word holds."""
    now = opened(breaker)
    breaker.force(OPEN)
    assert not breaker.admits(now)
    assert breaker.enter(now, LEASE).entry is Entry.PANIC


def test_what_is_forced_is_not_plain_whatever_happens_underneath(breaker: Listened) -> None:
    """An operator's word outlasts every change of state."""
    opened(breaker)
    breaker.force(OPEN)
    calls(breaker, "SSS", now=1)
    assert breaker.state is CLOSED
    assert not breaker.is_plain
    assert not breaker.admits(1)
    breaker.force(None)
    assert breaker.is_plain


def test_force_tells_once_what_an_operator_decided(breaker: Listened) -> None:
    """Saying it twice is no news."""
    breaker.force(OPEN)
    breaker.force(OPEN)
    breaker.force(None)
    breaker.force(None)
    assert breaker.told == [(OPEN, "an operator decided"), (CLOSED, "the force was lifted")]


def test_nothing_can_be_forced_half_open(breaker: Listened) -> None:
    """It is a state of asking, not of deciding."""
    with pytest.raises(ValueError, match="open or closed, not half_open"):
        breaker.force(HALF_OPEN)
    assert breaker.forced is None


# What is told and shown


def test_a_new_breaker_is_closed_for_no_reason(breaker: Listened) -> None:
    """Nothing has happened yet."""
    assert (breaker.state, breaker.reason, breaker.is_plain) == (CLOSED, "", True)
    assert breaker.admits_at() == 0.0


def test_each_new_state_is_told_with_its_reason(breaker: Listened) -> None:
    """The way through all of them."""
    now = opened(breaker)
    calls(breaker, "F", now)
    calls(breaker, "SSS", breaker.admits_at())
    assert breaker.told == [
        (OPEN, "500"),
        (HALF_OPEN, "it is time to probe"),
        (OPEN, "a probe failed: 500"),
        (HALF_OPEN, "it is time to probe"),
        (CLOSED, "3 answers in a row"),
    ]
    assert breaker.reason == "3 answers in a row"


def test_nobody_has_to_listen() -> None:
    """A breaker without `on_change` works."""
    breaker = Breaker(chance=random.Random(1))
    for _ in range(8):
        breaker.failure(breaker.enter(0, LEASE), 0, "500")
    assert breaker.state is OPEN


def test_the_whole_state_is_one_line(breaker: Listened) -> None:
    """In each state."""
    calls(breaker, "FFS")
    assert repr(breaker) == "<Breaker closed score=1.5/7.9 epoch=0 successes=0 probes_failed=0>"
    until = opened(Listened())
    calls(breaker, "FFFFFFF")
    assert repr(breaker) == (
        f"<Breaker open until={until:.1f} score=8.5/7.9 epoch=1 successes=0 probes_failed=0>"
    )
    calls(breaker, "S", until)
    assert repr(breaker) == (
        "<Breaker half_open until=0.0 score=8.5/7.9 epoch=2 successes=1 probes_failed=0>"
    )
    breaker.force(OPEN)
    assert repr(breaker).startswith("<Breaker half_open forced=open until=inf ")


# Checks


def test_failed_checks_alone_never_open_it(breaker: Listened) -> None:
    """However many there are: half of the way is theirs, the other half are failures."""
    for number in range(100):
        breaker.suspect(number * 30.0)
    assert breaker.state is CLOSED
    assert breaker.score(99 * 30.0) == pytest.approx(THRESHOLD / 2)
    calls(breaker, "FFF", 99 * 30.0)
    assert breaker.state is CLOSED
    calls(breaker, "F", 99 * 30.0)
    assert [state for state, _ in breaker.told] == [OPEN]


def test_failed_checks_confirm_failures_and_add_nothing_beyond_their_share(
    breaker: Listened,
) -> None:
    """Whatever was counted before stays."""
    calls(breaker, "FFFFF")
    breaker.suspect(0.0)
    assert breaker.score(0.0) == 5
    calls(breaker, "SSSSSSSS")
    breaker.suspect(0.0)
    assert breaker.score(0.0) == 3


def test_a_few_answers_undo_failed_checks(breaker: Listened) -> None:
    """Flapping checks of a host that answers come to nothing."""
    for number in range(50):
        breaker.suspect(number * 30.0)
        calls(breaker, "SSSS", number * 30.0)
        assert breaker.score(number * 30.0) == pytest.approx(0)


def test_a_good_check_takes_nothing_off_the_score_and_closes_nothing(breaker: Listened) -> None:
    """What it asks for is not an answer."""
    calls(breaker, "FFF")
    breaker.reachable(0.0)
    assert breaker.score(0.0) == 3
    opened(breaker)
    for _ in range(10):
        breaker.reachable(0.1)
        assert breaker.state is OPEN
        assert not breaker.admits(0.1)


def test_a_good_check_brings_the_next_probe_forward_to_five_seconds(breaker: Listened) -> None:
    """It takes back what failed probes have added; a probe that fails adds it again."""
    now = opened(breaker)
    for _ in range(3):
        breaker.call(now, fails=True)
        now = breaker.admits_at()
    breaker.call(now, fails=True)
    assert breaker.admits_at() - now >= 24
    breaker.reachable(now + 2)
    assert breaker.admits_at() == now + 5
    breaker.call(now + 5, fails=True)
    assert breaker.admits_at() - now >= 29


def test_a_check_that_was_under_way_before_says_nothing(breaker: Listened) -> None:
    """It may have been answered before the breaker opened."""
    now = opened(breaker)
    breaker.call(now, fails=True)
    until = breaker.admits_at()
    breaker.reachable(now - 0.1)
    assert breaker.admits_at() == until


def test_a_check_disturbs_no_probe(breaker: Listened) -> None:
    """One at a time, whatever a check says; and a force is stronger."""
    ticket, now = half_opened(breaker)
    breaker.reachable(now)
    breaker.suspect(now)
    assert not breaker.admits(now + LEASE - 0.1)
    breaker.failure(ticket, now, "500")
    breaker.force(OPEN)
    breaker.reachable(now)
    assert breaker.admits_at() == float("inf")
