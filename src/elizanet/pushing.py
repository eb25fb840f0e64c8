"""Answers whose events need not be asked for one by one.

`next` wakes the task that waits for it, for each event anew. An answer that pushes hands an event
on while it is being received, so that a long stream passes without a turn of the event loop for
every one. The task waits meanwhile, and goes on with `next` when there is something to decide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from elizanet.call import Answer, Event

Take = Callable[[Event], bool]
"""Takes an event, and raises nothing; false if `next` shall bring those that follow."""


@runtime_checkable
class PushingAnswer(Protocol):
    """What an `Answer` has if it can push."""

    async def push(self, take: Take) -> None:
        """Give `take` each event as it arrives, until it returns false; `next` goes on.

        Returns as well when the answer ends or breaks, and at once where something waits for
        `next` already.
        """
        ...


async def push(answer: Answer, take: Take) -> None:
    """Let the answer push, if it can; return at once if not."""
    if isinstance(answer, PushingAnswer):
        await answer.push(take)
