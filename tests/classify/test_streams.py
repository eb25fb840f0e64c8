"""What arrived of a stream decides whether anything may have been sent on."""

from __future__ import annotations

import json

import pytest

from elizanet.classify import Failure, classify

DELTA = 'data: {"choices": [{"delta": {"content": "Hi"}, "finish_reason": null}]}\n\n'
ERROR = 'data: {"error": {"message": "boom", "code": 429, "type": "rate_limit_error"}}\n\n'
FILTER = 'data: {"choices": [{"delta": {}, "finish_reason": "content_filter"}]}\n\n'


def class_of(body: str, status: int = 200) -> str:
    return classify(Failure.from_reply("p", status, {}, body.encode(), stream=True)).failure_class


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("", "malformed_response"),
        ("data: [DONE]\n\n", "malformed_response"),
        (": ping\n\n", "stream_interrupted"),
        (DELTA, "stream_interrupted"),
        (ERROR, "rate_limit"),
        (DELTA + ERROR, "stream_interrupted"),
        (DELTA + FILTER, "content_policy"),
        ("<html><title>Sign in</title></html>", "malformed_response"),
        ('{"message": {"content": "Hel"}, "done": false}\n', "stream_interrupted"),
        ('{"error": "model runner has unexpectedly stopped"}\n', "overloaded"),
        ('data: {"error": {"message": "\nbroken"}}\n\n', "stream_interrupted"),
        ("event: error\ndata: not json at all\n\n", "stream_interrupted"),
        ("data: 5\n\n", "stream_interrupted"),
    ],
)  # fmt: skip
def test_a_stream_is_what_arrived_of_it(body: str, wanted: str) -> None:
    """Before content the error itself counts, after content only that it broke."""
    assert class_of(body) == wanted


def test_an_error_status_is_no_stream() -> None:
    """A refusal of the request for a stream is an ordinary answer."""
    assert class_of('{"error": {"code": "invalid_api_key"}}', 401) == "auth"


def test_an_error_at_the_end_of_a_long_stream_is_found() -> None:
    """The middle of a long body may be left out, its end may not."""
    end = 'data: {"choices": [], "error": {"message": "x", "code": "content_filter"}}\n\n'
    assert class_of(DELTA * 5000 + end) == "content_policy"


@pytest.mark.parametrize("key", ["content", "reasoning_content", "tool_calls", "refusal"])
def test_any_visible_delta_is_content(key: str) -> None:
    """After it the stream is broken, not refused."""
    delta = {"choices": [{"delta": {key: [1]}}]}
    assert class_of(f"data: {json.dumps(delta)}\n\n{ERROR}") == "stream_interrupted"
