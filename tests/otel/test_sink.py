"""What traces and metrics say of a call."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

from elizanet.call import Role
from elizanet.errors import FailureClass
from elizanet.operation import Operation
from elizanet.otel.sink import OpenTelemetrySink
from elizanet.settings import ProviderSettings, RouteSettings, Settings, TargetSettings
from elizanet.telemetry import CallEnded, Outcome
from support.ended import attempt, ended

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
SAMPLED = (("traceparent", f"00-{TRACE}-{CALLER}-01"),)
SETTINGS = Settings(
    providers={
        "openai": ProviderSettings("openai", "https://api.openai.com/v1"),
        "backup": ProviderSettings("backup", "http://10.0.0.7:8000/v1"),
    },
    routes=(RouteSettings("*", (TargetSettings("openai", "*"),)),),
)
FAILED = attempt(
    failure=FailureClass.OVERLOADED, status=503, message="busy", duration=0.4, retryable=True
)
ANSWERED = attempt("backup", number=2, role=Role.NEXT, started=0.5, duration=0.7, model="llama")


class World:
    """A sink, and what came out of it."""

    def __init__(self, *, share: float = 1.0) -> None:
        self.exported = InMemorySpanExporter()
        self.tracers = TracerProvider(sampler=ParentBased(TraceIdRatioBased(share)))
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exported))
        self.reader = InMemoryMetricReader()
        self.sink = OpenTelemetrySink(self.tracers, MeterProvider([self.reader]))
        self.sink.follow(SETTINGS)

    @property
    def spans(self) -> list[ReadableSpan]:
        """By their beginning, the longer first."""
        found = self.exported.get_finished_spans()
        return sorted(found, key=lambda span: (span.start_time or 0, -(span.end_time or 0)))

    @property
    def points(self) -> list[tuple[str, dict[str, Any], Any]]:
        """Name, attributes and value of every point."""
        data = self.reader.get_metrics_data()
        return [
            (metric.name, dict(point.attributes or {}), point)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        ]


def told(event: CallEnded) -> World:
    world = World()
    world.sink(event)
    return world


def test_a_call_is_a_span_with_its_attempts_below_it() -> None:
    """With the times they had: the attempts lie inside the call."""
    call, first, second = told(ended(FAILED, ANSWERED, seconds=2.0)).spans
    names = ("chat gpt-4o", "attempt openai/gpt-4o", "attempt backup/llama")
    assert (call.name, first.name, second.name) == names
    assert {span.kind for span in (call, first, second)} == {SpanKind.CLIENT}
    assert call.parent is None
    assert call.context is not None
    for span in (first, second):
        assert span.parent is not None
        assert span.parent.span_id == call.context.span_id
    times = [
        (
            (span.start_time or 0) - (call.start_time or 0),
            (span.end_time or 0) - (call.start_time or 0),
        )
        for span in (call, first, second)
    ]
    ms = [(round(began / 1e6), round(over / 1e6)) for began, over in times]
    assert ms == [(0, 2000), (0, 400), (500, 1200)]


def test_the_span_of_a_call_follows_the_conventions() -> None:
    """Who answered, for what was asked, with which tokens; no word of what was said."""
    call = told(ended(FAILED, ANSWERED, stream=True)).spans[0]
    assert dict(call.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "backup",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "llama",
        "gen_ai.response.time_to_first_chunk": 0.5,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "server.address": "10.0.0.7",
        "server.port": 8000,
        "elizanet.usage.estimated": False,
        "elizanet.call.id": "req_1",
        "elizanet.caller": "team-a",
        "elizanet.chain": "gpt-*",
        "elizanet.outcome": "answered",
        "elizanet.attempts": 2,
        "elizanet.fallback.reason": "overloaded",
    }
    assert call.status.status_code is StatusCode.UNSET


def test_the_span_of_an_attempt_says_what_the_provider_did() -> None:
    """Tokens stand at the call only, so that nobody adds them up twice."""
    _, first, _ = told(ended(FAILED, ANSWERED)).spans
    assert dict(first.attributes or {}) == {
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "server.address": "api.openai.com",
        "server.port": 443,
        "http.response.status_code": 503,
        "error.type": "overloaded",
        "elizanet.attempt.number": 1,
        "elizanet.attempt.role": "first",
        "elizanet.attempt.retryable": True,
    }
    assert (first.status.status_code, first.status.description) == (StatusCode.ERROR, "busy")


@pytest.mark.parametrize(
    ("outcome", "failure", "error"),
    [
        (Outcome.ANSWERED, None, None),
        (Outcome.LEFT, None, None),
        (Outcome.FAILED, FailureClass.OVERLOADED, "overloaded"),
        (Outcome.BROKEN, None, "stream_interrupted"),
    ],
)
def test_an_error_is_what_was_one_for_the_caller(
    outcome: Outcome, failure: FailureClass | None, error: str | None
) -> None:
    """Whoever went away had none."""
    world = told(ended(ANSWERED, outcome=outcome, failure_class=failure))
    call = world.spans[0]
    assert (call.attributes or {}).get("error.type") == error
    assert (call.status.status_code is StatusCode.ERROR) == (error is not None)
    (duration,) = [a for name, a, _ in world.points if name.endswith("duration")]
    assert duration.get("error.type") == error


def test_an_attempt_that_was_given_up_is_no_error() -> None:
    """A hedge that lost says nothing bad of anybody."""
    lost = attempt("backup", failure=FailureClass.CANCELLED, number=2, role=Role.HEDGE)
    spans = told(ended(attempt(), lost)).spans
    assert {span.status.status_code for span in spans} == {StatusCode.UNSET}


def test_a_call_without_attempts_has_a_span() -> None:
    """Nobody could be asked."""
    failed = ended(outcome=Outcome.FAILED, failure_class=FailureClass.OVERLOADED, usage=None)
    (call,) = told(failed).spans
    assert "gen_ai.provider.name" not in (call.attributes or {})


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (Operation.RESPONSE, "chat m"),
        (Operation.COMPLETION, "text_completion m"),
        (Operation.EMBEDDING, "embeddings m"),
        (Operation.SPEECH, "audio/speech m"),
    ],
)
def test_every_kind_of_request_has_a_name(operation: Operation, name: str) -> None:
    """That of the conventions where they have one."""
    assert told(ended(attempt(), operation=operation, model="m")).spans[0].name == name


def test_the_parent_is_whom_the_caller_names() -> None:
    """Its trace goes on, and its decision on sampling holds."""
    world = told(ended(attempt(), headers=SAMPLED))
    call = world.spans[0]
    assert call.context is not None
    assert call.parent is not None
    assert f"{call.context.trace_id:032x}" == TRACE
    assert f"{call.parent.span_id:016x}" == CALLER
    unsampled = (("traceparent", f"00-{TRACE}-{CALLER}-00"),)
    assert told(ended(attempt(), headers=unsampled)).spans == []


def test_without_a_header_the_parent_is_the_program_s_own_span() -> None:
    """As the library is used: within whatever the program does."""
    world = World()
    with world.tracers.get_tracer("program").start_as_current_span("agent") as agent:
        world.sink(ended(attempt()))
    call = next(span for span in world.spans if span.name == "chat gpt-4o")
    assert call.parent is not None
    assert call.parent.span_id == agent.get_span_context().span_id


def test_what_is_not_sampled_is_still_measured() -> None:
    """Metrics count every call."""
    world = World(share=0.0)
    world.sink(ended(attempt()))
    assert world.spans == []
    assert {name for name, _, _ in world.points} == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
    }


def test_metrics_follow_the_conventions() -> None:
    """Seconds and tokens, in the buckets that are advised."""
    points = told(ended(FAILED, ANSWERED, stream=True)).points
    common = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "backup",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "llama",
        "server.address": "10.0.0.7",
        "server.port": 8000,
    }
    sums = [(name, labels, point.sum) for name, labels, point in points]
    usage = "gen_ai.client.token.usage"
    assert sums == [
        ("gen_ai.client.operation.duration", common, 2.0),
        ("gen_ai.client.operation.time_to_first_chunk", common, 0.5),
        (usage, {**common, "gen_ai.token.type": "input"}, 100),
        (usage, {**common, "gen_ai.token.type": "output"}, 20),
    ]
    bounds = {name: point.explicit_bounds for name, _, point in points}
    assert bounds["gen_ai.client.operation.duration"][:3] == (0.01, 0.02, 0.04)
    assert bounds["gen_ai.client.operation.duration"][-1] == 81.92
    assert bounds[usage][:3] == (1, 4, 16)
    assert bounds[usage][-1] == 67108864
