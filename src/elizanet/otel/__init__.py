"""OpenTelemetry: a span for each call, one below it for each attempt, and the GenAI metrics.

`from_environment` is for `elizanet serve`. An application that has OpenTelemetry configured gives
an `elizanet.otel.sink.OpenTelemetrySink` to its `Elizanet`. Nothing of OpenTelemetry is imported
before either is asked for; it is installed with `elizanet[otel]`.
"""

from elizanet.otel.environment import from_environment

__all__ = ["from_environment"]
