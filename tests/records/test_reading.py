"""Questions and their answers: what was written comes back, and sums are those of the rows."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from elizanet.errors import FailureClass, Skipped
from elizanet.records import histogram
from elizanet.records.errors import RecordsError
from elizanet.records.known import Known
from elizanet.records.making import make_call
from elizanet.records.model import CallRecord
from elizanet.records.opening import open_reader
from elizanet.records.reading import Dimension, Totals, Which, Window
from elizanet.records.yielding import READ_PORTION
from elizanet.telemetry import CallEnded, Outcome
from support.ended import attempt, ended
from support.recorded import answered, call_id, failed, moved, record, some

DIMENSIONS: tuple[Dimension, ...] = (
    "model", "target", "caller", "outcome", "failure_class", "fallback_reason", "operation"
)  # fmt: skip


def as_made(event: CallEnded) -> CallRecord:
    """Return the record that must come back."""
    return make_call(event, 0.0, "run_1", Known())


def key_of(call: CallRecord, by: Sequence[Dimension]) -> tuple[str, ...]:
    values = {
        "model": call.model,
        "target": f"{call.provider}/{call.provider_model}" if call.provider else "",
        "caller": call.caller,
        "outcome": call.outcome,
        "failure_class": call.failure_class or "",
        "fallback_reason": call.fallback_reason or "",
        "operation": call.operation,
    }
    return tuple(values[name] for name in by)


def test_a_call_comes_back_as_it_was_made(url: str) -> None:
    """Every field of a call with two attempts, and of one without any."""
    skipped = Skipped("openai", "gpt-4o", "rate_limited", 12.5, "until 12:00")
    events = [
        moved(passed_over=(skipped,), stream=True, targets=("openai/*", "elizanet/*")),
        ended(call_id=call_id(), outcome=Outcome.LEFT, usage=None, first_content=None),
        failed(),
    ]
    record(url, *events)
    reader = open_reader(url)
    for event in events:
        assert reader.call(event.call_id) == as_made(event)
    by_id = sorted(map(as_made, events), key=lambda call: call.id, reverse=True)
    assert reader.calls(Which()) == by_id
    reader.close()


def test_conditions_hold_together(url: str) -> None:
    """Each condition finds the calls that satisfy it, and two find those that satisfy both."""
    chance, now = random.Random(3), time.time()
    events = some(400, chance, now - 7200, 7000)
    calls = [as_made(event) for event in events]
    record(url, *events)
    reader = open_reader(url)

    def found(which: Which) -> set[str]:
        return {call.id for call in reader.calls(which, 1000)}

    def wanted(condition: object) -> set[str]:
        assert callable(condition)
        return {call.id for call in calls if condition(call)}

    asked = {c.id: {a.provider for a in c.attempts} for c in calls}
    classes = {c.id: {c.failure_class, *(a.failure_class for a in c.attempts)} for c in calls}
    since, until = now - 5000, now - 2000
    assert found(Which()) == wanted(lambda c: True)
    assert found(Which(since=since, until=until)) == wanted(lambda c: since <= c.at < until)
    assert found(Which(model="model-1")) == wanted(lambda c: c.model == "model-1")
    assert found(Which(provider="elizanet")) == wanted(lambda c: "elizanet" in asked[c.id])
    assert found(Which(provider="nobody")) == set()
    assert found(Which(caller="team-2")) == wanted(lambda c: c.caller == "team-2")
    assert found(Which(outcome="failed")) == wanted(lambda c: c.outcome == "failed")
    assert found(Which(failure_class="timeout")) == wanted(lambda c: "timeout" in classes[c.id])
    assert found(Which(run="run_1")) == wanted(lambda c: True)
    assert found(Which(run="run_2")) == set()
    assert found(Which(fallbacks=True)) == wanted(lambda c: c.fallback_reason is not None)
    assert found(Which(troubled=True)) == wanted(
        lambda c: c.fallback_reason is not None or c.outcome == "failed"
    )
    both = Which(model="model-1", caller="team-1", since=since, troubled=True)
    assert found(both) == wanted(
        lambda c: c.model == "model-1" and c.caller == "team-1" and c.at >= since
        and (c.fallback_reason is not None or c.outcome == "failed")
    )  # fmt: skip
    reader.close()


def test_a_call_that_failed_without_an_attempt_is_found_by_its_class(url: str) -> None:
    """Nobody was asked, and the class is the call's own."""
    event = ended(
        call_id=call_id(), outcome=Outcome.FAILED, failure_class=FailureClass.RATE_LIMIT,
        usage=None, first_content=None,
    )  # fmt: skip
    record(url, event)
    reader = open_reader(url)
    assert [c.id for c in reader.calls(Which(failure_class="rate_limit"))] == [event.call_id]
    reader.close()


