"""How long a first content usually takes, and so when one is overdue.

Theory of operation. The time to a stream's first content depends mostly on the prompt's
length, so each model has one average for each of three sizes: exponentially weighted, with 5 %
for the newest. An attempt is overdue after three times the average, and not before 1 s; while
nothing is known, after a third of its limit. Whole answers have no first content: their
average counts the whole answer and serves only to compare targets.
"""

from __future__ import annotations

from collections import deque
from typing import Final

NEWEST: Final = 0.05
OVERDUE_FACTOR: Final = 3.0
SHORTEST_OVERDUE_S: Final = 1.0
COLD_SHARE: Final = 1 / 3

_BYTES_A_TOKEN: Final = 4
_SMALL_BYTES: Final = 4_000 * _BYTES_A_TOKEN
_MEDIUM_BYTES: Final = 32_000 * _BYTES_A_TOKEN

P95_WINDOW_S: Final = 300.0
P95_SAMPLES: Final = 50
_KEPT: Final = 512
_RECOUNT_EVERY: Final = 16
_RECOUNT_EVERY_S: Final = 10.0


def size_class(prompt_bytes: int) -> int:
    """Return 0, 1 or 2 for prompts below 4,000 tokens, below 32,000, and larger."""
    return (prompt_bytes >= _SMALL_BYTES) + (prompt_bytes >= _MEDIUM_BYTES)


class Average:
    """An exponentially weighted mean; None until something is known.

    `expected` is what the first sample is weighed against; without it that sample is the mean.
    """

    __slots__ = ("_expected", "value")

    def __init__(self, expected: float | None = None) -> None:
        self._expected = expected
        self.value: float | None = None

    def __repr__(self) -> str:
        return "<Average unknown>" if self.value is None else f"<Average {self.value:.3f}>"

    def add(self, sample: float) -> None:
        """Count a sample."""
        known = self._expected if self.value is None else self.value
        self.value = sample if known is None else known + NEWEST * (sample - known)


class Latency:
    """Seconds to the first content, for one size of prompt.

    Samples are kept from the first time on that their percentile is asked for; there may be
    thousands of models, and few chains need it.
    """

    __slots__ = ("_counted_at", "_p95", "_recent", "_since", "mean")

    def __init__(self) -> None:
        self.mean = Average()
        self._recent: deque[tuple[float, float]] | None = None
        self._p95: float | None = None
        self._counted_at = float("-inf")
        self._since = 0

    def __repr__(self) -> str:
        return f"<Latency mean={self.mean!r} samples={len(self._recent or ())}>"

    def add(self, seconds: float, now: float) -> None:
        """Count a first content that took so long."""
        self.mean.add(seconds)
        self.at_least(seconds, now)

    def at_least(self, seconds: float, now: float) -> None:
        """Count an attempt that was ended after so long without content, for the percentile.

        Not for the mean: of a target that hangs it would learn to be patient.
        """
        if self._recent is not None:
            self._recent.append((now, seconds))
            self._since += 1

    def overdue_after(self, limit: float) -> float:
        """Return the seconds after which an attempt with this limit is overdue."""
        known = self.mean.value
        if known is None:
            return limit * COLD_SHARE
        return max(SHORTEST_OVERDUE_S, OVERDUE_FACTOR * known)

    def p95(self, now: float) -> float | None:
        """Return the 95th percentile of the last five minutes, None below 50 samples.

        It is counted anew after 16 samples or 10 s, not each time.
        """
        if self._recent is None:
            self._recent = deque(maxlen=_KEPT)
        is_old = self._since >= _RECOUNT_EVERY or now - self._counted_at >= _RECOUNT_EVERY_S
        if is_old or self._p95 is None:
            self._since, self._counted_at = 0, now
            recent = sorted(s for at, s in self._recent if now - at <= P95_WINDOW_S)
            enough = len(recent) >= P95_SAMPLES
            self._p95 = recent[(len(recent) * 95 + 99) // 100 - 1] if enough else None
        return self._p95
