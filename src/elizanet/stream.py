"""From an answer that may still fail to one that is committed, and the watch after that.

OPENING -> PREAMBLE -> COMMITTED -> DONE | BROKEN. Until the first content event nothing has
reached the caller: what came is buffered, and another target can still take over unseen.
From then on the answer belongs to its target, and only silence is measured.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Self, TypeVar

from elizanet.call import Answer, BodyKind, Event, EventKind, Head
from elizanet.classify import verdict_for
from elizanet.continuation import Seam, SeamError
from elizanet.errors import FailureClass, ProviderError
from elizanet.limit import Cut, LimitReached, Patience, caller_cancelled, cut_short
from elizanet.pushing import Take, push
from elizanet.redact import excerpt
from elizanet.telemetry import Outcome
from elizanet.usage import UsageMeter

if TYPE_CHECKING:
    from elizanet.resume import Resumption
    from elizanet.run import Run
    from elizanet.trial import Opened

MAX_PREAMBLE_BYTES: Final = 4 << 20
"""Bytes an answer may send before its first content (4 MiB): some repeat the whole prompt."""

KEEP_ALIVE_STALLS: Final = 3
"""A stream that sends keep-alives only is given this many times its stall limit."""

T = TypeVar("T")


async def until_content(answer: Answer, progressed: Callable[[], None]) -> deque[Event]:
    """Return the events up to the first content, or the whole answer if it has none.

    `progressed` is told each step of a whole answer that is being put together. Raises
    `ProviderError`, also for a preamble without end.
    """
    events: deque[Event] = deque()
    size = 0
    while (event := await answer.next()) is not None:
        if event.kind is EventKind.PROGRESS:
            progressed()
            continue
        events.append(event)
        if event.kind is EventKind.CONTENT:
            break
        size += len(event.raw)
        if size > MAX_PREAMBLE_BYTES:
            raise ProviderError(
                f"more than {MAX_PREAMBLE_BYTES} bytes before the first content",
                verdict_for(FailureClass.MALFORMED_RESPONSE),
            )
    return events


class CommittedAnswer:
    """The answer a caller receives: buffered events first, then the live ones, watched.

    Silence longer than the target's stall limit, while the caller waits for the next event,
    breaks it. The permit of the attempt is held until the end. With a `resumption` a break is
    followed by another target's events where that is possible.
    """

    __slots__ = (
        "_answer",
        "_attempt",
        "_buffered",
        "_captured",
        "_history",
        "_longest_wait",
        "_loop",
        "_meter",
        "_patience",
        "_permit",
        "_request",
        "_resumption",
        "_seam",
        "_since",
        "_stall",
        "_target",
        "_waited",
        "attempts",
        "head",
    )

    def __init__(self, opened: Opened, run: Run, resumption: Resumption | None = None) -> None:
        self.head: Head = opened.answer.head
        self._buffered = opened.events
        self._history = run.history
        self._captured = run.history.captured
        self._resumption = resumption
        self._seam: Seam | None = None
        self._loop = run.loop
        self._patience: Patience | None = None  # made for the first wait: most answers have none
        self._since = 0.0  # when the wait for the next event began
        self._request = run.call.body if run.call.form is None else b""
        self._meter: UsageMeter | None = None
        self._follow(opened)

    def __repr__(self) -> str:
        head = self.head
        return f"<CommittedAnswer {head.provider}/{head.model} {head.status}>"

    @property
    def fallback(self) -> FailureClass | None:
        """The failure class of the first choice, if another one has answered."""
        return self._history.fallback

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._release(cut_short(exc_info[1]))

    async def next(self) -> Event | None:
        """Return the next event or None at the end. Raises `ProviderError` if it breaks."""
        event = self._buffered.popleft() if self._buffered else await self._live()
        if event is not None:
            self._keep(event)
        return event

    async def push(self, take: Take) -> None:
        """Give `take` each event as it arrives, as `PushingAnswer` has it.

        Raises `ProviderError` for silence.
        """
        if self._buffered or self._seam is not None:
            return
        patience = self._expect()
        keeps = self._resumption is not None or self._captured is not None

        def received(event: Event) -> bool:
            if patience.interrupted:  # it is too late
                return False
            self._heard(event)
            patience.until(self._since + self._longest_wait)
            if keeps:
                self._keep(event)
            return take(event)

        try:
            await self._watched(push(self._answer, received))
        except ProviderError as error:
            await self._broke(error)

    async def read(self) -> bytes:
        """Return the rest of the body in one piece. Raises `ProviderError` if it breaks."""
        pieces = []
        while (event := await self.next()) is not None:
            pieces.append(event.raw)
        return b"".join(pieces)

    async def aclose(self) -> None:
        """Release the upstream connection. May be repeated."""
        await self._release()

    async def _release(self, cut: Cut | None = None) -> None:
        """Release the upstream connection; `cut` says why before the end of the answer."""
        whole = self.head.body is BodyKind.WHOLE and not self._buffered
        self._buffered.clear()
        if cut is not None and not whole:
            self._history.cut_off(self._attempt, cut)
            self._end(Outcome.BROKEN)
        self._end(Outcome.ANSWERED if whole else Outcome.LEFT)
        await self._answer.aclose()

    def _end(self, outcome: Outcome) -> None:
        """Say once how the answer ended, and give back what it holds."""
        if self._patience is not None:
            self._patience.close()
        self._account()
        self._permit.close()
        self._history.ended(outcome, self._loop.time())

    def _account(self) -> None:
        """Count the tokens of the attempt that ends here."""
        if self._meter is not None:
            usage, self._meter = self._meter.usage(self._request), None
            if usage is not None:
                self._permit.used(usage.total_tokens, self._loop.time())
                self._history.used(self._attempt.number, usage)

    def _follow(self, opened: Opened) -> None:
        """Take the rest from this answer."""
        choice = opened.trial.choice
        self._answer = opened.answer
        self._permit = choice.permit
        self._target = choice.target
        self._stall = choice.target.limits.stall
        self._longest_wait = self._stall
        self._waited = 0.0  # seconds spent waiting since the last event that was no keep-alive
        self.attempts = self._history.attempts
        self._attempt = self._history.attempt(opened.trial.number)
        self._meter = opened.trial.meter(opened)

    async def _live(self) -> Event | None:
        """Return the next event from upstream, or from elsewhere if that breaks."""
        while True:
            try:
                self._expect()
                event = await self._watched(self._answer.next())
                if event is not None:
                    self._heard(event)
                if self._seam is None:
                    break
                self._buffered.extend(self._joined(self._seam, event))
                if event is None:
                    self._seam = None
                if self._buffered:
                    return self._buffered.popleft()
                if event is None:
                    break
            except ProviderError as error:
                await self._broke(error)
                if self._buffered:
                    return self._buffered.popleft()
        if event is None:
            self._end(Outcome.ANSWERED)
        return event

    def _expect(self) -> Patience:
        """Wait for the next event from now on; return what ends the wait."""
        if self._patience is None:
            self._patience = Patience(self._loop)
        self._since = self._loop.time()
        self._patience.until(self._since + self._longest_wait)
        return self._patience

    def _heard(self, event: Event) -> None:
        """Count an event that has arrived; the wait for the next one begins."""
        if self._meter is not None:
            self._meter.take(event)
        now = self._loop.time()
        if event.kind is EventKind.PREAMBLE:
            self._waited += now - self._since
            self._longest_wait = min(self._stall, KEEP_ALIVE_STALLS * self._stall - self._waited)
        elif self._waited:
            self._waited, self._longest_wait = 0.0, self._stall
        self._since = now

    def _keep(self, event: Event) -> None:
        """Keep what the caller gets, for those who want to have it."""
        if self._resumption is not None:
            self._resumption.transcript.take(event)
        if self._captured is not None:
            self._captured.take(event)

    async def _watched(self, upstream: Awaitable[T]) -> T:
        """Return what comes from upstream. Raises `ProviderError`, also for silence."""
        try:
            with self._patience or self._expect():
                return await upstream
        except LimitReached:
            silent = self._waited + self._longest_wait
            raise ProviderError(
                f"the stream was silent for {silent:g} s",
                verdict_for(FailureClass.STREAM_INTERRUPTED),
            ) from None
        except ProviderError:
            raise
        except asyncio.CancelledError as raised:
            if caller_cancelled():
                raise
            raise _foreign(raised) from raised
        except Exception as raised:  # the provider boundary: becomes typed
            raise _foreign(raised) from raised

    def _joined(self, seam: Seam, event: Event | None) -> list[Event]:
        """Return what the caller gets of a continuation. Raises `ProviderError`."""
        try:
            return seam.finish() if event is None else seam.take(event)
        except SeamError as error:
            verdict = verdict_for(FailureClass.STREAM_INTERRUPTED)
            raise ProviderError(f"the answer could not be continued: {error}", verdict) from error

    async def _broke(self, error: ProviderError) -> None:
        """Go on elsewhere after a break, or raise it."""
        if self._patience is not None:
            self._patience.close()
        self._account()
        self._permit.broke(error, self._loop.time())
        self._permit.close()
        await self._answer.aclose()
        broken = self._attempt
        error.provider, error.model = broken.provider, broken.model
        if self._resumption is not None:
            resumed = await self._resumption.after(broken, self._target, error)
            if resumed is not None:
                self._follow(resumed.opened)
                self._seam = resumed.seam
                self._buffered.extend(resumed.events)
                return
        self._history.broke(broken, error)
        error.attempts = self._history.attempts
        self._end(Outcome.BROKEN)
        raise error


def _foreign(raised: BaseException) -> ProviderError:
    """Return what a provider that is not ours raised inside a stream as a break of it."""
    message = excerpt(f"{type(raised).__name__}: {raised}", 500)
    return ProviderError(message, verdict_for(FailureClass.STREAM_INTERRUPTED))
