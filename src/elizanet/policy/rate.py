"""Limits of so many requests, and so many tokens, a minute.

Theory of operation. A token bucket each: it holds a minute's worth, is full at the start and
fills evenly. Requests are known when they start. Tokens are not: an estimate is taken then,
and corrected when the usage is known, which may leave the bucket in debt; time pays it back. A
request larger than the whole bucket goes through a full one. What is missing by less than a
microsecond's worth is not missing: otherwise a call that waited as long as it was told could be
told to wait again, for less time than a clock can measure.
"""

from __future__ import annotations

from typing import Final

_MINUTE_S: Final = 60.0
_NO_TIME_S: Final = 1e-6


class Bucket:
    """`per_minute` units, all of them at the start."""

    __slots__ = ("_at", "_level", "capacity")

    def __init__(self, per_minute: int) -> None:
        self.capacity = float(per_minute)
        self._level = self.capacity
        self._at = float("-inf")

    def __repr__(self) -> str:
        return f"<Bucket {self._level:.0f} of {self.capacity:.0f} a minute>"

    def level(self, now: float) -> float:
        """Return the units there are now; negative is a debt."""
        passed = max(0.0, now - self._at)
        return min(self.capacity, self._level + passed * self.capacity / _MINUTE_S)

    def take(self, now: float, units: float) -> None:
        """Take units away, or give them back (negative)."""
        self._level = min(self.capacity, self.level(now) - units)
        self._at = now

    def ready_in(self, now: float, units: float) -> float:
        """Return the seconds until so many units can be taken; 0 is now."""
        missing = min(units, self.capacity) - self.level(now)
        seconds = missing * _MINUTE_S / self.capacity
        return seconds if seconds > _NO_TIME_S else 0.0


class RateLimit:
    """`rpm` requests and `tpm` tokens a minute; None is no limit."""

    __slots__ = ("requests", "tokens")

    def __init__(self, rpm: int | None = None, tpm: int | None = None) -> None:
        self.requests = None if rpm is None else Bucket(rpm)
        self.tokens = None if tpm is None else Bucket(tpm)

    def __repr__(self) -> str:
        return f"<RateLimit requests={self.requests!r} tokens={self.tokens!r}>"

    def __bool__(self) -> bool:
        return self.requests is not None or self.tokens is not None

    def ready_in(self, now: float, tokens: float) -> float:
        """Return the seconds until a request of so many tokens may start; 0 is now."""
        wait = 0.0 if self.requests is None else self.requests.ready_in(now, 1.0)
        if self.tokens is not None:
            wait = max(wait, self.tokens.ready_in(now, tokens))
        return wait

    def admits(self, now: float, tokens: float) -> bool:
        """Tell whether a request of so many tokens may start."""
        return self.ready_in(now, tokens) <= 0.0

    def take(self, now: float, tokens: float) -> None:
        """Count a request that starts, with the estimate of its tokens."""
        if self.requests is not None:
            self.requests.take(now, 1.0)
        if self.tokens is not None:
            self.tokens.take(now, tokens)

    def correct(self, now: float, estimated: float, used: float) -> None:
        """Replace an estimate by the tokens that were used."""
        if self.tokens is not None:
            self.tokens.take(now, used - estimated)
