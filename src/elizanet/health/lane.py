"""A lane: one model at one host through one key, for one kind of request."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Final

from elizanet.classify import empty_allowance
from elizanet.errors import ProviderError
from elizanet.health.evidence import Evidence
from elizanet.health.permit import Permit
from elizanet.health.places import NEVER, Host, Key, Model, Tell
from elizanet.health.refusal import Reason, Refusal
from elizanet.limit import Limit, LimitReached
from elizanet.policy.gate import Gate
from elizanet.policy.limiter import Limiter
from elizanet.policy.quarantine import Quarantine
from elizanet.policy.rate import RateLimit

_BYTES_A_TOKEN: Final = 4
_FULL: Final = Refusal(Reason.FULL, None)


class Lane:
    """Where attempts are admitted. `rate` is the operator's own limit, None without one."""

    __slots__ = ("_tell", "_waiting", "gate", "host", "key", "limiter", "model", "name",
                 "quarantine", "rate")  # fmt: skip

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
        self._tell = tell
        self._waiting: deque[asyncio.Future[None]] = deque()
        model.on_closed[self] = self._recovered

    def __repr__(self) -> str:
        return (
            f"<Lane {self.name} {self.limiter!r} {self.gate!r} {self.quarantine!r} "
            f"{self.model.breaker!r} {self.host.breaker!r} {self.host.budget!r}>"
        )

    def refusal(self, now: float, prompt_bytes: int) -> Refusal | None:
        """Return why no attempt may be made now: facts first, then room, then opinions."""
        if not self.key.quarantine.admits(now):
            quarantine = self.key.quarantine
            return Refusal(Reason.KEY_QUARANTINED, quarantine.until, quarantine.reason)
        if not self.quarantine.admits(now):
            quarantine = self.quarantine
            return Refusal(Reason.TARGET_QUARANTINED, quarantine.until, quarantine.reason)
        if not self.gate.admits(now):
            return Refusal(Reason.RATE_LIMITED, self.gate.until, self.gate.reason)
        if self.rate is not None:
            wait = self.rate.ready_in(now, prompt_bytes / _BYTES_A_TOKEN)
            if wait > 0.0:
                return Refusal(Reason.OWN_LIMIT, now + wait, "the configured limit is used up")
        if not self.limiter.admits():
            return _FULL
        for place in (self.model, self.host):
            if not place.breaker.admits(now):
                breaker = place.breaker
                return Refusal(Reason.BREAKER_OPEN, breaker.admits_at(), breaker.reason)
        return None

    def admit(self, now: float, prompt_bytes: int, lease: float, *, stream: bool) -> Permit:
        """Begin an attempt. A probe that says nothing for `lease` seconds loses its place."""
        self.limiter.in_flight += 1
        if self.rate is not None:
            self.rate.take(now, prompt_bytes / _BYTES_A_TOKEN)
        for quarantine in (self.key.quarantine, self.quarantine):
            if not quarantine.admits(now):
                quarantine.probe(now)
        host = self.host.breaker.enter(now, lease)
        model = self.model.breaker.enter(now, lease)
        return Permit(self, host, model, now, prompt_bytes, stream=stream)

    def admits_probe(self, now: float) -> bool:
        """Tell whether a call with nowhere else to go may ask in spite of a quarantine."""
        return self.key.quarantine.admits_probe(now) and self.quarantine.admits_probe(now)

    async def room(self, until: float) -> bool:
        """Wait for room, in the order of arrival; false if there is none until then."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            with Limit(until):
                await waiting
        except LimitReached:
            return False
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            elif not waiting.cancelled() and self.limiter.admits():
                self._wake()  # pass on a turn that was not taken
        return True

    def leave(self) -> None:
        """End an attempt."""
        self.limiter.in_flight -= 1
        if self._waiting:
            self._wake()

    def answered(self) -> None:
        """Count an answer."""
        self.host.budget.earn()
        self.limiter.success()
        self.gate.answered()
        if self.quarantine.until or self.key.quarantine.until:
            self.quarantine.lift()
            self.key.quarantine.lift()

    def learn(self, evidence: Evidence, error: ProviderError, now: float) -> None:
        """Keep the facts of a failure."""
        stated = error.verdict.retry_after_s
        if evidence in {Evidence.THROTTLED, Evidence.OVERLOADED}:
            self.limiter.overload(now, self.model.answer_time.value or 0.0)
            if evidence is Evidence.THROTTLED or stated is not None:
                delay = self.gate.refused(now, stated, error.message)
                self._tell("gate", f"shut for {delay:.3g} s", error.message)
        elif evidence is Evidence.BAD_KEY:
            delay = self.key.quarantine.strike(now, error.message)
            self._tell("key", f"quarantined for {delay:.0f} s", error.message)
        elif evidence is Evidence.BAD_TARGET:
            delay = self.quarantine.strike(now, error.message)
            self._tell("target", f"quarantined for {delay:.0f} s", error.message)

    def heard(self, headers: tuple[tuple[str, str], ...], now: float) -> None:
        """Shut the gate if an answer's headers say that the allowance is used up."""
        wait = empty_allowance(headers, time.time())
        if wait is not None:
            self.gate.shut(now + wait, "the answer's headers say that the allowance is used up")
            self._tell("gate", f"shut for {wait:.3g} s", self.gate.reason)

    def used(self, tokens: float, prompt_bytes: int, now: float) -> None:
        """Correct the estimate of an attempt's tokens."""
        if self.rate is not None:
            self.rate.correct(now, prompt_bytes / _BYTES_A_TOKEN, tokens)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in flight and nothing waits."""
        return not self.limiter.in_flight and not self._waiting

    def _wake(self) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return

    def _recovered(self) -> None:
        self.limiter.reset()


def ends_in(refusal: Refusal, now: float) -> float:
    """Return the seconds until a refusal ends; infinite if nobody knows."""
    return NEVER if refusal.until is None else max(0.0, refusal.until - now)
