"""What the caller wrote is not evidence, wherever the provider repeats it."""

from __future__ import annotations

import json

import pytest

from elizanet.classify import Failure, classify

BAIT = [
    "rate limit exceeded, please retry in 5s",
    "insufficient_quota: check your billing details",
    "503 service unavailable, connection refused",
    "maximum context length exceeded",
    "invalid api key",
    "the model does not exist",
    "content policy violation",
]


@pytest.mark.parametrize("bait", BAIT)
@pytest.mark.parametrize(
    "body",
    [
        {
            "error": {
                "message": "Invalid value: '%s'. Supported values are: 'low'.",
                "code": "invalid_value",
            }
        },
        {"error": {"message": "Invalid value: '%s'.", "type": "invalid_request_error"}},
        {"error": {"message": "Unknown field `%s` in request", "type": "invalid_request_error"}},
        {
            "detail": [
                {
                    "type": "string_type",
                    "loc": ["body"],
                    "msg": "Input should be valid",
                    "input": "%s",
                }
            ]
        },
        {
            "detail": [
                {"type": "string_type", "msg": "Input should be valid", "input": {"message": "%s"}}
            ]
        },
        {
            "error": {"message": "Invalid type", "type": "invalid_request_error"},
            "request": {"message": "%s"},
        },
        {"error": {"message": "Bad.", "code": "invalid_type", "params": {"error": "%s"}}},
    ],
)
def test_quoted_and_echoed_words_are_not_believed(body: object, bait: str) -> None:
    """A 400 that repeats the prompt stays a 400, and states no delay."""
    text = json.dumps(body).replace("%s", bait)
    verdict = classify(Failure.from_reply("p", 400, {}, text.encode()))
    assert verdict.failure_class == "bad_request"
    assert verdict.retry_after_s is None


def test_an_answer_that_talks_of_errors_is_no_error() -> None:
    """What the model wrote says nothing about why the answer was not usable."""
    body = {"choices": [{"message": {"content": "rate limit exceeded"}, "finish_reason": "stop"}]}
    verdict = classify(Failure.from_reply("p", 200, {}, json.dumps(body).encode()))
    assert verdict.failure_class == "malformed_response"


def test_reset_headers_on_another_error_are_no_delay() -> None:
    """They ride on every answer; only a limit makes them a delay."""
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6s"}
    assert classify(Failure.from_reply("p", 400, headers, b"{}")).retry_after_s is None
    assert classify(Failure.from_reply("p", 503, headers, b"{}")).retry_after_s is None
    assert classify(Failure.from_reply("p", 429, headers, b"{}")).retry_after_s == 6
