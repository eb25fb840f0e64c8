"""One scenario: what fails, where, under which load, and in which wire mode.

A fifth of the calls meet a healthy world, two fifths the fault, and two fifths what comes
after it. A slow tail of calls shows when the first choice is back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from elizanet.engine import Chain
from elizanet.testing.simulation.behaviours import ABSURD_S, BEHAVIOURS
from elizanet.testing.simulation.client import Client
from elizanet.testing.simulation.invariants import Invariants
from elizanet.testing.simulation.layout import LAYOUTS, MODEL
from elizanet.testing.simulation.load import Phase
from elizanet.testing.simulation.results import Outcome, Results
from elizanet.testing.simulation.windows import Window
from elizanet.testing.simulation.world import World

FAULTS: Final[dict[str, tuple[str, ...]]] = {
    "refuse": ("refuse",),
    "reset": ("reset",),
    "dns": ("dns",),
    "tls": ("tls",),
    "blackhole": ("blackhole",),
    "hang": ("hang",),
    "hang_after_head": ("hang_after_head",),
    "drip": ("drip",),
    "error_500": ("error_500",),
    "overloaded": ("overloaded",),
    "limited": ("limited_seconds", "limited_ms", "limited_date", "limited_absurd", "limited"),
    "auth": ("auth",),
    "truncate": ("truncate",),
    "garbage": ("garbage",),
    "keep_alives": ("keep_alives",),
    "some_errors": ("0.1", "0.3", "0.5"),
}
"""The sixteen faults; of those with several forms each scenario has one, in turn."""

RATES: Final = (1.0, 20.0, 200.0)
"""Calls a second."""

TAIL: Final = Phase(rate=1.0, seconds=60.0, is_even=True)

BREAKS_STREAMS: Final = frozenset({"truncate", "garbage"})
"""Faults after the first content, where nobody can take over unseen."""

_BEFORE, _DURING = 0.2, 0.4
_TURNED_AWAY_S: Final = 5.0
_TURNED_AWAY_AFTER_SILENCE_S: Final = 8.0
_UNARY_ANSWER_S: Final = 4.0
"""What a whole answer takes, nearly always: before that nobody can know of a recovery."""
_SILENT: Final = frozenset({"hang", "hang_after_head", "keep_alives", "blackhole", "drip"})
_PATIENCE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """`form` is the form of the fault; `calls` are those of the load, without the tail."""

    fault: str
    form: str
    placement: str
    rate: float
    stream: bool
    calls: int

    @property
    def name(self) -> str:
        """What it is, in one word."""
        mode = "stream" if self.stream else "unary"
        return f"{self.fault}/{self.placement}/{self.rate:g}/{mode}"

    def window(self) -> Window:
        """Return the fault, and when it is at work."""
        start = _BEFORE * self.calls / self.rate
        end = start + _DURING * self.calls / self.rate
        if self.fault == "some_errors":
            return Window(BEHAVIOURS["error_500"], start, end, share=float(self.form))
        return Window(BEHAVIOURS[self.form], start, end)

    def load(self) -> tuple[Phase, Phase]:
        """Return the load, with its tail."""
        return Phase(self.rate, seconds=self.calls / self.rate), TAIL


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a scenario; `violations` counts, `told` has the first of them in words."""

    scenario: Scenario
    seed: int
    results: Results = field(repr=False)
    violations: int
    told: tuple[str, ...]
    digest: str

    @property
    def lost(self) -> int:
        """Calls that failed before anything was shown."""
        return self.results.count(Outcome.FAILED)


def play(scenario: Scenario, seed: int) -> Report:
    """Run a scenario once, and judge it."""
    world = World(seed)
    window = scenario.window()
    targets = LAYOUTS[scenario.placement](world, window)
    chain = Chain(
        scenario.name, targets, registry=world.registry, chance=world.chance, emit=world.emit
    )
    checks = world.checks = Invariants(chain.targets, world.registry)
    client = Client(world, chain, model=MODEL, stream=scenario.stream, patience=_PATIENCE_S)
    results = world.run(client.ask, scenario.load())
    _look_at(scenario, window, results, checks)
    digest = world.trace.digest()
    return Report(scenario, seed, results, checks.count, tuple(checks.violations), digest)


def _look_at(scenario: Scenario, window: Window, results: Results, checks: Invariants) -> None:
    """Check what must hold of the whole run."""
    failed, broke = results.count(Outcome.FAILED), results.count(Outcome.BROKE)
    if scenario.placement != "all" and failed:
        checks.violated("I8", f"{failed} calls were lost though others could have answered")
    if broke and not (scenario.stream and scenario.fault in BREAKS_STREAMS):
        checks.violated("I3", f"{broke} answers broke off though no provider broke one off")
    if scenario.placement == "all":
        _look_at_recovery(scenario, window, results, checks)


def _look_at_recovery(
    scenario: Scenario, window: Window, results: Results, checks: Invariants
) -> None:
    """I9: soon after a total outage nobody is turned away any more.

    Somebody has to come and ask before it is known: with few calls that takes a while longer.
    """
    slow = scenario.fault in _SILENT
    soon = window.end + (_TURNED_AWAY_AFTER_SILENCE_S if slow else _TURNED_AWAY_S)
    soon += _STATED_S.get(scenario.form, 0.0)
    asked = min((at for at in results.arrived if at >= soon), default=soon)
    known = asked if scenario.stream else asked + _UNARY_ANSWER_S
    last = results.last(lambda row: results.outcome[row] == Outcome.FAILED)
    if last is not None and last > known:
        late = last - window.end
        checks.violated("I9", f"a call was lost {late:.1f} s after the end of the outage")


_STATED_S: Final = {
    "limited_seconds": 4.0,
    "limited_ms": 0.7,
    "limited_date": 30.0,
    "limited_absurd": float(ABSURD_S),
    "limited": 30.0,
}
"""What a limit asks for: a fact that is obeyed, also after the outage."""
