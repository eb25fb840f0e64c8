"""A late second attempt: two trials of one call, of which the first content wins.

The first trial runs in the caller's task. Only when it is overdue, and another target is ready,
and the budget of that target's host pays for it, a task is made for a second one. Whoever has
content first ends the other; if one fails, the other is waited for. The task belongs to the
race and has ended when `aclose` returns.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from elizanet.call import Call
from elizanet.errors import ProviderError
from elizanet.trial import Ending, Opened, Trial

CLOSING_S: Final = 0.1
"""Seconds a loser is given to close; one that takes longer is left to end by itself."""

_stragglers: set[asyncio.Task[Opened]] = set()


class Race:
    """`first` runs in the current task; `join` adds the second trial."""

    __slots__ = ("_first", "_task", "second")

    def __init__(self, first: Trial) -> None:
        self._first = first
        self._task: asyncio.Task[Opened] | None = None
        self.second: Trial | None = None

    def __repr__(self) -> str:
        return f"<Race {self._first!r} against {self.second!r}>"

    @property
    def is_on(self) -> bool:
        """Whether a second attempt has started."""
        return self._task is not None

    def join(self, second: Trial) -> None:
        """Start the second attempt."""
        self.second = second
        self._task = asyncio.get_running_loop().create_task(second.opened())
        self._task.add_done_callback(self._second_ended)

    async def winner(self) -> Opened:
        """Return the first answer with content. Raises the `ProviderError` that decides."""
        try:
            return await self._first.opened()
        except ProviderError as error:
            if self._task is None:
                raise
            try:
                opened = await self._task
            except ProviderError as second:
                raise (error if second.verdict.fallback else second) from second
            self._task = None
            return opened

    async def aclose(self) -> None:
        """End a second attempt that nobody wants any more."""
        if self._task is not None:
            await self._end_second()

    def _second_ended(self, task: asyncio.Task[Opened]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._first.end(Ending.OUTRUN)

    async def _end_second(self) -> None:
        task, trial = self._task, self.second
        if task is None or trial is None:
            return
        task.cancel()
        if not task.done():
            await asyncio.wait({task}, timeout=CLOSING_S)
        if not task.done():
            _stragglers.add(task)
            task.add_done_callback(_stragglers.discard)
        if not task.done() or task.cancelled():
            if task.done():
                trial.choice.permit.close()  # it may have been cancelled before it began
            trial.outrun()
        elif task.exception() is None:
            await trial.discard(task.result())


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
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    kept_unless_told = call.operation == "responses"
    if fields.store if fields.store is not None else kept_unless_told:
        return False
    if fields.previous_response_id or fields.conversation or fields.background:
        return False
    return all(tool.get("type") in _OUR_SIDE for tool in fields.tools or ())
