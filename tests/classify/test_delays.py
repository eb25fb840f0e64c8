"""The delays that providers state, in every spelling, and what is none."""

from __future__ import annotations

import pytest

from elizanet.classify.delays import delay_in_text, duration, stated_delay

NOW = 1_792_567_680.0
DATE = "Wed, 21 Oct 2026 07:28:00 GMT"  # the same moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("please try again in 1m26.4s. visit", 86.4),
        ("please try again in 174ms.", 0.174),
        ("please try again in 9m38.016s.", 578.016),
        ("please retry after 7 seconds. please go here", 7),
        ("please retry in 58.934310785s.", 58.934310785),
        ("rate limit of 10 per 60s exceeded. please wait 46 seconds before retrying.", 46),
        ("weekly usage limit reached. resets in 6hr 29min.", 23_340),
        ("try again in 2 hours and 5 minutes", 7_500),
        ("your quota will reset after 3h3m25s", 11_005),
        ("retry-after: 8", 8),
        ("wait for 1 minute", 60),
        ("resets in ~5s.", 5),
        ("available again in 2 days", 172_800),
        ("请在30秒后重试", 30),
        ("请2分钟后再试", 120),
    ],
)
def test_a_sentence_states_a_delay(text: str, seconds: float) -> None:
    """Units and wordings differ, the meaning does not."""
    assert delay_in_text(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "limit 10 requests per 60 seconds exceeded",
        "request timed out after 30 seconds",
        "try again later",
        "requires more memory (8 gib) than is available (4 gib)",
        "retry after 5 attempts failed",
        "maximum 20 requests, used 20, requested 1",
        "",
    ],
)
def test_a_number_alone_is_no_delay(text: str) -> None:
    """Windows, timeouts, sizes and counts are not waits."""
    assert delay_in_text(text) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20),
        ({"retry-after": "1", "retry-after-ms": "644"}, 0.644),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, 30),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:30 GMT", "date": DATE}, 0),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:30 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Wed, 99 Oct 2026 07:28:30 GMT"}, None),
        ({"retry-after": "Wed, 21 Foo 2026 07:28:30 GMT"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1792567710"}, 30),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1792567710000"}, 30),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "30"}, 30),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "2m59.56s"}, 179.56),
        ({"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "6m0s"}, None),
        ({"x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "0"}, None),
        (
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2026-10-21T07:28:23Z",
            },
            23,
        ),
        (
            {
                "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "9s",
            },
            9,
        ),
    ],
)  # fmt: skip
def test_headers_state_a_delay(headers: dict[str, str], seconds: float | None) -> None:
    """The precise header first; of the counters, the last one that has nothing left."""
    delay = stated_delay(headers, [], [], NOW)
    assert delay == (None if seconds is None else pytest.approx(seconds))


def test_the_more_direct_statement_wins() -> None:
    """Header, then sentence, then field, then the reset of a counter."""
    counter = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "40"}
    field = [("retrydelay", "30s")]
    sentence = ["try again in 20s"]
    assert stated_delay({**counter, "retry-after": "10"}, field, sentence, NOW) == 10
    assert stated_delay(counter, field, sentence, NOW) == 20
    assert stated_delay(counter, field, [], NOW) == 30
    assert stated_delay(counter, [], [], NOW) == 40


@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        ("retry_after", 5, 5),
        ("retry_after_ms", 1500, 1.5),
        ("retrydelay", "1.5s", 1.5),
        ("resets_at", NOW + 60, 60),
        ("retry_after", "12", 12),
        ("retry_after", True, None),
        ("retry_after", -3, None),
        ("retry_after", float("nan"), None),
        ("retry_after", float("inf"), None),
        ("retry_after", "later", None),
        ("retry_after", [5], None),
    ],
)
def test_fields_of_the_body_state_a_delay(name: str, value: object, seconds: float | None) -> None:
    """Numbers, numbers in strings, durations, and moments."""
    delay = stated_delay({}, [(name, value)], [], NOW)
    assert delay == (None if seconds is None else pytest.approx(seconds))


def test_a_bare_number_is_seconds() -> None:
    """The unit is only missing where it is seconds."""
    assert duration("8") == 8
