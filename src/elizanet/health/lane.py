"""A lane: one model at one host through one key, for one kind of request."""

from __future__ import annotations

import time
from typing import Final

from elizanet.classify import empty_allowance
from elizanet.errors import FailureClass, ProviderError
from elizanet.health.evidence import Evidence
from elizanet.health.permit import Permit
from elizanet.health.places import NEVER, Host, Key, Model, Tell
from elizanet.health.queue import Queue
from elizanet.health.refusal import Reason, Refusal
from elizanet.policy.gate import Gate
from elizanet.policy.limiter import CERTAIN, Limiter
from elizanet.policy.quarantine import Quarantine
from elizanet.policy.rate import RateLimit

_BYTES_A_TOKEN: Final = 4
_FULL: Final = Refusal(Reason.FULL, None)


class Lane:
    """Where attempts are admitted. `rate` is the operator's own limit, None without one."""

    __slots__ = ("_barred_by", "_queue", "_tell", "gate", "host", "key", "limiter", "model",
                 "name", "quarantine", "rate")  # fmt: skip

    def __init__(
        self,
        name: str,
        host: Host,
        model: Model,
        key: Key,
        gate: Gate,
        limiter: Limiter,
        quarantine: Quarantine,
        tell: Tell,
    ) -> None:
        self.name = name
        self.host = host
        self.model = model
        self.key = key
        self.rate: RateLimit | None = None
        self.gate = gate
        self.limiter = limiter
        self.quarantine = quarantine
        self._barred_by: FailureClass | None = None
        self._tell = tell
        self._queue = Queue(limiter)
        model.on_closed[self] = self._recovered

    def __repr__(self) -> str:
        return (
            f"<Lane {self.name} {self.limiter!r} {self.gate!r} {self.quarantine!r} "
            f"{self.model.breaker!r} {self.host.breaker!r} {self.host.budget!r}>"
        )

    def refusal(self, now: float, prompt_bytes: int) -> Refusal | None:
        """Return why no attempt may be made now: facts first, then room, then opinions."""
        if (
            now >= self.gate.until
            and now >= self.quarantine.until
            and now >= self.key.quarantine.until
            and self.model.breaker.is_plain
            and self.host.breaker.is_plain
            and self.rate is None
            and self.limiter.admits()
        ):
            return None  # nearly always, and so asked first
        return self._obstacle(now, prompt_bytes)

    def _obstacle(self, now: float, prompt_bytes: int) -> Refusal | None:
        if not self.key.quarantine.admits(now):
            quarantine, exhausted = self.key.quarantine, self.key.is_exhausted
            why = Reason.QUOTA_EXHAUSTED if exhausted else Reason.KEY_QUARANTINED
            return Refusal(why, quarantine.until, quarantine.reason)
        if not self.quarantine.admits(now):
            quarantine, kind = self.quarantine, self._barred_by
            return Refusal(Reason.TARGET_QUARANTINED, quarantine.until, quarantine.reason, kind)
        if not self.gate.admits(now):
            reason = Reason.OVERLOADED if self.gate.by_overload else Reason.RATE_LIMITED
            return Refusal(reason, self.gate.until, self.gate.reason)
        if self.rate is not None:
            wait = self.rate.ready_in(now, prompt_bytes / _BYTES_A_TOKEN)
            if wait > 0.0:
                return Refusal(Reason.OWN_LIMIT, now + wait, "the configured limit is used up")
        if not self.limiter.admits():
            return _FULL
        for place in (self.model, self.host):
            if not place.breaker.admits(now):
                return _closed_off(place)
        return None

    def admit(self, now: float, prompt_bytes: int, lease: float, *, stream: bool) -> Permit:
        """Begin an attempt. A probe that says nothing for `lease` seconds loses its place."""
        self.limiter.enter()
        if self.rate is not None:
            self.rate.take(now, prompt_bytes / _BYTES_A_TOKEN)
        if now < self.key.quarantine.until:
            self.key.quarantine.probe(now)
        if now < self.quarantine.until:
            self.quarantine.probe(now)
        host = self.host.breaker.enter(now, lease)
        model = self.model.breaker.enter(now, lease)
        return Permit(self, host, model, now, prompt_bytes, stream=stream)

    @property
    def is_trusted(self) -> bool:
        """Whether an attempt would be a usual one: no breaker is open, probed or forced."""
        return self.model.breaker.is_plain and self.host.breaker.is_plain

    @property
    def is_recovering(self) -> bool:
        """Whether what went through its open breaker last was answered."""
        return self.model.breaker.is_recovering or self.host.breaker.is_recovering

    def admits_probe(self, now: float) -> bool:
        """Tell whether a call with nowhere else to go may ask in spite of a quarantine."""
        return self.key.quarantine.admits_probe(now) and self.quarantine.admits_probe(now)

    async def room(self, until: float) -> bool:
        """Wait for room, in the order of arrival; false if there is none until then.

        Whoever has got room must not await anything before `admit`.
        """
        return await self._queue.turn(until)

    def leave(self) -> None:
        """End an attempt."""
        self.limiter.leave()
        self._advance()

    def answered(self, asked_at: float) -> None:
        """Count an answer to what was asked then."""
        self.host.budget.earn()
        self.limiter.success()
        self._advance()
        self.gate.answered()
        if self.quarantine.answered(asked_at):
            self._tell("target", "in use again", "it has answered")
        if self.key.quarantine.answered(asked_at):
            self.key.tell("key", "in use again", "it has answered")

    def learn(
        self, evidence: Evidence, error: ProviderError, now: float, round_trip: float
    ) -> None:
        """Keep the facts of a failure; `round_trip`: the usual seconds to an answer."""
        stated, reason = error.verdict.retry_after_s, error.message
        if evidence in {Evidence.THROTTLED, Evidence.OVERLOADED}:
            throttled = evidence is Evidence.THROTTLED
            is_certain = throttled or self.model.breaker.score(now) >= CERTAIN
            if is_certain and (stated is None or not throttled):
                self.limiter.overload(now, round_trip)
            if throttled or stated is not None:
                self._shut(now, stated, reason, overload=not throttled)
        elif evidence is Evidence.BAD_KEY:
            self.key.is_exhausted = error.failure_class is FailureClass.QUOTA_EXHAUSTED
            _strike(self.key.quarantine, "key", self.key.tell, now, reason)
        elif evidence is Evidence.BAD_TARGET:
            self._barred_by = error.failure_class
            _strike(self.quarantine, "target", self._tell, now, reason)

    def heard(self, headers: tuple[tuple[str, str], ...], now: float) -> None:
        """Shut the gate if an answer's headers say that the allowance is used up."""
        wait = empty_allowance(headers, time.time())
        if wait is not None:
            self._shut(now, wait, "the answer's headers say that the allowance is used up")

    def used(self, tokens: float, prompt_bytes: int, now: float) -> None:
        """Correct the estimate of an attempt's tokens."""
        if self.rate is not None:
            self.rate.correct(now, prompt_bytes / _BYTES_A_TOKEN, tokens)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in flight and nothing waits."""
        return not (self.limiter.in_flight or self.limiter.promised or self._queue)

    def _shut(
        self, now: float, stated: float | None, reason: str, *, overload: bool = False
    ) -> None:
        before = max(now, self.gate.until)
        self.gate.refused(now, stated, reason, overload=overload)
        if self.gate.until > before:
            self._tell("gate", f"shut for {self.gate.until - now:.3g} s", reason)

    def _advance(self) -> None:
        if self._queue:
            self._queue.advance()

    def _recovered(self) -> None:
        self.limiter.reset()
        self._advance()


def _closed_off(place: Host | Model) -> Refusal:
    """Return what an open breaker says; who is held open has not failed."""
    breaker = place.breaker
    if breaker.forced:
        return Refusal(Reason.BREAKER_OPEN, None, breaker.reason, FailureClass.UNKNOWN)
    return Refusal(Reason.BREAKER_OPEN, breaker.admits_at(), breaker.reason, place.fails_with)


def _strike(quarantine: Quarantine, what: str, tell: Tell, now: float, reason: str) -> None:
    before = quarantine.until
    quarantine.strike(now, reason)
    if quarantine.until > before:
        tell(what, f"quarantined for {quarantine.until - now:.0f} s", reason)


def ends_in(refusal: Refusal, now: float) -> float:
    """Return the seconds until a refusal ends; infinite if nobody knows."""
    return NEVER if refusal.until is None else max(0.0, refusal.until - now)
