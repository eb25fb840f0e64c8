"""What can be asked of the records. A `Reader` is used from one thread at a time, not the loop's.

Calls are found one by one in the rows themselves. Sums, series and percentiles come from tables
that are added up while rows are written, by minute and by hour: their cost follows the length of
the window, not the number of calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec

from elizanet.records.errors import RecordsError
from elizanet.records.model import CallRecord, ChangeRecord

__all__ = [
    "AttemptTotals", "Dimension", "Ended", "Point", "Reader", "RecordsError", "Totals", "Which",
    "Window",
]  # fmt: skip


class Window(NamedTuple):
    """From `since` until just before `until`, in seconds since 1970.

    Sums are kept by minute and, beyond a day, by hour: a window is widened to whole ones.
    """

    since: float
    until: float


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls: all conditions hold at once, None and False are no condition.

    `provider`: one that was asked. `failure_class`: of the call, or of any of its attempts.
    `fallbacks`: another target than the first choice answered. `troubled`: that, or it failed or
    broke. `before`: older than this call, which is a place in the list to go on from.
    """

    since: float | None = None
    until: float | None = None
    model: str | None = None
    provider: str | None = None
    caller: str | None = None
    outcome: str | None = None
    failure_class: str | None = None
    run: str | None = None
    fallbacks: bool = False
    troubled: bool = False
    before: str | None = None


Dimension = Literal[
    "model", "target", "caller", "outcome", "failure_class", "fallback_reason", "operation"
]
"""What calls are grouped by; `target` is `provider/model` of who answered, "" for nobody."""


class Totals(msgspec.Struct, kw_only=True):
    """Sums over calls. `key` has the values of the dimensions that were asked for, in order.

    `fallbacks`: answered by another target than the first choice. `cost` sums the known ones.
    The percentiles are of a histogram with buckets a quarter of an octave wide, None without calls:
    they are off by at most a tenth. `first_content_*` is of streams.
    """

    key: tuple[str, ...] = ()
    calls: int = 0
    answered: int = 0
    failed: int = 0
    broken: int = 0
    left: int = 0
    fallbacks: int = 0
    hedged: int = 0
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    extra_cost: float = 0.0
    seconds_p50: float | None = None
    seconds_p95: float | None = None
    seconds_p99: float | None = None
    first_content_p50: float | None = None
    first_content_p95: float | None = None
    first_content_p99: float | None = None


class Point(msgspec.Struct, kw_only=True):
    """The totals of one step of a series, which begins `at`."""

    at: float
    totals: Totals


class Ended(NamedTuple):
    """How many calls ended alike; `failure_class` is "" for those that did not fail."""

    outcome: str
    failure_class: str
    calls: int


class AttemptTotals(msgspec.Struct, kw_only=True):
    """Attempts at one target that ended alike; `failure_class` is "" for those that answered."""

    provider: str
    model: str
    failure_class: str
    attempts: int
    mean_duration: float
    cost: float = 0.0


class Reader(Protocol):
    """Answers questions. Everything raises `RecordsError` where the database cannot answer."""

    def calls(self, which: Which, limit: int = 50) -> list[CallRecord]:
        """Return the newest of these calls, newest first, with their attempts.

        What was captured comes with `call` only.
        """
        ...

    def call(self, call_id: str) -> CallRecord | None:
        """Return one call, by its id or an unambiguous beginning of it (8 characters or more)."""
        ...

    def totals(
        self, window: Window, by: Sequence[Dimension] = (), *, percentiles: bool = True
    ) -> list[Totals]:
        """Return the sums over a window, one for each value of the dimensions, most calls first.

        Without dimensions there is exactly one, also for no calls. Percentiles are the greater
        part of the work; without them they are None.
        """
        ...

    def series(
        self,
        window: Window,
        step: float,
        by: Sequence[Dimension] = (),
        *,
        percentiles: bool = True,
    ) -> list[Point]:
        """Return the sums by time, oldest first; `step` is in seconds, a multiple of 60.

        Steps without calls are left out. Percentiles are given as in `totals`.
        """
        ...

    def attempts(self, window: Window) -> list[AttemptTotals]:
        """Return how the attempts of a window ended, most attempts first."""
        ...

    def ended(self, window: Window) -> list[Ended]:
        """Return how the calls that began in a window ended, to the millisecond.

        They are counted one by one: this is for short windows.
        """
        ...

    def changes(self, window: Window, step: float = 0.0) -> list[ChangeRecord]:
        """Return the changes of health in a window, oldest first.

        With a `step` (in seconds) what a run said again and again is left out: in each step of
        time only the first and the last change of a subject to the same state are returned.
        """
        ...

    def latest_changes(self, at: float) -> list[ChangeRecord]:
        """Return the last change before `at` that each run told of each subject and kind of state.

        They are looked for among the 50,000 changes before that.
        """
        ...

    def last_writes(self) -> dict[str, float]:
        """Return when each run wrote last, in seconds since 1970: what it knew is known until then.

        Runs that wrote with an older release share the name "".
        """
        ...

    def close(self) -> None:
        """Give the connection back. May be repeated."""
        ...
