"""The gate: what a provider has said about waiting is obeyed."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from elizanet.policy.gate import Gate
from support.machines import MACHINE


def test_an_open_gate_admits() -> None:
    """Nothing was said yet."""
    gate = Gate()
    assert gate.admits(0)
    assert gate.reason == ""


def test_a_stated_delay_is_kept_exactly() -> None:
    """Not before, and then at once."""
    gate = Gate()
    assert gate.refused(100, 20.0, "slow down") == 20.0
    assert not gate.admits(119.999)
    assert gate.admits(120)
    assert gate.reason == "slow down"


@pytest.mark.parametrize(("stated", "kept"), [(-5.0, 0.0), (0.0, 0.0), (1e9, 3600.0)])
def test_absurd_statements_are_bounded(stated: float, kept: float) -> None:
    """The past is now, and 31 years are an hour."""
    assert Gate().refused(50, stated, "") == kept


def test_the_later_of_two_moments_wins() -> None:
    """A shorter delay never replaces a longer one, whichever came first."""
    gate = Gate()
    gate.refused(0, 60.0, "first")
    gate.refused(1, 5.0, "second")
    assert (gate.until, gate.reason) == (60.0, "first")
    gate.shut(90.0, "third")
    gate.shut(90.0, "the same")
    assert (gate.until, gate.reason) == (90.0, "third")


def test_an_answer_does_not_open_it() -> None:
    """What was asked before the refusal says nothing about after it."""
    gate = Gate()
    gate.refused(0, 60.0, "")
    gate.answered()
    assert not gate.admits(59)


def test_without_a_statement_each_refusal_doubles_the_delay() -> None:
    """One second, and at most thirty."""
    gate, now, delays = Gate(), 7.0, []
    for _ in range(8):
        delays.append(gate.refused(now, None, "429"))
        assert gate.until == now + delays[-1]
        now = gate.until
    assert delays == [1, 2, 4, 8, 16, 30, 30, 30]


def test_an_answer_lets_the_delays_begin_anew() -> None:
    """They count the refusals since the last answer."""
    gate = Gate()
    gate.refused(0, None, "")
    gate.refused(1, None, "")
    gate.answered()
    assert gate.refused(10, None, "") == 1


def test_a_burst_of_refusals_is_one_refusal() -> None:
    """A hundred calls that were asked at one moment are refused for one reason."""
    gate = Gate()
    delays = [gate.refused(0.5, None, "429") for _ in range(100)]
    assert set(delays) == {1.0}
    assert gate.until == 1.5
    assert gate.refused(1.0, None, "429") == 0.5
    assert gate.refused(1.5, None, "429") == 2.0


def test_what_shut_it_is_remembered() -> None:
    """An overload that stated a delay is no limit of the rate; the one that lasts longer counts."""
    gate = Gate()
    assert not gate.by_overload
    gate.refused(0, 5.0, "full", overload=True)
    assert gate.by_overload
    gate.refused(0, 5.0, "the same moment")
    assert gate.by_overload
    gate.shut(9.0, "headers")
    assert not gate.by_overload
    gate.shut(10.0, "full", overload=True)
    assert gate.by_overload
    gate.refused(10.0, None, "slow down")
    assert not gate.by_overload


def test_its_whole_state_is_one_line() -> None:
    """Also where the reason has several."""
    gate = Gate()
    gate.refused(0, None, "too\nmany")
    assert repr(gate) == "<Gate until=1.0 unstated=1 'too\\nmany'>"


class GateMachine(RuleBasedStateMachine):
    """I5: it never moves earlier; and it is shut exactly until the latest moment it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()
        self.now = 0.0
        self.latest = 0.0
        self.seen = 0.0
        self.row = 0

    @rule(seconds=st.floats(0, 60))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(stated=st.floats(-10, 1e5))
    def refused_with_a_statement(self, stated: float) -> None:
        self.gate.refused(self.now, stated, "stated")
        self.latest = max(self.latest, self.now + max(0.0, min(stated, 3600.0)))

    @rule()
    def refused_without_one(self) -> None:
        self.gate.refused(self.now, None, "unstated")
        if self.now >= self.latest:
            self.latest = self.now + min(30.0, 2.0**self.row)
            self.row += 1

    @rule(until=st.floats(0, 1e4))
    def announced(self, until: float) -> None:
        self.gate.shut(until, "headers")
        self.latest = max(self.latest, until)

    @rule()
    def answered(self) -> None:
        self.gate.answered()
        self.row = 0

    @invariant()
    def it_never_moves_earlier(self) -> None:
        assert self.gate.until >= self.seen
        self.seen = self.gate.until

    @invariant()
    def it_agrees_with_the_model(self) -> None:
        assert self.gate.until == self.latest
        assert self.gate.admits(self.now) == (self.now >= self.latest)


TestGateMachine = GateMachine.TestCase
TestGateMachine.settings = settings(parent=MACHINE)
