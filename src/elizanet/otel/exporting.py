"""OpenTelemetry's SDK with exporters for OTLP over HTTP, as its standard variables say.

Everything that takes time happens in threads of the SDK: spans wait in a bounded queue, metrics
are added up and sent once a minute. A collector that does not answer costs spans, never calls.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NoOpTracerProvider

from elizanet._version import __version__
from elizanet.otel.sink import OpenTelemetrySink

CLOSING_S: Final = 3.0
"""Seconds that the end waits for what was not sent yet."""

_GIVING_UP_S: Final = 1.0
"""Seconds more for the exporters to stop trying again, once they were told to."""

_UNNAMED: Final = "unknown_service"


class Exporting:
    """Exports what its `sink` is told. `close` sends what waits, for a few seconds at most."""

    def __init__(self, *, traces: bool, metrics: bool) -> None:
        self._providers: list[TracerProvider | MeterProvider] = []
        self._exporters: list[OTLPSpanExporter | OTLPMetricExporter] = []
        resource = _resource()
        tracers: TracerProvider | NoOpTracerProvider = NoOpTracerProvider()
        meters: MeterProvider | NoOpMeterProvider = NoOpMeterProvider()
        if traces:
            tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
            spans = OTLPSpanExporter()
            tracers.add_span_processor(BatchSpanProcessor(spans))
            self._providers.append(tracers)
            self._exporters.append(spans)
        if metrics:
            sums = OTLPMetricExporter()
            reader = PeriodicExportingMetricReader(sums)
            meters = MeterProvider([reader], resource, shutdown_on_exit=False)
            self._providers.append(meters)
            self._exporters.append(sums)
        self.sink = OpenTelemetrySink(tracers, meters)

    def __repr__(self) -> str:
        return f"<Exporting {[type(provider).__name__ for provider in self._providers]}>"

    def close(self) -> None:
        """Send what waits, each signal beside the other, and end the threads."""
        ending = [
            threading.Thread(target=provider.shutdown, name="elizanet-otel", daemon=True)
            for provider in self._providers
        ]
        for thread in ending:
            thread.start()
        if _have_ended(ending, within=CLOSING_S):
            return
        for exporter in self._exporters:
            exporter.shutdown()
        _have_ended(ending, within=_GIVING_UP_S)


def _have_ended(threads: list[threading.Thread], *, within: float) -> bool:
    deadline = time.monotonic() + within
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def _resource() -> Resource:
    """Return what the environment says of this service; without a name it is `elizanet`."""
    said = Resource.create({SERVICE_VERSION: __version__})
    named = not str(said.attributes[SERVICE_NAME]).startswith(_UNNAMED)
    return said if named else said.merge(Resource({SERVICE_NAME: "elizanet"}))
