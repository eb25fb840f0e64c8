"""What watches a gateway for as long as its process lives: metrics, records, health checks.

It outlives every change of the settings, and is told of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from elizanet.gateway.archive import Archive
from elizanet.gateway.turned_away import TurnedAway
from elizanet.metrics import Metrics
from elizanet.monitor import Monitor
from elizanet.records.opening import open_reader, open_recorder
from elizanet.router import Router
from elizanet.settings import Settings
from elizanet.telemetry import Sink


class Observation:
    """Counts, records and checks. Start it, and close it; `sinks` are told what happens.

    `router()` is the one in force, `others` are more sinks. `recorder` and `archive` are None
    where records are off; `metrics`, `monitor` and these belong to it. `turned_away` is told of
    requests that are no calls. `are_settings_current` is False while older ones are in force
    because the newest are wrong. Raises `RecordsError` for a database that cannot be meant.
    """

    def __init__(
        self, settings: Settings, router: Callable[[], Router], others: tuple[Sink, ...] = ()
    ) -> None:
        self.metrics = Metrics()
        self.turned_away = TurnedAway(self.metrics)
        self.are_settings_current = True
        self.monitor = Monitor(router)
        self.recorder = open_recorder(settings)
        self.archive = None
        self.sinks: tuple[Sink, ...] = (*others, self.metrics)
        if self.recorder is not None:
            self.archive = Archive(partial(open_reader, settings.database))
            self.sinks += (self.recorder,)

    def __repr__(self) -> str:
        return f"<Observation {self.metrics!r} {self.monitor!r} {self.recorder!r}>"

    def start(self) -> None:
        """Begin to check the providers."""
        self.monitor.start()

    async def aclose(self) -> None:
        """End the checks, and write the records that wait."""
        self.turned_away.close()
        await self.monitor.aclose()
        if self.archive is not None:
            await self.archive.aclose()
        if self.recorder is not None:
            await self.recorder.aclose()
