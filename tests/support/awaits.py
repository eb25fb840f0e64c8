"""Every await of a program, one after the other: what happens if exactly this one goes wrong?

`Awaits` counts how often tasks are suspended while it watches, and lets one thing happen at the
n-th time. A loop over n, until a run ends before its n-th await, covers all of them (the method
of SQLite's anomaly tests).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from enum import Enum
from types import TracebackType
from typing import Any, Self

from elizanet.testing import simulation

PROVIDERS = simulation.__path__[0]


class InjectedError(Exception):
    """Raised by an await that was chosen to fail."""


class Anomaly(Enum):
    """What happens at the chosen await."""

    CANCEL = "cancel"
    """The caller goes away: the watched task is cancelled."""
    RAISE = "raise"
    """A provider raises what nobody expects."""
    HANG = "hang"
    """What a provider waits for never comes."""


class Awaits:
    """Watches the tasks that begin inside it, except for the n-th await of which it is quiet.

    `RAISE` and `HANG` count only awaits of providers, `CANCEL` those of all tasks; `caller` is
    the task that is then cancelled. `done` says whether the anomaly has happened.
    """

    def __init__(self, anomaly: Anomaly, at: int) -> None:
        self.caller: asyncio.Task[Any] | None = None
        self.done = False
        self._anomaly = anomaly
        self._at = at
        self._count = 0
        self._loop = asyncio.get_running_loop()
        self._factory = self._loop.get_task_factory()

    def __enter__(self) -> Self:
        self._loop.set_task_factory(self._watched)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.set_task_factory(self._factory)

    def suspended(self, coroutine: Coroutine[Any, Any, Any]) -> Anomaly | None:
        """Count an await; returns what is to happen at it."""
        everywhere = self._anomaly is Anomaly.CANCEL
        if self.done or not (everywhere or is_in_provider(coroutine)):
            return None
        self._count += 1
        if self._count < self._at:
            return None
        self.done = True
        if everywhere and self.caller is not None:
            self.caller.cancel()
        return self._anomaly

    def _watched(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> asyncio.Task[Any]:
        return asyncio.Task(_Watched(coroutine, self.suspended), loop=loop, **options)


class _Watched(Coroutine[Any, Any, Any]):
    """A coroutine whose suspensions are counted."""

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        suspended: Callable[[Coroutine[Any, Any, Any]], Anomaly | None],
    ) -> None:
        self._coroutine = coroutine
        self._suspended = suspended
        self._fails = False

    def send(self, value: Any) -> Any:
        if self._fails:
            self._fails = False
            return self._looked_at(self._coroutine.throw(InjectedError("at this await")))
        return self._looked_at(self._coroutine.send(value))

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
    ) -> Any:
        self._fails = False
        error = kind if isinstance(kind, BaseException) else kind()
        return self._looked_at(self._coroutine.throw(error))

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

    def _looked_at(self, awaited: Any) -> Any:
        match self._suspended(self._coroutine):
            case Anomaly.RAISE:
                self._fails = True
            case Anomaly.HANG:
                never = asyncio.get_running_loop().create_future()
                never._asyncio_future_blocking = True
                return never
        return awaited


def is_in_provider(coroutine: Any) -> bool:
    """Tell whether what a coroutine waits for is awaited by a simulated provider."""
    while coroutine is not None and hasattr(coroutine, "cr_await"):
        if coroutine.cr_code.co_filename.endswith(("server.py", "answer.py", "capacity.py")):
            return bool(coroutine.cr_code.co_filename.startswith(PROVIDERS))
        coroutine = coroutine.cr_await
    return False
