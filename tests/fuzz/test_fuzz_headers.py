"""Whatever stands in a header: a value in its bounds, or one refusal that names it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.classify import Classifier, Failure
from elizanet.classify.delays import stated_delay
from elizanet.gateway.asgi import Exchange, Send
from elizanet.gateway.body import decode_body
from elizanet.gateway.controls import HopGuard, forbids_fallback, timeout_in
from elizanet.gateway.refusal import Refusal
from support.fuzzing import fuzz, growth, mutated

DELAYS = [
    b"2", b"0.5", b"1500ms", b"6m0s", b"1h2m3.5s", b"Wed, 21 Oct 2026 07:28:00 GMT",
    b"Please try again in 20s.", b"retry after 3 minutes and 2 seconds", b"1761031680",
    b"1761031680123", b"2026-10-21T07:28:00Z", b"Limit resets in 1 day, 2 hours", "请在5秒后重试".encode(),
]  # fmt: skip
TOKENS = [
    b"-1", b"nan", b"inf", b"1e400", b"9" * 400, b"0x10", b" and ", b"again ", b"retry", b"in ",
    b"ms", b"s", b"\xff", b"\0", b"::", b"99:99:99", b"31 Feb 2026", b"0000", b"T", b"Z", b"+99:99",
]  # fmt: skip
NAMES = [
    "retry-after", "retry-after-ms", "date", "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens",
    "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens", "anthropic-ratelimit-requests-reset",
    "x-ratelimit-reset",
]  # fmt: skip
TEXTS = (mutated(DELAYS, TOKENS) | st.binary(max_size=30)).map(lambda b: b.decode("latin-1"))


@given(st.dictionaries(st.sampled_from(NAMES), TEXTS), st.lists(TEXTS, max_size=3))
@fuzz(400)
def test_any_stated_delay_is_a_number_of_seconds_or_none(
    headers: Mapping[str, str], sentences: list[str]
) -> None:
    """Finite and not negative, whatever units, dates and numbers it was made of."""
    fields = [("retry_after", sentence) for sentence in sentences]
    delay = stated_delay(headers, fields, sentences, 1_790_000_000.0)
    assert delay is None or (math.isfinite(delay) and delay >= 0), delay


@given(st.dictionaries(st.sampled_from(NAMES), TEXTS), st.sampled_from([429, 503, 529]))
@fuzz(200)
def test_any_delay_of_a_reply_is_bounded_in_its_verdict(
    headers: Mapping[str, str], status: int
) -> None:
    """As the engine gets it."""
    failure = Failure.from_reply("p", status, tuple(headers.items()), b"", stream=False)
    delay = Classifier().verdict(failure).retry_after_s
    assert delay is None or (math.isfinite(delay) and delay >= 0), delay


@pytest.mark.parametrize(
    "unit",
    ["again in ", "1h", "1 ", "retry after ", "9", "9.", "try again the request ", "秒后", "1d2h "],
)
def test_no_sentence_makes_the_search_for_a_delay_slow(unit: str) -> None:
    """The time grows with the length of the sentence."""
    assert growth(lambda size: stated_delay({}, (), ["wait " + unit * size], 1e9), 2000) < 10


@contextmanager
def refusing(told: str = "") -> Iterator[None]:
    """What is enclosed may be refused, in one sentence that names what it is about."""
    refused = None
    try:
        yield
    except Refusal as refusal:
        refused = refusal
    assert refused is None or (refused.status == 400 and told in str(refused))
    assert refused is None or "\n" not in str(refused)


@given(st.binary(max_size=12) | st.sampled_from([b"9" * 400, b"1_0", b"+1", b" 1", b"\xb2", b"0"]))
@fuzz(200)
def test_any_timeout_of_a_caller_is_a_positive_number_or_refused(given_value: bytes) -> None:
    """And so is the word that forbids a fallback."""
    with refusing("x-request-timeout-ms"):
        seconds = timeout_in({b"x-request-timeout-ms": given_value})
        assert seconds is not None
        assert seconds > 0
    with refusing("x-elizanet-no-fallback"):
        assert forbids_fallback({b"x-elizanet-no-fallback": given_value}) is (given_value == b"1")


def exchange(headers: list[tuple[bytes, bytes]]) -> Exchange:
    """A request with these headers, of which nothing else is read."""

    async def receive() -> MutableMapping[str, object]:
        raise AssertionError

    async def send(_message: MutableMapping[str, object]) -> None:
        raise AssertionError

    scope = {"type": "http", "headers": headers, "fields": dict(headers)}
    return Exchange(scope, receive, cast(Send, send))


@given(st.lists(st.binary(max_size=40), max_size=3))
@fuzz(200)
def test_any_hop_header_is_passed_on_or_refused(hops: list[bytes]) -> None:
    """Our own id in it, anywhere, is a loop; nothing else is."""
    own = "0123456789abcdef"
    headers = [(b"x-elizanet-hop", hop) for hop in hops]

    passed = HopGuard(own).passed_on(exchange(headers))
    assert passed[0][1].endswith(own)
    assert passed[0][1].isascii()
    with pytest.raises(Refusal):
        HopGuard(own).passed_on(exchange([(b"x-elizanet-hop", passed[0][1].encode())]))


BODIES = [
    b'{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]}',
    b'{"messages":[],"model":"\xc3\xa9","n":1e5,"stream":null}',
]
BODY_TOKENS = [
    b'"model":', b'"model":""', b'"model":1', b'"stream":"yes"', b"[" * 3000, b'{"a":' * 3000, b"\xff",
    b"\\ud800", b"\\u0000", b"NaN", b"9" * 400, b"\0", b"}", b"]", b",",
]  # fmt: skip


@given(mutated(BODIES, BODY_TOKENS) | st.binary(max_size=60))
@fuzz(400)
def test_any_body_is_a_request_or_refused_in_one_sentence(body: bytes) -> None:
    """What is accepted has a model; what is not is a 400 without a line break."""
    with refusing():
        wanted = decode_body(body)
        assert wanted.model.isprintable()
        assert wanted.stream in {True, False, None}


def test_deep_bodies_are_refused_soon() -> None:
    """A hundred thousand brackets are one sentence, not a stack."""
    for opening in (b"[", b'{"a":', b'{"model":'):
        with pytest.raises(Refusal):
            decode_body(b'{"model":"m","x":' + opening * 100_000)
