"""What a failure says about the place where it happened."""

from __future__ import annotations

import pytest

from elizanet.classify import Classifier
from elizanet.errors import FailureClass
from elizanet.health.evidence import PROVEN, Evidence, evidence_of
from elizanet.http import Problem, TransportError
from elizanet.providers.replies import Replies
from support.lanes import failure


@pytest.mark.parametrize(
    ("kind", "status", "evidence"),
    [
        ("connection", None, Evidence.UNREACHABLE),
        ("rate_limit", 429, Evidence.THROTTLED),
        ("overloaded", 500, Evidence.FAILING),
        ("overloaded", 502, Evidence.OVERLOADED),
        ("overloaded", 503, Evidence.OVERLOADED),
        ("overloaded", 529, Evidence.OVERLOADED),
        ("overloaded", None, Evidence.OVERLOADED),
        ("timeout", None, Evidence.FAILING),
        ("timeout", 408, Evidence.FAILING),
        ("stream_interrupted", 200, Evidence.FAILING),
        ("auth", 401, Evidence.BAD_KEY),
        ("auth", None, Evidence.BAD_KEY),
        ("auth", 403, Evidence.BAD_TARGET),
        ("quota_exhausted", 429, Evidence.BAD_KEY),
        ("quota_exhausted", 402, Evidence.BAD_KEY),
        ("model_not_found", 404, Evidence.BAD_TARGET),
        ("model_not_found", 410, Evidence.BAD_TARGET),
        ("model_not_found", None, Evidence.BAD_TARGET),
        ("model_not_found", 400, Evidence.UNSUPPORTED),
        ("malformed_response", 200, Evidence.MALFORMED),
        ("unknown", None, Evidence.FAILING),
        ("unknown", 200, Evidence.FAILING),
        ("unknown", 302, Evidence.FAILING),
        ("unknown", 399, Evidence.FAILING),
        ("unknown", 400, Evidence.NOTHING),
        ("unknown", 499, Evidence.NOTHING),
        ("unknown", 500, Evidence.FAILING),
        ("bad_request", 400, Evidence.NOTHING),
        ("content_policy", 400, Evidence.NOTHING),
        ("context_window_exceeded", 400, Evidence.NOTHING),
        ("payload_too_large", 413, Evidence.NOTHING),
        ("cancelled", None, Evidence.NOTHING),
    ],
)
def test_each_failure_is_evidence_of_one_thing(
    kind: str, status: int | None, evidence: Evidence
) -> None:
    """By class, and where that is not enough by status."""
    assert evidence_of(failure(kind, status)) is evidence


@pytest.mark.parametrize("kind", list(FailureClass))
def test_every_class_has_evidence(kind: FailureClass) -> None:
    """A class that is added later is at least about the call."""
    assert evidence_of(failure(kind)) in Evidence


@pytest.mark.parametrize(
    ("message", "evidence"),
    [
        ("The model `m-9` does not exist", Evidence.BAD_TARGET),
        ("No endpoints found that support image input", Evidence.UNSUPPORTED),
        ("This model does not Support tools", Evidence.UNSUPPORTED),
    ],
)
def test_a_model_that_cannot_do_one_thing_is_not_a_model_that_does_not_exist(
    message: str, evidence: Evidence
) -> None:
    """One caller's image must not take a target from all the others."""
    assert evidence_of(failure("model_not_found", 404, message=message)) is evidence


def test_what_may_be_the_calls_fault_is_proven_to_be_something_else() -> None:
    """When it happens again and again."""
    assert PROVEN[Evidence.MALFORMED] is Evidence.FAILING
    assert PROVEN[Evidence.UNSUPPORTED] is Evidence.BAD_TARGET


def test_a_failure_of_this_machine_says_nothing_about_a_provider() -> None:
    """Without file descriptors no connection can be opened, whoever is asked."""
    replies = Replies("p", Classifier())
    error = replies.unreachable(TransportError(Problem.LOCAL, "Too many open files"))
    assert error.failure_class is FailureClass.CONNECTION
    assert evidence_of(error) is Evidence.NOTHING
    refused = replies.unreachable(TransportError(Problem.REFUSED))
    assert evidence_of(refused) is Evidence.UNREACHABLE
