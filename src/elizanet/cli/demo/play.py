"""Plays a scenario: two providers on real sockets, and the library between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from elizanet.call import Attempt
from elizanet.cli.attempts import AttemptLog
from elizanet.cli.demo.scenario import Performance, Scenario
from elizanet.errors import CallFailed, ElizanetError, FailureClass
from elizanet.library import Elizanet
from elizanet.settings import (
    ProviderSettings,
    RouteSettings,
    Settings,
    TargetSettings,
    Timeouts,
)
from elizanet.testing import Upstream

LONGEST_S: Final = 8.0
"""Seconds after which a scenario that does not end is stopped."""

Watch = Callable[[tuple[Attempt, ...], str], None]
"""Is told the attempts and the answer so far, whenever one of them grows."""


async def play(scenario: Scenario, watch: Watch) -> Performance:
    """Play a scenario and return what came of it.

    Settings come from the scenario alone: no file and no variable of the user's.
    """
    async with (
        Upstream("primary", scenario.primary) as primary,
        Upstream("backup", scenario.backup) as backup,
    ):
        answer = ""
        log = AttemptLog(lambda: watch(log.attempts, answer))
        error: ElizanetError | None = None
        late = False
        began = asyncio.get_running_loop().time()
        async with Elizanet(settings_for(scenario, primary, backup), sinks=(log,)) as net:
            try:
                async with asyncio.timeout(LONGEST_S):
                    async for piece in scenario.ask(net):
                        answer += piece
                        watch(log.attempts, answer)
            except ElizanetError as raised:
                error = raised
            except TimeoutError:
                late = True
        return Performance(
            attempts=log.attempts,
            answer=answer,
            seconds=asyncio.get_running_loop().time() - began,
            received={upstream.name: len(upstream.requests) for upstream in (primary, backup)},
            error=_class_of(error),
            message="" if error is None else str(error),
            late=late,
        )


def settings_for(scenario: Scenario, primary: Upstream, backup: Upstream) -> Settings:
    """Return the settings of a scenario: any model, first at `primary`, then at `backup`."""
    patience = {"attempt": scenario.patience, "first_event": scenario.patience}
    return Settings(
        providers={
            "primary": ProviderSettings("primary", primary.base_url, timeouts=patience),
            "backup": ProviderSettings("backup", backup.base_url),
        },
        routes=(
            RouteSettings("*", (TargetSettings("primary", "*"), TargetSettings("backup", "*"))),
        ),
        timeouts=Timeouts(total=6.0, connect=1.0),
        fallback_enabled=scenario.fallback_enabled,
        embedding_on_failure="raise",
    )


def _class_of(error: ElizanetError | None) -> FailureClass | None:
    if error is None:
        return None
    return error.failure_class if isinstance(error, CallFailed) else FailureClass.BAD_REQUEST
