"""One caller of the gateway: which models they may ask for, and how much."""

from __future__ import annotations

import math
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from elizanet.gateway.refusal import Refusal
from elizanet.policy.rate import Bucket, RateLimit
from elizanet.settings import CallerLimits

_MINUTE_S: Final = 60.0
_SECOND_S: Final = 1.0


class Caller:
    """Somebody who may call, and what they have used of what they may.

    Requests and calls at once are counted when a call comes in, tokens when its body is known,
    as an estimate that the reported usage corrects.
    """

    __slots__ = ("_most", "_rate", "alias", "in_flight", "limits", "models")

    def __init__(
        self, alias: str, models: tuple[str, ...] = (), limits: CallerLimits | None = None
    ) -> None:
        self.alias = alias
        self.models = models
        self.limits = limits or CallerLimits()
        self.in_flight = 0
        self._most = math.inf if self.limits.concurrent is None else self.limits.concurrent
        self._rate = RateLimit(self.limits.rpm, self.limits.tpm)

    def __repr__(self) -> str:
        return f"<Caller {self.alias} in flight={self.in_flight} {self._rate!r}>"

    @property
    def is_restricted(self) -> bool:
        """Whether there is anything that this caller may not do."""
        return bool(self.models) or self.limits != CallerLimits()

    def told(self) -> dict[str, object]:
        """Return what an operator may see."""
        return {
            "alias": self.alias,
            "models": self.models,
            "limits": self.limits,
            "in_flight": self.in_flight,
        }

    def enter(self, now: float) -> None:
        """Count a call, until `leave`. Raises `Refusal` (429)."""
        if self.in_flight >= self._most:
            raise _limited(
                f"{self.alias} has {self._most} calls under way, which is its limit; "
                "try again when one of them has ended",
                "requests",
                _SECOND_S,
            )
        requests = self._rate.requests
        if requests is not None:
            if wait := requests.ready_in(now, 1.0):
                raise self._used_up("requests", requests, now, wait)
            requests.take(now, 1.0)
        self.in_flight += 1

    def leave(self) -> None:
        """Count the end of a call."""
        self.in_flight -= 1

    def may_use(self, model: str) -> bool:
        """Tell whether this caller may ask for a model of that name."""
        return not self.models or _any_matches(self.models, model)

    @property
    def counts_tokens(self) -> bool:
        """Whether the tokens of this caller's calls are counted."""
        return self._rate.tokens is not None

    def take_tokens(self, now: float, estimate: float) -> None:
        """Count the tokens a call may cost. Raises `Refusal` (429)."""
        tokens = self._rate.tokens
        if tokens is None:
            return
        if wait := tokens.ready_in(now, estimate):
            raise self._used_up("tokens", tokens, now, wait)
        tokens.take(now, estimate)

    def correct_tokens(self, now: float, estimate: float, used: float) -> None:
        """Replace an estimate by what a call has cost."""
        self._rate.correct(now, estimate, used)

    def _used_up(self, what: str, bucket: Bucket, now: float, wait: float) -> Refusal:
        message = (
            f"{self.alias} has used up its limit of {bucket.capacity:.0f} {what} a minute; "
            f"try again in {_duration(wait)}"
        )
        return _limited(message, what, wait, self._told(now))

    def _told(self, now: float) -> tuple[tuple[bytes, bytes], ...]:
        """Return the headers by which OpenAI's API tells where a caller stands."""
        told: list[tuple[bytes, bytes]] = []
        for what, bucket in ((b"requests", self._rate.requests), (b"tokens", self._rate.tokens)):
            if bucket is None:
                continue
            level = bucket.level(now)
            reset = _duration((bucket.capacity - level) * _MINUTE_S / bucket.capacity)
            told += (
                (b"x-ratelimit-limit-" + what, b"%d" % bucket.capacity),
                (b"x-ratelimit-remaining-" + what, b"%d" % max(0.0, level)),
                (b"x-ratelimit-reset-" + what, reset.encode()),
            )
        return tuple(told)


@lru_cache(maxsize=4096)
def _any_matches(patterns: tuple[str, ...], model: str) -> bool:
    return any(pattern == model or fnmatchcase(model, pattern) for pattern in patterns)


def _limited(
    message: str, kind: str, wait: float, told: tuple[tuple[bytes, bytes], ...] = ()
) -> Refusal:
    return Refusal(
        message,
        kind=kind,
        code="rate_limit_exceeded",
        status=429,
        headers=(
            (b"retry-after", b"%d" % math.ceil(wait)),
            (b"retry-after-ms", b"%d" % math.ceil(wait * 1000)),
            *told,
        ),
    )


def _duration(seconds: float) -> str:
    """Return a time as OpenAI's headers have it: 120ms, 1.5s, 6m0s."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    if seconds < _MINUTE_S:
        return f"{math.ceil(seconds * 10) / 10:g}s"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s"
