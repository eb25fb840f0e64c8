"""Turns the raw facts of a `Failure` into `Evidence`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from elizanet.classify.evidence import Evidence
from elizanet.classify.facts import ExceptionFacts, lowered
from elizanet.classify.failure import Failure
from elizanet.classify.statuses import ERRORS, SUCCESSES
from elizanet.classify.streams import Transcript

CAUSE_DEPTH: Final = 20
"""Depth that one step along a chain of exceptions adds; more than any document has."""

# Attributes of exceptions, by what they hold.
_NAMES: Final = frozenset({"code", "type", "error_type", "status"})
_TEXTS: Final = frozenset(
    {"body", "response.body", "response", "error", "message", "details", "reason"}
)
_HEADERS: Final = frozenset({"headers", "response.headers"})
_DELAYS: Final = frozenset({"retry_after", "retry_after_seconds"})
_ERROR_HEADERS: Final = ("x-amzn-errortype", "x-ms-error-code", "x-error-code")


@dataclass(slots=True)
class Case:
    """One failure, taken apart.

    `chain` has its exceptions, the outermost first; `answered` the HTTP status of the answer
    where there was one, even a good one; `succeeded` that the answer seen was a good one, whatever
    the client made of it; `transcript` what arrived of a stream.
    """

    evidence: Evidence
    chain: list[ExceptionFacts]
    answered: int | None
    succeeded: bool
    transcript: Transcript | None = None


def gather(failure: Failure, chain: list[ExceptionFacts]) -> Case:
    """Take a failure apart; `chain` is its exception and the causes of it, outermost first."""
    evidence = Evidence()
    evidence.headers.update(failure.headers)
    case = Case(
        evidence,
        chain,
        answered=failure.status,
        succeeded=failure.status is not None and failure.status in SUCCESSES,
    )
    evidence.add_status(failure.status, 0)
    for name in _ERROR_HEADERS:
        if told := failure.headers.get(name):
            evidence.add_name(told.partition(":")[0], 1)
    if failure.body is not None:
        if is_stream(failure):
            case.transcript = Transcript(failure.body, evidence)
        else:
            evidence.add_body(failure.body, 1)
    for position in reversed(range(len(chain))):  # what repeats is the innermost's
        status = _gather_exception(chain[position], position * CAUSE_DEPTH, evidence)
        case.answered = case.answered or status
    return case


def is_stream(failure: Failure) -> bool:
    """Tell whether a stream had begun: a page of HTML or an error status is none."""
    if failure.kind != "stream" or failure.status in ERRORS:
        return False
    return not (failure.body or "").lstrip().startswith("<")


def _gather_exception(facts: ExceptionFacts, depth: int, evidence: Evidence) -> int | None:
    attributes = facts.attributes
    status = facts.status()
    evidence.add_status(status, depth)
    evidence.add_text(facts.message, depth)
    evidence.add_name(facts.type.rpartition(".")[2], depth)
    for name, value in attributes.items():
        if name in _NAMES and isinstance(value, str):
            evidence.add_name(value, depth + 1)
        elif name in _TEXTS:
            if not isinstance(value, str):
                evidence.add_value(value, depth + 1)
            elif value not in facts.message:
                evidence.add_body(value, depth + 1)
        elif name in _HEADERS:
            evidence.headers |= lowered(value)
        elif name in _DELAYS:
            evidence.delays.append((name, value))
    return status
