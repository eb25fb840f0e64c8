"""The GenAI semantic conventions of OpenTelemetry, as far as they fit what is known of a call.

The names are written out: OpenTelemetry's package of them marks those of GenAI as moved away.
Theirs begin with `gen_ai.`, ours with `elizanet.`.
"""

from __future__ import annotations

from typing import Final

from elizanet.call import Attempt
from elizanet.errors import FailureClass
from elizanet.operation import Operation
from elizanet.redact import mask_keys
from elizanet.telemetry import CallEnded, Outcome, answering, fallback_of, shown

Attributes = dict[str, str | int | float | bool]

OPERATIONS: Final = {
    Operation.CHAT: "chat",
    Operation.RESPONSE: "chat",
    Operation.COMPLETION: "text_completion",
    Operation.EMBEDDING: "embeddings",
}
"""Their names of operations; all others go by their path."""
SECONDS_BOUNDS: Final = tuple(0.01 * 2**power for power in range(14))
TOKEN_BOUNDS: Final = tuple(4**power for power in range(14))
"""The bounds of the buckets that the conventions advise."""

Addresses = dict[str, tuple[str, int]]
"""Host and port of each provider."""


def operation_of(event: CallEnded) -> str:
    """Return the conventions' name of what was asked for."""
    return OPERATIONS.get(event.operation, event.operation)


def metric_attributes(event: CallEnded, addresses: Addresses) -> Attributes:
    """Return the attributes that a call's metrics have: few values each."""
    found: Attributes = {
        "gen_ai.operation.name": operation_of(event),
        "gen_ai.request.model": shown(event.model),
    }
    if event.attempts:
        by = answering(event.attempts)
        found |= _target(by, addresses)
        if by.failure_class is None:
            found["gen_ai.response.model"] = shown(by.model)
    if (error := error_of(event)) is not None:
        found["error.type"] = error
    return found


def call_attributes(event: CallEnded, addresses: Addresses) -> Attributes:
    """Return the attributes of a call's span."""
    found = metric_attributes(event, addresses) | {
        "gen_ai.request.stream": event.stream,
        "elizanet.call.id": event.call_id,
        "elizanet.chain": event.chain,
        "elizanet.outcome": event.outcome,
        "elizanet.attempts": len(event.attempts),
    }
    if event.caller:
        found["elizanet.caller"] = event.caller
    if (fallback := fallback_of(event)) is not None:
        found["elizanet.fallback.reason"] = fallback.failure_class
    if event.stream and event.first_content is not None:
        found["gen_ai.response.time_to_first_chunk"] = event.first_content
    if event.usage is not None:
        found["gen_ai.usage.input_tokens"] = event.usage.prompt_tokens
        found["gen_ai.usage.output_tokens"] = event.usage.completion_tokens
        found["elizanet.usage.estimated"] = event.usage.estimated
    return found


def attempt_attributes(attempt: Attempt, addresses: Addresses) -> Attributes:
    """Return the attributes of an attempt's span: without tokens, which the call's has."""
    found = _target(attempt, addresses) | {
        "gen_ai.request.model": shown(attempt.model),
        "elizanet.attempt.number": attempt.number,
        "elizanet.attempt.role": attempt.role,
    }
    if attempt.status is not None:
        found["http.response.status_code"] = attempt.status
    if attempt.request_id is not None:
        found["elizanet.provider.request_id"] = mask_keys(attempt.request_id)
    if attempt.failure_class is not None:
        found["error.type"] = attempt.failure_class
        found["elizanet.attempt.retryable"] = attempt.retryable
    return found


def error_of(event: CallEnded) -> FailureClass | None:
    """Return the class of what went wrong for the caller, None if nothing did."""
    if event.outcome is Outcome.BROKEN:
        return FailureClass.STREAM_INTERRUPTED
    return event.failure_class


def _target(attempt: Attempt, addresses: Addresses) -> Attributes:
    found: Attributes = {"gen_ai.provider.name": attempt.provider}
    if (address := addresses.get(attempt.provider)) is not None:
        found["server.address"], found["server.port"] = address
    return found
