"""A provider that does what its script says, without a network."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from elizanet.call import Answer, BodyKind, Call, Event, EventKind, Head
from elizanet.classify import verdict_for
from elizanet.errors import FailureClass, ProviderError


@dataclass(frozen=True, slots=True)
class Failing:
    """A failure of that class, as a provider of ours would report it."""

    failure: FailureClass | str
    status: int | None = None
    retry_after_s: float | None = None
    retry: bool | None = None
    delay: float = 0.0

    def error(self) -> ProviderError:
        """Return a fresh error."""
        failure = FailureClass(self.failure)
        verdict = verdict_for(failure, retry_after_s=self.retry_after_s, retry=self.retry)
        return ProviderError(f"scripted {failure}", verdict, status=self.status)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to give: its content events, after `delay` seconds and `pause` between them.

    `preamble` events without content come first. `then` breaks the answer at its end, and
    `hang` leaves it without one.
    """

    pieces: tuple[str, ...] = ("ok",)
    delay: float = 0.0
    pause: float = 0.0
    preamble: int = 0
    then: Failing | None = None
    hang: bool = False


Step = Reply | Failing | BaseException


@dataclass
class ScriptedProvider:
    """Plays its steps in order, and then the last one for ever.

    `calls` keeps every call it was sent, `open_answers` how many answers are not closed.
    """

    name: str
    steps: Iterable[Step] = (Reply(),)
    calls: list[Call] = field(default_factory=list)
    open_answers: int = 0

    def __post_init__(self) -> None:
        self._steps = deque(self.steps)

    async def send(self, call: Call) -> Answer:
        """Play the next step."""
        self.calls.append(call)
        step = self._steps.popleft() if len(self._steps) > 1 else self._steps[0]
        if isinstance(step, BaseException):
            raise step
        await asyncio.sleep(step.delay)
        if isinstance(step, Failing):
            raise step.error()
        self.open_answers += 1
        body = BodyKind.EVENTS if call.stream else BodyKind.WHOLE
        return _ScriptedAnswer(self, Head(200, (), self.name, call.model, body), step)


class _ScriptedAnswer:
    def __init__(self, provider: ScriptedProvider, head: Head, reply: Reply) -> None:
        self.head = head
        self._provider = provider
        self._reply = reply
        kinds = [EventKind.PREAMBLE] * reply.preamble + [EventKind.CONTENT] * len(reply.pieces)
        texts = ("",) * reply.preamble + reply.pieces
        self._events = deque(
            Event(text.encode(), text.encode(), kind)
            for text, kind in zip(texts, kinds, strict=True)
        )
        self._open = True

    async def next(self) -> Event | None:
        if self._reply.pause:
            await asyncio.sleep(self._reply.pause)
        if self._events:
            return self._events.popleft()
        if self._reply.hang:
            await asyncio.Event().wait()
        if self._reply.then is not None:
            raise self._reply.then.error()
        return None

    async def aclose(self) -> None:
        if self._open:
            self._open = False
            self._provider.open_answers -= 1
