"""Whether the process takes on one more call.

Theory of operation. *Bound*: at most `most` calls at once; of these places at most 70 % go to
batch calls. *Lag*: every 100 ms it is measured how late the event loop is, and averaged with a
weight of a tenth, so that about the last second counts. From 50 ms on, calls are shed at random,
linearly up to all of them at half a second. Batch calls go first: of the share that has to be
shed, they bear what they can, and others the rest. There is no queue: whoever is refused is told
at once, before the body is read or a provider asked, and that another replica may help.
"""

from __future__ import annotations

import random
from typing import Final

from elizanet.gateway.refusal import Refusal

BATCH_SHARE: Final = 0.7
"""The part of the places that batch calls may take."""
LAG_FREE_S: Final = 0.05
LAG_FULL_S: Final = 0.5
"""Seconds of lag at which the first calls, and all calls, are shed."""
LONGEST_LAG_S: Final = 1.0
"""Seconds that one late tick counts at most: a process that slept is not overloaded."""

_LAG_WEIGHT: Final = 0.1
_ARRIVAL_WEIGHT: Final = 1 / 64


class Admission:
    """The places in the process.

    `most`: how many there are; it may change. `draining`: the process ends and wants no more
    calls. `closed`: it takes none.
    """

    __slots__ = (
        "_batch_arrivals",
        "_chance",
        "batch",
        "closed",
        "draining",
        "in_flight",
        "lag",
        "most",
    )

    def __init__(self, most: int, chance: random.Random | None = None) -> None:
        self.most = most
        self.in_flight = 0
        self.batch = 0
        self.lag = 0.0
        self.draining = self.closed = False
        self._batch_arrivals = 0.0
        self._chance = chance or random.Random()  # noqa: S311 -- chance, not a secret

    def __repr__(self) -> str:
        draining = " draining" if self.draining else ""
        lag = self.lag * 1000
        return f"<Admission {self.in_flight}/{self.most} batch={self.batch} {lag:.0f} ms{draining}>"

    def admit(self, *, batch: bool) -> None:
        """Take a place, until `leave`. Raises `Refusal` (503)."""
        if self.closed:
            raise draining()
        self._batch_arrivals += (batch - self._batch_arrivals) * _ARRIVAL_WEIGHT
        if self.lag > LAG_FREE_S and self._chance.random() < self._shed(batch=batch):
            raise _busy("the gateway is overloaded")
        if self.in_flight >= self.most:
            raise _busy(f"the gateway has {self.most} calls under way, which is its limit")
        if batch:
            self._take_batch()
        self.in_flight += 1

    def into_batch(self) -> None:
        """Let a call that has a place count as batch. Raises `Refusal` (503)."""
        if self.lag > LAG_FREE_S and self._chance.random() < self._shed(batch=True):
            raise _busy("the gateway is overloaded")
        self._take_batch()

    def leave(self, *, batch: bool) -> None:
        """Give a place back."""
        self.in_flight -= 1
        self.batch -= batch

    def ticked(self, late: float) -> None:
        """Learn how many seconds late the event loop was."""
        self.lag += (min(late, LONGEST_LAG_S) - self.lag) * _LAG_WEIGHT

    def _take_batch(self) -> None:
        if self.batch >= max(1, int(BATCH_SHARE * self.most)):
            raise _busy(f"the gateway has {self.batch} batch calls under way, which is their limit")
        self.batch += 1

    def _shed(self, *, batch: bool) -> float:
        share = self._batch_arrivals
        wanted = min(1.0, (self.lag - LAG_FREE_S) / (LAG_FULL_S - LAG_FREE_S))
        if batch:
            return min(1.0, wanted / share)
        return max(0.0, (wanted - share) / (1.0 - share))


def draining() -> Refusal:
    """Return what a caller is told whose call this process will not finish."""
    return _unavailable("the gateway is shutting down", "draining")


def _busy(reason: str) -> Refusal:
    return _unavailable(reason, "overloaded")


def _unavailable(reason: str, code: str) -> Refusal:
    # Spread, so that those who were refused together do not come back together.
    delay = random.randint(500, 1500)  # noqa: S311
    return Refusal(
        f"{reason}; try again, or ask another replica",
        kind="server_error",
        code=code,
        status=503,
        headers=(
            (b"x-should-retry", b"true"),
            (b"retry-after", b"1"),
            (b"retry-after-ms", b"%d" % delay),
        ),
    )
