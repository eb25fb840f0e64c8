"""`/metrics`: what Prometheus scrapes. It is for operators, like `/status`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from elizanet.gateway.asgi import Exchange
from elizanet.gateway.doors import Doors
from elizanet.gateway.observation import Observation
from elizanet.gateway.status import refuse_others
from elizanet.metrics import Reading, counted, known_of, recorded
from elizanet.metrics import families as f
from elizanet.router import Router


class MetricsPage:
    """Answers scrapers."""

    def __init__(self, router: Router, doors: Doors, observation: Observation) -> None:
        self._metrics = observation.metrics
        self._router = router
        self._doors = doors
        self._observation = observation

    def __repr__(self) -> str:
        return f"<MetricsPage of {self._metrics!r}>"

    async def show(self, exchange: Exchange) -> None:
        """Answer with all metrics, as text or OpenMetrics. Raises `Refusal` (401, 403)."""
        refuse_others(exchange, self._doors)
        accept = b",".join(exchange.all_of(b"accept")).decode("latin-1")
        readings = list(self._readings())
        media_type, text = await asyncio.to_thread(_written, readings, accept)
        headers = [(b"content-type", media_type.encode()), (b"cache-control", b"no-store")]
        await exchange.answer(200, headers, text)

    def _readings(self) -> Iterator[Reading]:
        yield from counted(self._metrics)
        yield from known_of(self._router.states(), self._metrics.labels)
        yield Reading(f.RELOADED, (), self._observation.are_settings_current)
        for name, result in self._observation.monitor.results().items():
            yield Reading(f.CHECK, (name,), result.state != "unhealthy")
            yield Reading(f.CHECK_SECONDS, (name,), result.seconds)
        yield from _process(self._doors)
        yield Reading(f.TELEMETRY_FAILURES, (), self._router.emit.failures)
        if self._observation.recorder is not None:
            yield from recorded(self._observation.recorder.stats())


def _written(readings: list[Reading], accept: str) -> tuple[str, bytes]:
    from elizanet.metrics.exposition import exposition  # noqa: PLC0415 -- slow to load: in a thread

    return exposition(readings, accept)


def _process(doors: Doors) -> Iterator[Reading]:
    admission = doors.admission
    yield Reading(f.IN_FLIGHT, (), admission.in_flight)
    yield Reading(f.IN_FLIGHT_LIMIT, (), admission.most)
    yield Reading(f.BATCH_IN_FLIGHT, (), admission.batch)
    yield Reading(f.LAG, (), admission.lag)
    yield Reading(f.DRAINING, (), admission.draining)
    for caller in doors.keyring.callers:
        yield Reading(f.CALLER_IN_FLIGHT, (caller.alias,), caller.in_flight)
