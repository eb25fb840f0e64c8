"""The budget: no failure makes a host receive more than a tenth above what it earned."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from elizanet.policy.budget import CAPACITY, Budget
from support.machines import MACHINE


def spent(budget: Budget, now: float) -> int:
    """Spend all there is, and return how much it was."""
    count = 0
    while budget.spend(now):
        count += 1
    return count


def test_ten_extra_requests_are_paid_for_at_the_start() -> None:
    """A burst of failures can be answered, once."""
    assert spent(Budget(), 0) == 10


def test_the_start_is_at_any_time_of_the_clock() -> None:
    """A loop's clock does not begin at zero."""
    assert spent(Budget(), 1e6) == 10


def test_a_token_is_earned_by_ten_successes_or_ten_seconds() -> None:
    """And by both together."""
    budget = Budget()
    spent(budget, 0)
    assert not budget.available(9.9)
    assert budget.available(10.0)
    assert budget.spend(10.0)
    assert not budget.spend(10.0)
    for _ in range(11):  # eleven times 0.1 is surely 1
        assert not budget.spend(10.0)
        budget.earn()
    assert budget.spend(10.0)
    for _ in range(5):
        budget.earn()
    assert not budget.spend(13.0)
    assert budget.spend(15.0)


def test_nothing_is_saved_beyond_ten() -> None:
    """However many successes and hours there were."""
    budget = Budget()
    for _ in range(1_000):
        budget.earn()
    assert budget.tokens(1e6) == 10
    assert spent(budget, 1e6) == 10


def test_looking_costs_nothing() -> None:
    """`available` and `tokens` only look."""
    budget = Budget()
    for _ in range(100):
        assert budget.available(0)
    assert budget.tokens(0) == 10


def test_a_clock_that_goes_back_earns_nothing() -> None:
    """Neither then, nor when it returns."""
    budget = Budget()
    spent(budget, 100.0)
    assert not budget.spend(0.0)
    assert not budget.spend(105.0)
    assert budget.tokens(105.0) == 0.5


def test_a_request_paid_at_an_earlier_time_does_not_turn_the_clock_back() -> None:
    """Time is earned once."""
    budget = Budget()
    assert budget.spend(100.0)
    assert budget.spend(90.0)
    assert budget.tokens(100.0) == 8.0


def test_its_whole_state_is_one_line() -> None:
    """The tokens, as of the last change."""
    budget = Budget()
    budget.spend(0)
    assert repr(budget) == "<Budget 9.0 of 10>"


class BudgetMachine(RuleBasedStateMachine):
    """I1, for every span of time: extra <= 10 + 0.1 * successes + 0.1 * seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget()
        self.now = 0.0
        self.earned = 0
        self.moments: list[tuple[float, int]] = []
        """When each token was spent, and the successes until then."""

    @rule(seconds=st.floats(0, 30))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(count=st.integers(1, 40))
    def successes(self, count: int) -> None:
        self.earned += count
        for _ in range(count):
            self.budget.earn()

    @rule(tries=st.integers(1, 15))
    def spend(self, tries: int) -> None:
        for _ in range(tries):
            available = self.budget.available(self.now)
            assert self.budget.spend(self.now) is available
            if available:
                self.moments.append((self.now, self.earned))

    @invariant()
    def the_bound_holds_for_every_span(self) -> None:
        for count, (moment, earned) in enumerate(reversed(self.moments), 1):
            bound = 10 + 0.1 * (self.earned - earned) + 0.1 * (self.now - moment)
            assert count <= bound + 1e-6

    @invariant()
    def the_tokens_are_within_bounds(self) -> None:
        assert 0 <= self.budget.tokens(self.now) <= CAPACITY

    @invariant()
    def nothing_earned_is_lost(self) -> None:
        """Below the capacity, the bucket holds all that was earned and not spent."""
        due = 10 + 0.1 * self.earned + 0.1 * self.now - len(self.moments)
        assert self.budget.tokens(self.now) <= due + 1e-6
        if not self.moments:
            assert self.budget.tokens(self.now) == 10


TestBudgetMachine = BudgetMachine.TestCase
TestBudgetMachine.settings = settings(parent=MACHINE)
