"""The quarantine: what only a person can mend is left alone for a while."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from elizanet.policy.quarantine import Quarantine
from support.machines import MACHINE


def test_nothing_is_in_quarantine_at_first() -> None:
    """Every key is good until it is refused."""
    quarantine = Quarantine()
    assert quarantine.admits(0)
    assert quarantine.admits_probe(0)
    assert quarantine.reason == ""


def test_it_lasts_ten_minutes_then_twice_as_long_up_to_an_hour() -> None:
    """Each strike after the end of the one before."""
    quarantine, now, lasted = Quarantine(), 5.0, []
    for _ in range(5):
        lasted.append(quarantine.strike(now, "401"))
        assert not quarantine.admits(quarantine.until - 0.001)
        now = quarantine.until
        assert quarantine.admits(now)
    assert lasted == [600, 1200, 2400, 3600, 3600]


def test_what_was_asked_before_it_began_says_nothing_new() -> None:
    """A hundred calls in flight with one bad key are one strike."""
    quarantine = Quarantine()
    assert quarantine.strike(0, "401") == 600
    assert quarantine.strike(1, "401 again") == 599
    assert quarantine.until == 600
    assert quarantine.reason == "401 again"
    assert quarantine.strike(600, "401") == 1200


def test_an_answer_ends_it_and_forgives() -> None:
    """The next strike is a first one."""
    quarantine = Quarantine()
    quarantine.strike(0, "401")
    quarantine.strike(600, "401")
    assert quarantine.answered(asked_at=600)
    assert quarantine.admits(601)
    assert quarantine.reason == ""
    assert quarantine.strike(602, "401") == 600


def test_an_answer_to_what_was_asked_before_it_began_ends_nothing() -> None:
    """The key was good then."""
    quarantine = Quarantine()
    quarantine.strike(100, "401")
    assert not quarantine.answered(asked_at=99)
    assert not quarantine.admits(101)
    quarantine.strike(700, "401")
    assert not quarantine.answered(asked_at=699)
    assert quarantine.until == 1900


def test_an_answer_where_there_was_no_quarantine_ends_none() -> None:
    """Nearly every answer is such a one."""
    assert not Quarantine().answered(asked_at=0)


def test_a_call_with_nowhere_else_to_go_may_ask_every_five_seconds() -> None:
    """Counted from the strike, and from each such call."""
    quarantine = Quarantine()
    quarantine.strike(100, "401")
    assert not quarantine.admits_probe(104.9)
    assert quarantine.admits_probe(105)
    quarantine.probe(105)
    assert not quarantine.admits_probe(109.9)
    assert quarantine.probe_at() == 110


def test_a_probe_that_is_refused_again_counts_from_its_end() -> None:
    """And prolongs nothing."""
    quarantine = Quarantine()
    quarantine.strike(100, "401")
    quarantine.probe(105)
    quarantine.strike(107, "401")
    assert quarantine.probe_at() == 112
    assert quarantine.until == 700


def test_no_probe_is_later_than_the_end() -> None:
    """At the end of the quarantine everyone may ask."""
    quarantine = Quarantine()
    quarantine.strike(100, "401")
    quarantine.probe(698)
    assert quarantine.probe_at() == 700


def test_its_whole_state_is_one_line() -> None:
    """With what the next strike would last."""
    quarantine = Quarantine()
    quarantine.strike(0, "no such key")
    assert repr(quarantine) == "<Quarantine until=600.0 next=1200 'no such key'>"


class QuarantineMachine(RuleBasedStateMachine):
    """It never lasts longer than an hour, and doubles only from one quarantine to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.quarantine = Quarantine()
        self.now = 0.0
        self.began = self.until = 0.0
        self.strikes = 0
        self.asked = float("-inf")

    @rule(seconds=st.sampled_from([0.0, 1.0, 5.0, 300.0, 600.0, 3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def strike(self) -> None:
        if self.now >= self.until:
            self.began = self.now
            self.until = self.now + min(3600.0, 600.0 * 2**self.strikes)
            self.strikes += 1
        self.asked = self.now
        assert self.quarantine.strike(self.now, "401") == self.until - self.now

    @rule()
    def probe(self) -> None:
        if self.quarantine.admits_probe(self.now):
            self.quarantine.probe(self.now)
            self.asked = self.now

    @rule(ago=st.sampled_from([0.0, 1.0, 600.0]))
    def answer(self, ago: float) -> None:
        ends = bool(self.until) and self.now - ago >= self.began
        assert self.quarantine.answered(self.now - ago) is ends
        if ends:
            self.until, self.strikes = 0.0, 0

    @invariant()
    def it_agrees_with_the_model(self) -> None:
        assert self.quarantine.admits(self.now) == (self.now >= self.until)
        assert self.quarantine.until - self.now <= 3600.0
        probes = self.now >= min(self.until, self.asked + 5.0)
        assert self.quarantine.admits_probe(self.now) == probes


TestQuarantineMachine = QuarantineMachine.TestCase
TestQuarantineMachine.settings = settings(parent=MACHINE)
