"""Whatever a provider or a client does, there is a verdict, and soon."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.classify import Classifier, Failure, Rule, classify
from elizanet.classify.texts import STRONG, WEAK
from elizanet.errors import FailureClass

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["error", "message", "code", "type", "status", "headers", "retry_after", "x"]),
        inner,
    ),
)  # fmt: skip
WORDS = st.lists(
    st.sampled_from(
        ["rate", "limit", "exceeded", "quota", "context", "{'error':", "'", '"', "`", "try", "again",
         "in", "5s", "model", "not", "found", "data:", "event:", "error", "\\", "<html>", "429",
         "Error code:", "[DONE]", "请稍后", '{"error":', "}", "\n\n"]
    )
).map(" ".join)  # fmt: skip


@given(
    status=st.integers(),
    body=st.binary(),
    headers=st.dictionaries(st.text(), st.text()),
    stream=st.booleans(),
)
def test_any_reply_gets_a_verdict(
    status: int, body: bytes, headers: dict[str, str], *, stream: bool
) -> None:
    """Arbitrary bytes, statuses and headers."""
    verdict = classify(Failure.from_reply("p", status, headers, body, stream=stream))
    assert verdict.failure_class in FailureClass


@given(document=JSON, status=st.sampled_from([200, 400, 429, 500]), stream=st.booleans())
def test_any_document_gets_a_verdict(document: object, status: int, *, stream: bool) -> None:
    """Keys that mean something, with values that do not."""
    body = json.dumps(document).encode()
    assert classify(Failure.from_reply("p", status, {}, body, stream=stream))


@given(
    WORDS, st.sampled_from([None, 200, 400, 429]), st.sampled_from(["http", "stream", "exception"])
)
def test_any_sentence_gets_a_verdict(text: str, status: int | None, kind: str) -> None:
    """The words of real errors in any order, with quotes and brackets that never close."""
    case = {
        "kind": kind, "status": status, "body": text,
        "exception": {"type": text, "message": text, "attributes": {"body": text, "code": text}},
    }  # fmt: skip
    assert classify(Failure.from_case(case))


@given(
    st.dictionaries(
        st.sampled_from(["provider", "kind", "status", "headers", "body", "exception"]), JSON
    )
)
def test_any_case_of_wrong_types_gets_a_verdict(case: dict[str, object]) -> None:
    """A field of a wrong type counts as missing."""
    assert classify(Failure.from_case(case))


@given(JSON, JSON)
def test_any_attributes_get_a_verdict(attributes: object, chain: object) -> None:
    """The same for what a corpus says of an exception."""
    exception = {"type": "X", "message": "y", "attributes": attributes, "__cause_chain__": chain}
    assert classify(Failure.from_case({"kind": "exception", "exception": exception}))
    nested = {"type": "X", "attributes": {"__cause_chain__": chain, "exceptions": chain}}
    assert classify(Failure.from_case({"kind": "exception", "exception": nested}))


class Nasty(Exception):
    """Everything about it raises."""

    def __str__(self) -> str:
        raise ValueError("no text for you")

    def __getattribute__(self, name: str) -> object:
        if name.startswith("__"):
            return super().__getattribute__(name)
        raise RuntimeError(name)


class Odd(Exception):
    """Its attributes are of types nobody expects."""

    status_code = "429"
    code = float("nan")
    body = b"\xff"
    headers = 5
    response = object()
    details = staticmethod(lambda: "called")
    retry_after = object()


def test_an_exception_that_raises_when_it_is_read_gets_a_verdict() -> None:
    """Foreign code may do what it likes."""
    for error in (Nasty(), Odd("x"), Exception(Nasty()), KeyboardInterrupt(), GeneratorExit()):
        assert Classifier().verdict(Failure.from_exception("p", error))


def test_causes_in_a_circle_and_without_end_get_a_verdict() -> None:
    """A chain is walked once, and only so far."""
    one, other = ValueError("a"), ConnectionResetError("b")
    one.__cause__, other.__cause__ = other, one
    assert classify(Failure.from_exception("p", one)).failure_class == "connection"
    error = last = Exception("first")
    for number in range(5_000):
        last.__cause__ = Exception(str(number))
        last = last.__cause__
    assert classify(Failure.from_exception("p", error))
    group: ExceptionGroup[Exception] = ExceptionGroup(
        "g", [Exception(str(n)) for n in range(5_000)]
    )
    assert classify(Failure.from_exception("p", group))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"error":' * 100_000,
        b'{"error": {"message": "' + b"\\" * 500_000,
        b"{'" * 500_000,
        b"data: {" * 150_000,
        b"\n\n" * 500_000,
        b"<html" * 200_000,
        b'"' * 1_000_000,
        b"'a " * 300_000,
        b"try again in " * 80_000,
        b"1" * 1_000_000,
        b"retry after " + b"9" * 400,
        b"model " * 200_000,
        b"\x00" * 1_000_000,
    ],
    ids=range(14),
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_huge_body_costs_little(body: bytes, *, stream: bool) -> None:
    """A megabyte built to be slow takes less than a quarter of a second."""
    failure = Failure.from_reply("p", 400, {}, body, stream=stream)
    assert least_seconds(lambda: classify(failure)) < 0.25


def least_seconds(work: Callable[[], object]) -> float:
    """Return the processor time of the best of three runs: a busy machine spoils some."""
    times = []
    for _ in range(3):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


@pytest.mark.parametrize("fill", [" ", " a", "a", " exceeded ", " is ", "0", "_", " ~ "])
def test_no_sentence_rule_is_slow(fill: str) -> None:
    """Every cue, repeated to the longest text that is looked at, is searched in linear time."""
    for rules in (STRONG, WEAK):
        for _, cue, _ in rules._rules:
            text = (cue + fill) * (4000 // len(cue + fill))
            assert least_seconds(partial(rules.first_match, text)) < 0.25, cue


@given(JSON)
def test_any_rule_is_survived(opinion: object) -> None:
    """Whatever a user's rule returns, there is a verdict."""
    rule = cast(Rule, lambda _: opinion)
    assert Classifier([rule]).verdict(Failure.from_reply("p", 503, {}, b""))
