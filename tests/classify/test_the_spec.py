"""Every condition that the plugin's specification lists makes the agent fall back."""

from __future__ import annotations

import pytest

from elizanet.classify import Failure, classify
from elizanet.errors import FailureClass

RATE_LIMIT_MESSAGES = [
    "rate limit", "quota exceeded", "too many requests", "rate_limit_exceeded",
    "insufficient_quota",
]  # fmt: skip
NETWORK_MESSAGES = [
    "service unavailable", "timeout", "connection refused", "network error", "bad gateway",
    "gateway timeout",
]  # fmt: skip


def from_text(message: str, name: str = "Error") -> Failure:
    return Failure.from_case(
        {"kind": "exception", "exception": {"type": name, "message": message, "attributes": {}}}
    )


@pytest.mark.parametrize("message", RATE_LIMIT_MESSAGES)
def test_a_message_about_a_limit_falls_back(message: str) -> None:
    """The words of the specification are enough, in any case and in any sentence."""
    for text in (message, message.upper(), f"Provider says: {message}!"):
        verdict = classify(from_text(text))
        assert verdict.fallback
        limits = (FailureClass.RATE_LIMIT, FailureClass.QUOTA_EXHAUSTED)
        assert verdict.failure_class in limits


@pytest.mark.parametrize("message", NETWORK_MESSAGES)
def test_a_message_about_the_network_falls_back(message: str) -> None:
    """The words of the specification are enough, in any case and in any sentence."""
    for text in (message, message.upper(), f"Provider says: {message}!"):
        verdict = classify(from_text(text))
        assert verdict.fallback
        assert verdict.failure_class in ("overloaded", "timeout", "connection")


@pytest.mark.parametrize("name", ["AbortError", "TimeoutError"])
def test_an_error_named_for_a_timeout_is_a_timeout(name: str) -> None:
    """The type is enough; the message may be empty."""
    assert classify(from_text("", name)).failure_class is FailureClass.TIMEOUT


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_status_of_the_specification_falls_back(status: int) -> None:
    """The status alone is enough."""
    wanted = FailureClass.RATE_LIMIT if status == 429 else FailureClass.OVERLOADED
    verdict = classify(Failure.from_reply("p", status, {}, b""))
    assert verdict.fallback
    assert verdict.failure_class is wanted
