"""The sink for OpenTelemetry: spans are made when a call is over, with the times it had.

So a call costs nothing on its way, and the exporter's thread does the rest. The parent is what the
caller's `traceparent` names, else the context in which the answer ends: that of the program which
asked. The provider gets the `traceparent` as the caller sent it; what it traces stands beside our
spans, below the caller's.
"""

from __future__ import annotations

import time
from typing import Final

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from elizanet._version import __version__
from elizanet.call import Attempt, Headers
from elizanet.errors import FailureClass
from elizanet.otel import conventions
from elizanet.settings import Settings
from elizanet.settings.address import host_and_port
from elizanet.telemetry import CallEnded, Interest, TelemetryEvent, shown

_SCOPE: Final = "elizanet"
_NS: Final = 1_000_000_000
_PROPAGATOR: Final = TraceContextTextMapPropagator()


class OpenTelemetrySink:
    """Makes spans and metrics of calls; by default with the providers that are set globally."""

    interest = Interest(details=True)

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(_SCOPE, __version__, tracer_provider)
        self._addresses: conventions.Addresses = {}
        meter = metrics.get_meter(_SCOPE, __version__, meter_provider)
        seconds = conventions.SECONDS_BOUNDS
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=seconds,
        )
        self._first_chunk = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            unit="s",
            description="Time until a stream had something to show.",
            explicit_bucket_boundaries_advisory=seconds,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=conventions.TOKEN_BOUNDS,
        )

    def __repr__(self) -> str:
        return f"<OpenTelemetrySink providers={len(self._addresses)}>"

    def __call__(self, event: TelemetryEvent) -> None:
        """Tell of a call that is over."""
        if isinstance(event, CallEnded):
            self._measure(event)
            self._trace(event)

    def follow(self, settings: Settings) -> None:
        """Take the addresses of providers from these settings from now on."""
        self._addresses = {
            name: host_and_port(provider.base_url) for name, provider in settings.providers.items()
        }

    def _measure(self, event: CallEnded) -> None:
        told = conventions.metric_attributes(event, self._addresses)
        self._duration.record(event.seconds, told)
        if event.stream and event.first_content is not None:
            self._first_chunk.record(event.first_content, told)
        if event.usage is not None:
            asked, answered = event.usage.prompt_tokens, event.usage.completion_tokens
            self._tokens.record(asked, {**told, "gen_ai.token.type": "input"})
            self._tokens.record(answered, {**told, "gen_ai.token.type": "output"})

    def _trace(self, event: CallEnded) -> None:
        ended = time.time_ns()
        began = ended - int(event.seconds * _NS)
        span = self._tracer.start_span(
            f"{conventions.operation_of(event)} {shown(event.model)}",
            _parent(event.headers),
            SpanKind.CLIENT,
            start_time=began,
        )
        if span.is_recording():
            span.set_attributes(conventions.call_attributes(event, self._addresses))
            if (error := conventions.error_of(event)) is not None:
                span.set_status(Status(StatusCode.ERROR, error))
            inside = trace.set_span_in_context(span, Context())
            for attempt in event.attempts:
                self._attempted(attempt, inside, began, ended)
        span.end(ended)

    def _attempted(self, attempt: Attempt, inside: Context, began: int, ended: int) -> None:
        started = began + int(attempt.started * _NS)
        span = self._tracer.start_span(
            f"attempt {attempt.provider}/{shown(attempt.model)}",
            inside,
            SpanKind.CLIENT,
            conventions.attempt_attributes(attempt, self._addresses),
            start_time=started,
        )
        _judge(span, attempt)
        span.end(min(started + int(attempt.duration * _NS), ended))


def _judge(span: Span, attempt: Attempt) -> None:
    """Set the status: what was given up from here is no error of anybody's."""
    failure = attempt.failure_class
    if failure is not None and failure is not FailureClass.CANCELLED:
        span.set_status(Status(StatusCode.ERROR, attempt.message))


def _parent(headers: Headers) -> Context | None:
    """Return the context that a caller named, None for the one there is."""
    carrier = {name: value for name, value in headers if name == "traceparent"}
    return _PROPAGATOR.extract(carrier, Context()) if carrier else None