def test_a_list_goes_on_from_the_last_call_of_the_page_before(url: str) -> None:
    """Pages of seven have each call once, newest first."""
    record(url, *some(50, random.Random(4), time.time() - 9000, 8500))
    reader, seen = open_reader(url), list[CallRecord]()
    while page := reader.calls(Which(before=seen[-1].id if seen else None), 7):
        seen += page
    assert seen == reader.calls(Which(), 1000)
    assert [call.id for call in seen] == sorted((call.id for call in seen), reverse=True)
    assert reader.calls(Which(), 0) == []
    named, found = Which(model="model-1"), list[CallRecord]()
    while page := reader.calls(replace(named, before=found[-1].id if found else None), 3):
        found += page
    assert found == reader.calls(named, 1000) == [one for one in seen if one.model == "model-1"]
    reader.close()


def test_a_beginning_of_an_id_finds_its_call_if_it_is_the_only_one(url: str) -> None:
    """Shorter than eight characters, or of two calls: one sentence; of none: None."""
    same, now = call_id(), time.time()
    first, second = answered(call_id=same[:-4] + "0000"), answered(call_id=same[:-4] + "1111")
    record(url, first, second)
    reader = open_reader(url)
    assert reader.call(first.call_id) is not None
    found = reader.call(second.call_id[:-3])
    assert found is not None
    assert found.id == second.call_id
    with pytest.raises(RecordsError, match="more than one call begins with"):
        reader.call(same[:-4])
    with pytest.raises(RecordsError, match="too short"):
        reader.call("req_012")
    assert reader.call(call_id(now - 3600)) is None
    reader.close()


@pytest.mark.parametrize("seed", range(3))
def test_sums_are_those_of_the_rows(url: str, seed: int) -> None:
    """By no, one and two dimensions, over a window with partial hours at both ends."""
    chance, now = random.Random(seed), time.time()
    events = some(600, chance, now - 6 * 3600, 6 * 3600)
    half = len(events) // 2
    record(url, *events[:half])
    record(url, *events[half:])
    calls = [as_made(event) for event in events]
    reader = open_reader(url)
    since, until = now // 60 * 60 - 5 * 3600 - 420, now // 60 * 60 - 660
    inside = [call for call in calls if since <= call.at < until]
    by_choice: list[tuple[Dimension, ...]] = [()]
    by_choice += [(one,) for one in DIMENSIONS]
    by_choice += [tuple(chance.sample(DIMENSIONS, 2)) for _ in range(3)]
    for by in by_choice:
        found = {sums.key: sums for sums in reader.totals(Window(since, until), by)}
        groups = Counter(key_of(call, by) for call in inside)
        assert {key: sums.calls for key, sums in found.items()} == groups
        for key, sums in found.items():
            check(sums, [call for call in inside if key_of(call, by) == key])
    counts = [sums.calls for sums in reader.totals(Window(since, until), ("caller",))]
    assert counts == sorted(counts, reverse=True)
    reader.close()


def check(sums: Totals, calls: list[CallRecord]) -> None:
    """The sums are those of these calls, percentiles within a tenth of the exact ones."""
    assert sums.calls == len(calls)
    outcomes = Counter(call.outcome for call in calls)
    assert (sums.answered, sums.failed, sums.broken, sums.left) == tuple(
        outcomes[name] for name in ("answered", "failed", "broken", "left")
    )
    assert sums.fallbacks == sum(call.fallback_reason is not None for call in calls)
    assert sums.hedged == sum(call.hedged for call in calls)
    assert sums.attempts == sum(len(call.attempts) for call in calls)
    assert sums.prompt_tokens == sum(call.prompt_tokens or 0 for call in calls)
    assert sums.completion_tokens == sum(call.completion_tokens or 0 for call in calls)
    assert sums.cost == pytest.approx(sum(call.cost or 0 for call in calls))
    seconds = [call.seconds for call in calls]
    content = [call.first_content for call in calls if call.stream and call.first_content]
    exact = [percentile(seconds, share) for share in (0.5, 0.95, 0.99)]
    exact += [percentile(content, share) for share in (0.5, 0.95, 0.99)]
    found = [sums.seconds_p50, sums.seconds_p95, sums.seconds_p99]
    found += [sums.first_content_p50, sums.first_content_p95, sums.first_content_p99]
    assert found == [None if one is None else pytest.approx(one, rel=0.1) for one in exact]


def percentile(values: list[float], share: float) -> float | None:
    """Return the exact percentile: the value of that rank."""
    return sorted(values)[math.ceil(share * len(values)) - 1] if values else None


