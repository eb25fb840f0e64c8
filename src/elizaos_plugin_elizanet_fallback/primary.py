"""The agent's own provider as one more target: its health is kept, and it is left alone when down.

Its handler belongs to another plugin, whose client may wait and retry for minutes by itself.
Three failures (each a class that the plugin answers for) open its breaker: from then on the
fallback answers at once, and now and then one call finds out, within a time of its own, whether
the provider is back. If the fallback fails, too, the provider is asked all the same: its breaker
is only our opinion.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from elizanet.classify import verdict_for
from elizanet.errors import FailureClass, ProviderError, Verdict
from elizanet.health import Lane, Permit, Registry
from elizanet.limit import Interruption, LimitReached
from elizanet.operation import Operation
from elizanet.policy.breaker import Entry
from elizanet.telemetry import TelemetryEvent

NAME: Final = "the agent's own provider"
THRESHOLD: Final = 2.5
"""The breaker's, which three failures reach; agents make few calls, and opening it by mistake
costs one fallback answer."""
LONGEST_S: Final = 300.0
"""How long a call is thought to take at most, where no limit is set."""


class Primary:
    """What is known of one agent's own provider, for each kind of model.

    `limit`: the longest it may take, in seconds; None leaves that to its own client.
    """

    def __init__(self, limit: float | None, emit: Callable[[TelemetryEvent], None]) -> None:
        self.limit = limit
        self._registry = Registry(
            chance=random.Random(),  # noqa: S311 -- jitter, not a secret
            emit=emit,
            threshold=THRESHOLD,
        )

    def __repr__(self) -> str:
        return f"<Primary limit={self.limit} {self._registry!r}>"

    def lane(self, kind: str) -> Lane:
        """Return what is known of the provider of this model type."""
        model = kind.removesuffix("_STREAM")  # the same model answers in both ways
        return self._registry.lane(NAME, "", Operation.CHAT, model)


def refusal_of(lane: Lane) -> ProviderError | None:
    """Return why the provider is left alone now, None if it may be asked."""
    refusal = lane.refusal(asyncio.get_running_loop().time(), 0)
    if refusal is None:
        return None
    message = f"{NAME} is left alone ({refusal.reason}): {refusal.detail}"
    return ProviderError(message, verdict_for(FailureClass.OVERLOADED))


class Visit(Interruption):
    """One call of the agent's own provider, until it has something to show.

    After `limit` seconds, or those that a probe has, it is interrupted with `LimitReached`; so
    it is when the provider is found down by other calls. `seconds`: the limit it has, None
    without one.
    """

    __slots__ = ("_permit", "_started", "_timer", "seconds")

    becomes = LimitReached

    def __init__(self, lane: Lane, limit: float | None, *, stream: bool) -> None:
        super().__init__()
        self._started = self._loop.time()
        longest = LONGEST_S if limit is None else limit
        overdue = lane.model.overdue_after(0, longest, stream=stream)
        self._permit: Permit = lane.admit(self._started, 0, overdue + 1.0, stream=stream)
        self.seconds = limit
        if self._permit.entry is Entry.PROBE:
            self.seconds = min(longest, overdue)
        self._timer = self._loop.call_later(min(longest, overdue), self._overdue)

    def __repr__(self) -> str:
        return f"<Visit {self._permit!r}>"

    def __enter__(self) -> Self:
        super().__enter__()
        self._permit.on_rescue(self.interrupt)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        super().__exit__(exc_type, exc, traceback)

    def answered(self) -> None:
        """Count an answer, or a stream's first piece."""
        self._permit.answered(self._loop.time())
        self._permit.close()

    def failed(self, verdict: Verdict, message: str) -> None:
        """Count a failure that is the provider's own."""
        self._permit.failed(ProviderError(message, verdict), self._loop.time())

    def too_late(self) -> ProviderError:
        """Count the end of the limit, and return the error it is."""
        error = ProviderError(f"{NAME} gave no answer in time", verdict_for(FailureClass.TIMEOUT))
        self._permit.failed(error, self._loop.time())
        return error

    def close(self) -> None:
        """End a call that says nothing about the provider; may be repeated."""
        self._timer.cancel()
        self._permit.close()

    def _overdue(self) -> None:
        left = None if self.seconds is None else self._started + self.seconds - self._loop.time()
        if left is not None and left <= 0.0:
            self.interrupt()
            return
        self._permit.overdue(self._loop.time())
        if left is not None:
            self._timer = self._loop.call_later(left, self.interrupt)
