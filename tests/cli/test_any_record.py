"""Whatever is recorded can be told: of any version, of any provider, of any length."""

from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from elizanet.call import Bound, Role
from elizanet.cli.call_lines import Lines, plain
from elizanet.cli.explaining import explanation
from elizanet.cli.waterfall import waterfall
from elizanet.errors import FailureClass, Skipped
from elizanet.health import Reason
from elizanet.records.model import AttemptRecord, CallRecord, ChangeRecord
from elizanet.telemetry import Outcome

NAMES = st.sampled_from(["openai", "azure", "groq", "a", "ünï", "名前", "x" * 90, "\x1b[31m"])
SECONDS = st.floats(0, 1e6, allow_nan=False)
WORDS = st.text(max_size=40).filter(lambda text: "None" not in text)
MAYBE_COST = st.none() | st.floats(-10, 1e6, allow_nan=False)
MAYBE_COUNT = st.none() | st.integers(0, 10**9)


def attempts() -> st.SearchStrategy[tuple[AttemptRecord, ...]]:
    one = st.builds(
        AttemptRecord,
        number=st.integers(1, 6),
        provider=NAMES,
        model=NAMES,
        role=st.sampled_from([*map(str, Role), "a role of tomorrow"]),
        key=NAMES,
        started=SECONDS,
        duration=SECONDS,
        failure_class=st.none() | st.sampled_from([*map(str, FailureClass), "new_class"]),
        status=st.none() | st.integers(100, 599),
        message=WORDS,
        request_id=st.none() | WORDS,
    )
    return st.lists(one, max_size=4).map(tuple)


def passed_over() -> st.SearchStrategy[tuple[Skipped, ...]]:
    reasons = st.sampled_from([*map(str, Reason), "a_reason_of_tomorrow"])
    one = st.builds(Skipped, NAMES, NAMES, reasons, st.none() | SECONDS, WORDS)
    return st.lists(one, max_size=3).map(tuple)


RECORDS = st.builds(
    CallRecord,
    id=st.integers(0, 2**64).map(lambda n: f"req_{n:028x}"),
    at=st.floats(0, 4e9),
    run=st.just("run_1"),
    operation=st.just("chat/completions"),
    model=NAMES,
    chain=NAMES,
    targets=st.lists(NAMES.map(lambda name: f"{name}/*"), max_size=3).map(tuple),
    caller=NAMES,
    stream=st.booleans(),
    outcome=st.sampled_from([*map(str, Outcome), "an outcome of tomorrow"]),
    failure_class=st.none() | st.sampled_from([*map(str, FailureClass), "new_class"]),
    provider=NAMES,
    provider_model=NAMES,
    fallback_reason=st.none() | st.sampled_from([*map(str, FailureClass)]),
    attempts=attempts(),
    passed_over=passed_over(),
    bound=st.none() | st.sampled_from([*map(str, Bound), "a_bound_of_tomorrow"]),
    seconds=SECONDS,
    first_content=st.none() | SECONDS,
    prompt_tokens=MAYBE_COUNT,
    completion_tokens=MAYBE_COUNT,
    estimated=st.booleans(),
    cost=MAYBE_COST,
    extra_cost=MAYBE_COST,
)
CHANGES = st.lists(
    st.builds(
        ChangeRecord,
        at=st.floats(0, 4e9),
        run=st.just("run_1"),
        subject=NAMES,
        what=st.sampled_from(["breaker", "gate", "key", "target", "check"]),
        state=st.sampled_from(["open", "closed", "shut for 5 s"]),
        reason=WORDS,
    ),
    max_size=3,
)


@given(record=RECORDS, changes=CHANGES)
@settings(max_examples=300, deadline=None)
def test_every_record_has_an_explanation(record: CallRecord, changes: list[ChangeRecord]) -> None:
    """In whole sentences."""
    told = explanation(record, changes, changes)
    for sentence in (told.headline, *told.steps):
        assert sentence.endswith(".")
        assert "None" not in sentence.replace(record.model, "")
    assert len(told.changes) == len(changes)


@given(records=st.lists(RECORDS, min_size=1, max_size=4), width=st.integers(40, 200))
@settings(max_examples=150, deadline=None)
def test_every_record_is_one_line_that_fits(records: list[CallRecord], width: int) -> None:
    """On a terminal; and one line in a pipe, without what could steer a terminal."""
    lines = Lines(width, records, unicode=True)
    for record in records:
        *_, line = lines.draw(record)
        assert line.cell_len <= width
        told = plain(record)
        assert "\n" not in told
        assert "\x1b" not in told + line.plain


@given(record=RECORDS, width=st.integers(60, 200))
@settings(max_examples=100, deadline=None)
def test_every_record_has_a_picture_that_fits(record: CallRecord, width: int) -> None:
    """With a row a step, however long it took."""
    screen = Console(file=io.StringIO(), width=width, color_system=None)
    with screen.capture() as drawn:
        screen.print(waterfall(record, width - 2, unicode=True))
    lines = drawn.get().splitlines()
    assert len(lines) == len(record.attempts) + len(record.passed_over) or not lines[0].strip()
    assert "\x1b" not in drawn.get()
