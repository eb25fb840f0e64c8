"""Going on with a stream that broke: another target, and one answer for the caller.

The next target gets the call with what was said already as the beginning of its answer. One
that refuses such a call gets it as it was, and has to say the same again. It is done once in a
call, within its attempts, and a target that fails at it is followed by the next one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from msgspec.structs import replace

from elizanet.call import Attempt, Call, Event, Role
from elizanet.continuation import Seam, SeamError, Transcript
from elizanet.errors import FailureClass, ProviderError
from elizanet.plan import Choice
from elizanet.run import Run
from elizanet.target import Target
from elizanet.trial import Opened

Try = Callable[[Run, Choice, Call], Awaitable[Opened]]
"""Makes one attempt with another call than the run's own. Raises `ProviderError`."""


class Resumed(NamedTuple):
    """The stream that goes on, and the seam that its events pass through."""

    opened: Opened
    seam: Seam
    events: list[Event]


class Resumption:
    """What one call has said so far, and the way to go on with it."""

    __slots__ = ("_attempt", "_is_used", "_run", "transcript")

    def __init__(self, run: Run, attempt: Try) -> None:
        self._run = run
        self._attempt = attempt
        self._is_used = False
        self.transcript = Transcript(run.call)

    def __repr__(self) -> str:
        return f"<Resumption {self.transcript!r} used={self._is_used}>"

    async def after(self, broken: Attempt, target: Target, error: ProviderError) -> Resumed | None:
        """Return the stream that goes on where `broken` ended, None if there can be none."""
        if self._is_used or not self.transcript.continuable or not error.verdict.fallback:
            return None
        self._is_used = True
        self._run.candidates.rule_out(target, error)
        while not self._run.is_exhausted and (choice := self._continues()) is not None:
            resumed = await self._at(choice)
            if resumed is not None:
                self._run.history.continued(broken, error, choice.target)
                return resumed
        return None

    def _continues(self) -> Choice | None:
        return self._run.best(Role.CONTINUATION)

    async def _at(self, choice: Choice) -> Resumed | None:
        """Try one target, and once more from the start if it refuses to go on."""
        transcript, call = self.transcript, self._run.call
        try:
            return await self._joined(choice, transcript.prefilled(call), restarted=False)
        except ProviderError as error:
            self._run.history.moved(choice.target)
            refused = error.failure_class is FailureClass.BAD_REQUEST
        if not refused or (again := self._run.again(choice)) is None:
            return None
        try:
            return await self._joined(again, transcript.restarted(call), restarted=True)
        except ProviderError:
            self._run.history.moved(None)
            return None

    async def _joined(self, choice: Choice, call: Call, *, restarted: bool) -> Resumed | None:
        limit = choice.target.limit_for(call)
        call = replace(call, deadline=self._run.now() + limit)
        opened = await self._attempt(self._run, choice, call)
        seam = Seam(self.transcript, restarted=restarted)
        events: list[Event] = []
        try:
            for event in opened.events:
                events += seam.take(event)
        except SeamError:
            await opened.trial.discard(opened, "it says something else than was said before")
            return None
        opened.trial.committed(opened)
        return Resumed(opened, seam, events)
