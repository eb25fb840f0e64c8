"""The task that checks the providers of a gateway, and keeps what was found last.

Theory of operation. A check is `Router.check`: the operator's `hooks.health`, or `GET /v1/models`
within five seconds; `elizanet check` asks the same. What it says of the host is evidence for the
breaker of the host, weak enough that it opens and closes nothing alone (`policy/breaker.py`). A
change is told once, as `HealthChanged` with `what="check"`: everybody counts as healthy until
found otherwise, so the first check of a healthy provider is no news.

There is one task; the checks that are due together run in it side by side. What was asked of
settings that have been replaced meanwhile says nothing, and is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec

from elizanet.limit import caller_cancelled
from elizanet.monitor.schedule import Schedule
from elizanet.redact import excerpt
from elizanet.router import ProviderHealth, Router
from elizanet.telemetry import HealthChanged


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the latest check of a provider has found.

    `state` is "healthy", "unhealthy", or "reachable": it answers, but has no list of models for
    us, so that nothing is known beyond that. `at` is when it was asked, `since` when it was
    first found in this state (seconds since 1970), `seconds` how long it took.
    """

    provider: str
    healthy: bool
    state: str
    reason: str
    seconds: float
    at: float
    since: float


class Monitor:
    """Checks every provider of `router()`, the router in force, each `health.interval` seconds.

    Start it and close it, or use it as a context manager. `reloaded` says that `router()` is
    another one, whose providers and interval hold from then on. `chance` feeds the jitter,
    `wall` is the clock of the results.
    """

    def __init__(
        self,
        router: Callable[[], Router],
        *,
        chance: random.Random | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._router = router
        self._schedule = Schedule(chance or random.Random())  # noqa: S311 -- jitter, no secret
        self._wall = wall
        self._results: dict[str, CheckResult] = {}
        self._reloaded = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        running = "running" if self._task is not None else "not running"
        states = ", ".join(f"{name} {result.state}" for name, result in self._results.items())
        return f"<Monitor {running} {states or 'nothing found yet'}>"

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def start(self) -> None:
        """Begin to check, in a task of its own."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        """End the task and the checks under way. May be repeated."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    def reloaded(self) -> None:
        """Look at the settings of `router()` again."""
        self._reloaded.set()

    def results(self) -> dict[str, CheckResult]:
        """Return what was found last, by provider, in the order of the settings.

        Whoever was not checked yet is missing.
        """
        found = self._results
        return {name: found[name] for name in self._router().in_use if name in found}

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            self._reloaded.clear()
            router = self._router()
            interval = router.settings.health.interval
            names = router.in_use if interval else []
            self._schedule.plan(names, interval, clock())
            self._results = {n: self._results[n] for n in names if n in self._results}
            async with asyncio.TaskGroup() as checks:
                for name in self._schedule.due(interval, clock()):
                    checks.create_task(self._check(router, name))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._schedule.next):
                    await self._reloaded.wait()

    async def _check(self, router: Router, name: str) -> None:
        at = self._wall()
        try:
            found = await router.check(name)
        except asyncio.CancelledError as error:
            if caller_cancelled():
                raise
            found = _broken(error)
        except Exception as error:  # noqa: BLE001 -- a task's boundary: recorded as the result
            found = _broken(error)
        if router is self._router():
            self._learn(router, name, found, at)

    def _learn(self, router: Router, name: str, found: ProviderHealth, at: float) -> None:
        before = self._results.get(name)
        stays = before is not None and before.state == found.state
        self._results[name] = CheckResult(
            provider=name,
            healthy=found.healthy,
            state=found.state,
            reason=found.reason,
            seconds=found.seconds,
            at=at,
            since=before.since if before is not None and stays else at,
        )
        if found.state != ("healthy" if before is None else before.state):
            router.emit(HealthChanged(name, "check", found.state, found.reason))


def _broken(error: BaseException) -> ProviderHealth:
    """Return what is found by a check that did not come to its end."""
    reason = excerpt(f"the check itself failed: {type(error).__name__}: {error}", 500)
    return ProviderHealth(False, reason, 0.0)