@pytest.mark.parametrize("step", [60, 300, 900, 3600, 7200])
def test_a_series_adds_up_to_the_totals(url: str, step: int) -> None:
    """Each step has the calls that began in it, and steps without calls are left out."""
    chance, now = random.Random(step), time.time()
    events = some(200, chance, now - 4 * 3600, 4 * 3600)
    record(url, *events)
    calls = [as_made(event) for event in events]
    reader = open_reader(url)
    begin = (now - 4 * 3600) // step * step
    points = reader.series(Window(begin, now + 1), step, ("outcome",))
    found = {(point.at, *point.totals.key): point.totals.calls for point in points}
    assert found == Counter((call.at // step * step, call.outcome) for call in calls)
    assert [point.at for point in points] == sorted(point.at for point in points)
    whole = reader.series(Window(begin, now + 1), step)
    for point in whole:
        check(point.totals, [c for c in calls if point.at <= c.at < point.at + step])
    reader.close()


def test_percentiles_are_left_out_where_nobody_wants_them(url: str) -> None:
    """Everything else is the same."""
    record(url, *some(50, random.Random(3), time.time() - 3600, 3600))
    reader = open_reader(url)
    window = Window(time.time() - 7200, time.time())
    whole, counted = (reader.totals(window, percentiles=wanted)[0] for wanted in (True, False))
    steps = zip(
        reader.series(window, 300), reader.series(window, 300, percentiles=False), strict=True
    )
    for with_them, without in [(whole, counted), *((a.totals, b.totals) for a, b in steps)]:
        assert with_them.seconds_p50 is not None
        left_out = [n for n in Totals.__struct_fields__ if n.endswith(("_p50", "_p95", "_p99"))]
        assert len(left_out) == 6
        assert without == replace(with_them, **dict.fromkeys(left_out))
    reader.close()


def test_adding_up_leaves_the_interpreter_to_others_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The dashboard asks in the process that answers calls."""
    pauses: list[float] = []
    monkeypatch.setattr("elizanet.records.yielding.time.sleep", pauses.append)
    stored = histogram.pack(histogram.one(0.5))
    rows = [("", stored, b"")] * (3 * READ_PORTION)
    assert histogram.added(rows) == {("",): (3 * READ_PORTION * histogram.one(0.5), 0)}
    assert len(pauses) == 2


def test_a_step_that_is_no_multiple_of_a_minute_is_refused(url: str) -> None:
    """One sentence with the step."""
    record(url, answered())
    reader = open_reader(url)
    with pytest.raises(ValueError, match="a step of 90 s is not a multiple of 60 s"):
        reader.series(Window(0, 1), 90)
    reader.close()


def test_what_is_no_dimension_is_refused(url: str) -> None:
    """It never becomes a part of a statement."""
    record(url, answered())
    reader = open_reader(url)
    told = 'calls are not summed by "1; DROP TABLE calls"; allowed here: model, target'
    by: Any = ("1; DROP TABLE calls",)
    for ask in (
        lambda: reader.totals(Window(0, 1), by),
        lambda: reader.series(Window(0, 1), 60, by),
    ):
        with pytest.raises(ValueError, match=told):
            ask()
    reader.close()


def test_a_window_longer_than_a_day_is_of_whole_hours(url: str) -> None:
    """It is widened: what was called in the same hours belongs to it."""
    now = time.time()
    hour = now // 3600 * 3600
    record(url, answered(hour + 1), answered(hour - 50 * 3600 + 1))
    reader = open_reader(url)
    assert reader.totals(Window(hour - 50 * 3600 + 1800, hour + 60))[0].calls == 2
    assert reader.totals(Window(hour - 3600, hour))[0].calls == 0
    (old,) = reader.totals(Window(hour - 50 * 3600 + 600, hour - 50 * 3600 + 700))
    assert old.calls == 1
    reader.close()


def test_no_calls_have_one_total_without_percentiles(url: str) -> None:
    """An empty window is not an error."""
    record(url, answered())
    reader = open_reader(url)
    assert reader.totals(Window(0, 60)) == [Totals()]
    assert reader.totals(Window(0, 60), ("model",)) == []
    assert reader.series(Window(0, 60), 60) == []
    assert reader.attempts(Window(0, 60)) == []
    reader.close()


def test_attempts_are_summed_by_target_and_end(url: str) -> None:
    """Two targets, one of which failed in two ways."""
    now = time.time()
    slow = ended(attempt("openai", FailureClass.TIMEOUT, duration=30.0), call_id=call_id(now))
    record(url, answered(now), answered(now), moved(now), slow)
    reader = open_reader(url)
    found = [
        (one.provider, one.failure_class, one.attempts, one.mean_duration)
        for one in reader.attempts(Window(now - 60, now + 60))
    ]
    assert found == [
        ("openai", "", 2, 0.5),
        ("elizanet", "", 1, 0.5),
        ("openai", "overloaded", 1, 0.5),
        ("openai", "timeout", 1, 30.0),
    ]
    reader.close()


def test_ends_are_counted_to_the_millisecond(url: str) -> None:
    """By outcome and failure class, without the rest of the minute."""
    now = time.time()
    events = [answered(now - 5), answered(now - 1), answered(now), moved(now), failed(at=now - 1)]
    record(url, *events)
    reader = open_reader(url)
    found = {(outcome, why): n for outcome, why, n in reader.ended(Window(now - 2, now + 1))}
    reader.close()
    why = failed().failure_class
    assert found == {("answered", ""): 3, ("failed", why): 1}
