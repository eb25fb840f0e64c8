"""A limit that clears by itself, and one that stays."""

from __future__ import annotations

import json

import pytest

from elizanet.classify import Failure, classify


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("Quota exceeded. Please retry in 30 seconds.", "rate_limit"),
        ("Quota exceeded. Please retry in 2 hours.", "quota_exhausted"),
        ("Quota exceeded.", "quota_exhausted"),
        ("Daily quota exceeded. Please retry in 30 seconds.", "quota_exhausted"),
        ("Your credit quota is exceeded. Please retry in 30 seconds.", "quota_exhausted"),
        ("Rate limit reached: 1000 requests per day", "quota_exhausted"),
        ("Rate limit reached: 1000 requests per day. Try again in 9m38s", "rate_limit"),
        ("Rate limit reached: 10 requests per minute", "rate_limit"),
        (
            "Hit token rate limit. Minute limit: 9 / 5 tokens. Day limit: 9 / 50 tokens",
            "rate_limit",
        ),
        (
            "Hit token rate limit. Minute limit: 1 / 5 tokens. Day limit: 51 / 50 tokens",
            "quota_exhausted",
        ),
    ],
)
def test_the_window_and_the_delay_decide(message: str, wanted: str) -> None:
    """A day or money is a quota, a minute is a rate limit, a stated wait says which."""
    verdict = classify(Failure.from_reply("p", 429, {}, message.encode()))
    assert verdict.failure_class == wanted


def test_a_code_that_says_quota_is_not_overruled_by_a_delay() -> None:
    """Some providers put the same retry advice on every 429."""
    body = {"error": {"message": "Quota exceeded. Retry in 5s", "code": "insufficient_quota"}}
    verdict = classify(Failure.from_reply("p", 429, {}, json.dumps(body).encode()))
    assert verdict.failure_class == "quota_exhausted"
    assert verdict.retry_after_s == 5
    assert not verdict.retry_same_provider
