"""Which requests a fault strikes, and what several faults do together."""

from __future__ import annotations

import json

import pytest

from elizanet.testing import Fault, ReceivedRequest
from elizanet.testing.planning import ArmedFault, plan
from elizanet.testing.reply import HttpReply, StreamEvent, stream_reply
from elizanet.testing.wire import Delivery

GOOD = HttpReply()


def request(
    model: str = "gpt-4o", path: str = "/v1/chat/completions", *, stream: bool = False
) -> ReceivedRequest:
    body = json.dumps({"model": model, "stream": stream}).encode()
    return ReceivedRequest("POST", path, (), body, 0.0)


def struck(spec: str, count: int) -> list[int]:
    """Which of `count` equal requests are struck."""
    armed = ArmedFault(Fault.parse(spec))
    return [number for number in range(count) if armed.strikes(request(), GOOD)]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("hang", [0, 1, 2, 3, 4]),
        ("hang,times=2", [0, 1]),
        ("hang,after=3", [3, 4]),
        ("hang,after=1,times=2", [1, 2]),
        ("hang,times=0", []),
        ("hang,rate=0", []),
        ("hang,rate=1", [0, 1, 2, 3, 4]),
        ("refuse", []),
    ],
)
def test_a_fault_strikes_some_of_its_requests(spec: str, expected: list[int]) -> None:
    """`times` and after count the requests that the fault is meant for."""
    assert struck(spec, 5) == expected


def test_chance_is_fair_and_repeatable() -> None:
    """The same seed strikes the same requests, another seed others, at the rate asked for."""
    hits = struck("hang,rate=0.3", 2000)
    assert 500 < len(hits) < 700
    assert struck("hang,rate=0.3", 2000) == hits
    assert struck("hang,rate=0.3,seed=1", 2000) != hits


@pytest.mark.parametrize(
    ("spec", "asked", "expected"),
    [
        ("hang,path=chat/completions", request(), True),
        ("hang,path=/v1/chat/completions", request(), True),
        ("hang,path=*completions", request(), True),
        ("hang,path=embeddings", request(), False),
        ("hang,model=gpt-4o", request("gpt-4o-mini"), False),
        ("hang,model=gpt-4o*", request("gpt-4o-mini"), True),
        ("hang,model=GPT-4o", request(), False),
        ("hang,stream=yes", request(stream=True), True),
        ("hang,stream", request(stream=True), True),
        ("hang,stream=yes", request(), False),
        ("hang,stream=no", request(stream=True), False),
        ("hang,stream=no", request(), True),
    ],
)
def test_a_fault_is_meant_for_some_requests(
    spec: str,
    asked: ReceivedRequest,
    expected: bool,
) -> None:
    """`path` and model are globs, stream is yes or no."""
    assert ArmedFault(Fault.parse(spec)).strikes(asked, GOOD) is expected


def test_requests_it_is_not_meant_for_do_not_count() -> None:
    """times=1 for one model waits for a request with that model."""
    armed = ArmedFault(Fault.parse("hang,model=b,times=1"))
    models = ["a", "b", "a", "b"]
    assert [armed.strikes(request(model), GOOD) for model in models] == [False, True, False, False]


def outcomes(specs: list[str], count: int) -> list[str]:
    armed = [ArmedFault(Fault.parse(spec)) for spec in specs]
    return [plan(armed, Delivery(), request(), GOOD).outcome for _ in range(count)]


def test_faults_in_a_row_are_a_script() -> None:
    """A fault does not count the requests that one before it decided."""
    specs = ["rate_limit,times=1", "hang,times=2", "status=503,times=1"]
    assert outcomes(specs, 5) == [specs[0], specs[1], specs[1], specs[2], "200"]


def test_deliveries_add_up_and_leave_the_decision_to_others() -> None:
    """slow, split and gzip work together, on good answers and on faults."""
    armed = [ArmedFault(Fault.parse(s)) for s in ("slow=1", "status=503", "slow=2", "gzip", "hang")]
    planned = plan(armed, Delivery(delay=0.5), request(), GOOD)
    assert planned.delivery == Delivery(delay=3.5, encoding="gzip")
    assert planned.outcome == "status=503 + slow=1 + slow=2 + gzip"


def test_faults_of_streams_look_at_the_answer() -> None:
    """A stream that is refused is not a stream that can be cut."""
    armed = ArmedFault(Fault.parse("cut_stream"))
    assert not armed.strikes(request(stream=True), HttpReply(status=400))
    events: list[StreamEvent] = []
    assert armed.strikes(request(stream=True), stream_reply(events))
    assert repr(armed) == "<ArmedFault cut_stream, 1 requests seen>"
