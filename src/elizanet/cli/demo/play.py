"""Plays a scenario: two providers on real sockets, and the library between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from elizanet.call import Attempt
from elizanet.cli.attempts import AttemptLog
from elizanet.cli.demo.scenario import Got, Performance, Scenario
from elizanet.errors import AllTargetsFailed, CallFailed, ElizanetError, FailureClass, ProviderError
from elizanet.library import Elizanet
from elizanet.settings import (
    Price,
    ProviderSettings,
    RouteSettings,
    Secret,
    Settings,
    TargetSettings,
    Timeouts,
)
from elizanet.telemetry import Sink, TelemetryEvent
from elizanet.testing import Upstream

LONGEST_S: Final = 8.0
"""Seconds after which a scenario that does not end is stopped."""
ROUTES: Final = (
    RouteSettings(
        "*",
        (
            TargetSettings("primary", "*", price=Price(input=2.5, output=10.0)),
            TargetSettings("backup", "*", price=Price(input=3.0, output=15.0)),
        ),
    ),
)
"""Any model, first at the primary, then at the backup, which costs more."""

Watch = Callable[[tuple[Attempt, ...], str], None]
"""Is told the attempts and the answer of the call under way, whenever one of them grows."""


async def play(scenario: Scenario, watch: Watch, *sinks: Sink) -> Performance:
    """Play a scenario and return what came of it; `sinks` are told of it, too.

    Settings come from the scenario alone: no file and no variable of the user's.
    """
    signature = "primary" if scenario.same_words else "backup"
    async with (
        Upstream("primary", scenario.primary) as primary,
        Upstream(signature, scenario.backup) as backup,
    ):
        player = _Player(scenario, watch)
        late = False
        settings = settings_for(scenario, primary, backup)
        async with Elizanet(settings, sinks=(player.hear, *sinks)) as net:
            try:
                async with asyncio.timeout(LONGEST_S):
                    for _ in scenario.calls:
                        await player.ask(net)
            except TimeoutError:
                late = True
        received = {"primary": len(primary.requests), "backup": len(backup.requests)}
        return Performance(tuple(player.calls), received, late)


class _Player:
    """Makes the calls of a scenario, and keeps what comes of each."""

    def __init__(self, scenario: Scenario, watch: Watch) -> None:
        self._scenario = scenario
        self._watch = watch
        self._log = AttemptLog()
        self._answer = ""
        self.calls: list[Got] = []

    def __repr__(self) -> str:
        return f"<_Player of {self._scenario.name!r}, {len(self.calls)} calls made>"

    def hear(self, event: TelemetryEvent) -> None:
        """Take an event of the call under way."""
        self._log(event)

    async def ask(self, net: Elizanet) -> None:
        """Make one call; what is raised on purpose is what came of it."""
        self._log, self._answer = AttemptLog(self._show), ""
        error: ElizanetError | None = None
        began = asyncio.get_running_loop().time()
        try:
            async for piece in self._scenario.ask(net):
                self._answer += piece
                self._show()
        except ElizanetError as raised:
            error = raised
        finally:
            seconds = asyncio.get_running_loop().time() - began
            self.calls.append(_got(self._log, self._answer, error, seconds))

    def _show(self) -> None:
        self._watch(self._log.attempts, self._answer)


def _got(log: AttemptLog, answer: str, error: ElizanetError | None, seconds: float) -> Got:
    got = Got(log.attempts, answer, seconds=seconds, id=log.call_id)
    if error is None:
        return got
    failure, delay = _class_of(error), _delay_in(error)
    return replace(got, error=failure, message=str(error), retry_after=delay)


def _class_of(error: ElizanetError) -> FailureClass:
    return error.failure_class if isinstance(error, CallFailed) else FailureClass.BAD_REQUEST


def _delay_in(error: ElizanetError) -> float | None:
    if isinstance(error, ProviderError):
        return error.verdict.retry_after_s
    return error.retry_after_s if isinstance(error, AllTargetsFailed) else None


def settings_for(scenario: Scenario, primary: Upstream, backup: Upstream) -> Settings:
    """Return the settings of a scenario: any model, first at `primary`, then at `backup`."""
    patience = {"attempt": scenario.patience, "first_event": scenario.patience}
    keys = tuple(map(Secret, scenario.keys))
    return Settings(
        providers={
            "primary": ProviderSettings("primary", primary.base_url, keys, timeouts=patience),
            "backup": ProviderSettings("backup", backup.base_url),
        },
        routes=ROUTES,
        timeouts=Timeouts(total=6.0, connect=1.0),
        hedge=scenario.hedge,
        stream=scenario.stream,
        fallback_enabled=scenario.fallback_enabled,
        database="none",  # the demo is recorded as a whole
        embedding_on_failure="raise",
    )
