"""A stream that stays silent: what is done about it while it is still awaited.

The first trial runs in the caller's task. When it is overdue that counts against its target;
if another target is ready, and the budget of the silent target's host pays for it, a second
trial starts beside it, in a task that belongs to the race and has ended when `winner` returns.
Whoever has content first ends the other; if one fails, the other is waited for. If the target
is found down meanwhile, the first trial leaves it for the next one (rescue).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from elizanet.call import Call
from elizanet.errors import ProviderError, forget_frames
from elizanet.limit import cut_short
from elizanet.plan import Choice
from elizanet.run import Run
from elizanet.telemetry import LEFT, OUTRUN
from elizanet.trial import Ending, Opened, Trial

CLOSING_S: Final = 0.1
"""Seconds a loser is given to close; one that takes longer is left to end by itself."""

_stragglers: set[asyncio.Task[Opened]] = set()
_closings: set[asyncio.Task[None]] = set()


class Race:
    """`first` runs in the current task; `second` makes the trial that may run beside it."""

    __slots__ = ("_first", "_make", "_run", "_second", "_task")

    def __init__(self, run: Run, first: Trial, second: Callable[[Run, Choice], Trial]) -> None:
        self._run = run
        self._first = first
        self._make = second
        self._second: Trial | None = None
        self._task: asyncio.Task[Opened] | None = None

    def __repr__(self) -> str:
        return f"<Race {self._first!r} against {self._second!r}>"

    def suspect(self) -> None:
        """Count the overdue trial against its target, while there is somewhere else to go."""
        if self._run.has_another():
            self._first.choice.permit.overdue(self._run.now())

    def hedge(self) -> None:
        """Start a second trial, if that is possible and paid for."""
        run, first = self._run, self._first
        if self._task is not None or not may_run_twice(run.call):
            return
        choice = run.best_paid(first.choice.lane)
        if choice is None:
            return
        run.history.hedged(first.choice.target, choice.target, run.now() - first.started)
        self._second = self._make(run, choice)
        self._task = run.loop.create_task(self._second.opened())
        self._task.add_done_callback(self._second_ended)

    def suspect_and_hedge(self) -> None:
        """Do both: the usual case, in which they are due at the same time."""
        self.suspect()
        self.hedge()

    def rescue(self) -> None:
        """Leave a target that was found down, if there is another one."""
        if self._task is None and self._run.reserve():
            self._first.end(Ending.RESCUE)

    async def winner(self) -> Opened:
        """Return the first answer with content. Raises the `ProviderError` that decides.

        The other trial has ended then, and so have both if this is cancelled.
        """
        opened: Opened | None = None
        reason: str = OUTRUN
        try:
            opened = await self._first_content()
        except asyncio.CancelledError as raised:
            reason = cut_short(raised) or LEFT
            raise
        finally:
            await self._end(opened, reason)
        return opened

    async def _first_content(self) -> Opened:
        try:
            return await self._first.opened()
        except ProviderError as error:
            if self._task is None:
                raise
            try:
                opened = await self._task
            except ProviderError as second:
                raise (error if second.verdict.fallback else second) from second
            forget_frames(error)
            return opened

    async def _end(self, opened: Opened | None, reason: str) -> None:
        """End the second trial, unless its is the answer; if that is cancelled, give both up."""
        task, trial = self._task, self._second
        if task is None or trial is None or (opened is not None and opened.trial is trial):
            return
        task.cancel()
        try:
            if not task.done():
                await asyncio.wait({task}, timeout=CLOSING_S)
            if task.done() and not task.cancelled() and task.exception() is None:
                await trial.discard(task.result(), reason)
        except asyncio.CancelledError as raised:
            if opened is not None:
                await opened.trial.discard(opened, cut_short(raised) or LEFT)
            raise
        finally:
            if not task.done():
                _abandon(task, trial, reason)
        if not task.done() or task.cancelled():
            trial.dropped(reason)

    def _second_ended(self, task: asyncio.Task[Opened]) -> None:
        if task.cancelled():
            if self._second is not None:
                self._second.choice.permit.close()  # it may have been cancelled before it began
        elif task.exception() is None:
            self._first.end(Ending.OUTRUN)
        else:
            self._run.history.moved(self._first.choice.target)  # which is still awaited


def _abandon(task: asyncio.Task[Opened], trial: Trial, reason: str) -> None:
    """Let a trial that does not end at once end by itself, and close what it may bring yet."""

    def close(ended: asyncio.Task[Opened]) -> None:
        _stragglers.discard(ended)
        if not ended.cancelled() and ended.exception() is None:
            closing = ended.get_loop().create_task(trial.discard(ended.result(), reason))
            _closings.add(closing)
            closing.add_done_callback(_closings.discard)

    _stragglers.add(task)
    task.add_done_callback(close)


class _Fields(msgspec.Struct):
    tools: list[dict[str, object]] | None = None
    store: bool | None = None
    previous_response_id: object = None
    conversation: object = None
    background: bool | None = None


_decode = msgspec.json.Decoder(_Fields).decode
_OUR_SIDE: Final = frozenset({"function", "custom"})
"""The kinds of tool that the caller runs, not the provider."""


def may_run_twice(call: Call) -> bool:
    """Tell whether two providers may work on the call at once.

    Not if it lets a provider act (its own tools) or makes it keep something.
    """
    try:
        fields = _decode(call.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    kept_unless_told = call.operation == "responses"
    if fields.store if fields.store is not None else kept_unless_told:
        return False
    if fields.previous_response_id or fields.conversation or fields.background:
        return False
    return all(tool.get("type") in _OUR_SIDE for tool in fields.tools or ())
