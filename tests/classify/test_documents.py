"""Documents are found in any wrapping."""

from __future__ import annotations

import json

import pytest

from elizanet.classify import Failure, classify
from elizanet.classify.documents import decode, split

INNER = {"error": {"message": 'it\'s "over"', "code": "insufficient_quota", "n": None, "ok": True}}


@pytest.mark.parametrize("text", [json.dumps(INNER), repr(INNER), str([INNER])])
def test_json_and_python_spellings_are_read(text: str) -> None:
    """Prose before and after stays prose."""
    prose, found = split(f"Error code: 429 - {text} and more")
    document = found[0][0] if isinstance(found[0], list) else found[0]
    assert document == INNER
    assert prose.split() == ["Error", "code:", "429", "-", "and", "more"]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_document_in_a_document_is_found(depth: int) -> None:
    """Gateways put the answer they got into a string of their own."""
    text = json.dumps(INNER)
    for _ in range(depth):
        text = json.dumps({"error": {"message": f"Upstream said: {text}", "code": 400}})
    assert (
        classify(Failure.from_reply("p", 400, {}, text.encode())).failure_class == "quota_exhausted"
    )


def test_a_document_that_is_cut_off_still_tells_its_fields() -> None:
    """Logs and buffers end in the middle."""
    text = json.dumps({"error": {"code": "model_not_found", "message": "The model x"}})[:-9]
    assert (
        classify(Failure.from_reply("p", 200, {}, text.encode())).failure_class == "model_not_found"
    )


@pytest.mark.parametrize("text", ["", "{} {}", "[" * 100_000, "nul", '{"a": 1} x'])
def test_what_is_no_document_is_a_value_error(text: str) -> None:
    """Depth is no crash."""
    with pytest.raises(ValueError):  # noqa: PT011 - json words it, not we
        decode(text)
