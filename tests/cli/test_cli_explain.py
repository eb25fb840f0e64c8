"""`elizanet explain`: why a call went where it went."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from msgspec.structs import replace

from elizanet.call import Attempt, Bound, Call, Event, EventKind, Role, Usage
from elizanet.capture import Captured
from elizanet.cli import main
from elizanet.cli.explaining import explanation
from elizanet.cli.explaining.endings import BOUND
from elizanet.cli.paths import path_of
from elizanet.cli.records_text import FAILED, SKIPPED, steps_of, target_of
from elizanet.errors import FailureClass, Skipped
from elizanet.health import Reason
from elizanet.operation import Operation
from elizanet.records.finding import milliseconds
from elizanet.records.model import CallRecord, ChangeRecord
from elizanet.records.opening import connect
from elizanet.records.rows import CHANGE_COLUMNS, change_row, insert_into
from elizanet.telemetry import LEFT, OUTRUN, HealthChanged, Outcome
from support.made_calls import call_id, made, record, record_of, tried

Run = Callable[..., Awaitable[CompletedProcess[str]]]

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
NOW = time.time() - 100
ID = call_id(NOW)
USED = Usage(1204, 310, 1514)
LIMITED = tried("openai", "rate_limit", 429, "Rate limit reached")
BREAKER = Skipped("openai", "gpt-4o", "breaker_open", 12.2, "overloaded")


def next_to(provider: str = "azure", failure: str | None = None, **changes: Any) -> Attempt:
    """An attempt that follows a failure."""
    given = {"role": Role.NEXT, "started": 0.1, "status": None if failure else 200, **changes}
    return tried(provider, failure, **given)


def recorded(*attempts: Attempt, **changes: Any) -> CallRecord:
    """The record of a call."""
    return record_of(made(ID, *attempts, **changes))


def story(*attempts: Attempt, before: tuple[ChangeRecord, ...] = (), **changes: Any) -> str:
    """What is told of a call, as one text."""
    told = explanation(recorded(*attempts, **changes), before, ())
    return "\n".join((told.headline, *told.steps, told.cost))


def change(
    what: str, state: str, subject: str, *, ago: float = 18.0, run: str = "run_1"
) -> ChangeRecord:
    return ChangeRecord(at=NOW - ago, run=run, subject=subject, what=what, state=state, reason="r")


def test_a_call_that_went_well_is_told_in_two_sentences() -> None:
    """Who could have been asked, who was, and what it took."""
    assert story(tried(usage=USED)).splitlines() == [
        "openai/gpt-4o, the first choice, answered in 110 ms.",
        'The chain "gpt-4o*" has 3 targets, in this order: openai/gpt-4o, azure/gpt-4o, groq/llama.',
        "openai/gpt-4o was asked first. It answered after 100 ms.",
        "azure/gpt-4o, groq/llama were not needed.",
        "It took 1,204 tokens for the prompt and 310 for the answer, together $0.0061.",
    ]


def test_a_fallback_is_told_with_its_reason_and_its_price() -> None:
    """What the first one said, why another was asked, and what that was more."""
    told = story(LIMITED, next_to(usage=USED))
    assert told.startswith(
        "azure/gpt-4o answered in 210 ms, because openai/gpt-4o was rate limited.\n"
    )
    assert 'It was rate limited after 100 ms (429: "Rate limit reached").' in told
    assert "So azure/gpt-4o was asked: limits are each provider's own." in told
    assert told.endswith("together $0.0122: $0.0061 more than if openai/gpt-4o had answered.")


def test_who_was_not_asked_is_told_with_why_until_and_since_when() -> None:
    """By what this process had found out before."""
    known = (
        change("breaker", "open", "openai/gpt-4o chat/completions", ago=30),
        change("breaker", "half_open", "openai/gpt-4o chat/completions", ago=18),
        change("breaker", "open", "openai/gpt-4o chat/completions", ago=5, run="another"),
        change("breaker", "open", "openai/gpt-4o-mini chat/completions", ago=4),
        change("gate", "shut for 60 s", "openai/gpt-4o chat/completions", ago=3),
        change("breaker", "closed", "openai", ago=2),
    )
    told = story(tried("azure"), passed_over=(BREAKER,), before=known)
    assert told.startswith(
        "azure/gpt-4o answered in 110 ms, because openai/gpt-4o was not asked (breaker open).\n"
    )
    assert (
        "openai/gpt-4o was not asked: its breaker was open, because it had failed too often"
        ' ("overloaded"), for another 12 s. That was known since '
    ) in told
    assert ", 18 s before.\nazure/gpt-4o was asked instead. It answered" in told


@pytest.mark.parametrize(
    ("reason", "what", "subject", "state"),
    [
        ("key_quarantined", "key", "openai", "quarantined for 600 s"),
        ("quota_exhausted", "key", "openai key 2", "quarantined for 600 s"),
        ("target_quarantined", "target", "openai/gpt-4o chat/completions (k)", "quarantined"),
        ("rate_limited", "gate", "openai/gpt-4o chat/completions", "shut for 60 s"),
        ("overloaded", "gate", "openai/gpt-4o chat/completions", "shut for 9 s"),
        ("breaker_open", "breaker", "openai", "open"),
    ],
)
def test_each_refusal_is_traced_to_what_was_found_out(
    reason: str, what: str, subject: str, state: str
) -> None:
    """About the provider, its key, or this model of it."""
    skipped = Skipped("openai", "gpt-4o", reason, None)
    known = (change(what, state, subject),)
    assert "18 s before" in story(tried("azure"), passed_over=(skipped,), before=known)
    elsewhere = (change(what, state, "azure"), change("check", "unhealthy", "openai"))
    told = story(tried("azure"), passed_over=(skipped,), before=elsewhere)
    assert "That was known" not in told


def test_every_class_and_every_reason_has_words() -> None:
    """A new one would be told by its name."""
    assert set(FAILED) == set(FailureClass)
    assert set(SKIPPED) == set(Reason)
    assert set(BOUND) == set(Bound)
    for failure in FailureClass:
        told = story(tried("openai", failure, None), next_to())
        assert "_" not in told.replace("chain", "")
    for reason in Reason:
        skipped = Skipped("openai", "gpt-4o", reason, None)
        assert "_" not in story(tried("azure"), passed_over=(skipped,))


def test_an_operators_hand_is_told_as_such() -> None:
    """It is no failure of the target's."""
    held = Skipped("openai", "gpt-4o", "breaker_open", None, "an operator decided")
    told = story(tried("azure"), passed_over=(held,))
    assert "openai/gpt-4o was not asked: an operator held its breaker open." in told


def test_a_second_try_is_told_with_its_pause() -> None:
    """And with why there was one."""
    refused = tried("openai", "connection", None, "the connection was refused")
    again = tried(started=0.15, role=Role.AGAIN)
    told = story(refused, again)
    assert told.startswith("openai/gpt-4o, the first choice, answered in 260 ms, at attempt 2.")
    assert 'It could not be reached after 100 ms ("the connection was refused").' in told
    assert "It was asked again 50 ms later: nothing had been sent" in told


def test_a_late_hedge_is_told_as_a_race() -> None:
    """Whoever wins it."""
    silent = tried("openai", "timeout", None, "another target did", duration=1.31)
    won = next_to(role=Role.HEDGE, started=1.2)
    told = story(silent, won, stream=True, first_content=1.3)
    assert told.startswith(
        "azure/gpt-4o answered in 1.32 s, because openai/gpt-4o stayed silent.\n"
    )
    assert "After 1.2 s without a word, azure/gpt-4o was asked beside it." in told
    lost = next_to("azure", "cancelled", role=Role.HEDGE, started=1.2, message="too slow")
    told = story(tried(duration=1.3), lost, stream=True, first_content=1.3)
    assert told.startswith("openai/gpt-4o, the first choice, answered in 1.31 s.\n")
    assert "It was given up after 100 ms: too slow." in told


def test_a_rescue_and_a_panic_are_told() -> None:
    """Why it left, and why it went in spite of everything."""
    told = story(tried("openai", "timeout", None, duration=0.05), next_to(role=Role.RESCUE))
    assert "Other calls found it down meanwhile, so this one left it for azure/gpt-4o." in told
    told = story(tried(role=Role.PANIC), passed_over=(BREAKER,))
    assert told.startswith("openai/gpt-4o, the first choice, answered in 110 ms.\n")
    assert "openai/gpt-4o could not be asked at once: its breaker was open" in told
    assert "Nobody would take the call. Breakers may be wrong, so openai/gpt-4o was asked" in told
    told = story(tried(role=Role.PANIC), passed_over=(BREAKER,), bound=Bound.CALLER)
    assert (
        "Nobody else was to be asked: the caller had forbidden fallback."
        " Breakers may be wrong, so openai/gpt-4o was asked anyway."
    ) in told


def test_a_continued_and_a_cut_stream_are_told() -> None:
    """What the caller had by then decides."""
    broke = tried("openai", "stream_interrupted", 200, "cut")
    goes_on = next_to(role=Role.CONTINUATION, started=0.3)
    told = story(broke, goes_on, stream=True, first_content=0.1)
    assert 'Its first content came after 100 ms; then it broke off ("cut").' in told
    assert "azure/gpt-4o was asked to go on where it had stopped." in told
    told = story(broke, stream=True, first_content=0.1, outcome=Outcome.BROKEN)
    assert told.startswith("The answer of openai/gpt-4o broke off after 110 ms,")
    assert "half an answer is never passed off as a whole one." in told
    before_content = tried("openai", "stream_interrupted", 200, "cut")
    told = story(before_content, next_to(), stream=True, first_content=0.2)
    assert "It broke its stream off after 100 ms" in told
    assert "the caller had seen nothing of it yet" in told


@pytest.mark.parametrize(
    ("attempts", "changes", "ending"),
    [
        ((tried("openai", "bad_request", 400),), {},
         "What is wrong with the request would be wrong everywhere: nobody else was asked"),
        ((tried("openai", "content_policy", 400),), {}, "A refusal is an answer: nobody else"),
        ((LIMITED, next_to("azure", "overloaded"), next_to("groq", "timeout", model="llama")),
         {}, "Nobody was left to ask"),
        ((LIMITED,), {}, "azure/gpt-4o, groq/llama were not asked: this call was not to fall back"),
        ((LIMITED,), {"bound": Bound.CALLER},
         "azure/gpt-4o, groq/llama were not asked: the caller had forbidden fallback."),
        ((LIMITED,), {"bound": Bound.OPERATOR}, ": the operator has turned fallback off."),
        ((LIMITED,), {"bound": Bound.REFERENCE}, ": the request refers to what only one"),
        ((LIMITED,), {"bound": Bound.UPLOAD}, ": the request was too large to be kept"),
        ((LIMITED,), {"bound": Bound.FAILURE}, ": the configuration lets such a failure end"),
        ((LIMITED,), {"bound": Bound.TIME}, ": the time of the call was over."),
        ((LIMITED,), {"bound": Bound.ATTEMPTS}, ": the call had made all the attempts that"),
        ((LIMITED,), {"bound": Bound.NOBODY}, ": what had been said ruled that out."),
        ((tried("openai", "bad_request", 400),), {"bound": Bound.FAILURE},
         "would be wrong everywhere: nobody else was asked"),
        ((tried("openai", "context_window_exceeded", 400),), {"bound": Bound.NOBODY},
         "Only a larger window would help, and there is none: nobody else was asked"),
        ((tried("openai", "context_window_exceeded", 400),), {"bound": Bound.CALLER},
         "groq/llama were not asked: the caller had forbidden fallback."),
        ((tried("openai", "content_policy", 400),), {"bound": Bound.TIME},
         "groq/llama were not asked: the time of the call was over."),
        ((), {"passed_over": (BREAKER,), "bound": Bound.CALLER},
         "groq/llama were not asked: the caller had forbidden fallback. So nobody was asked."),
        ((), {"passed_over": (BREAKER, Skipped("azure", "gpt-4o", "rate_limited", 20.0))},
         "So nobody was asked. The caller was told that at once, and when to come back: in 12 s."),
        ((), {"passed_over": (Skipped("openai", "gpt-4o", "full", None),)},
         "So nobody was asked. The caller was told that at once."),
    ],
)  # fmt: skip
def test_why_nobody_answered_is_told(
    attempts: tuple[Attempt, ...], changes: dict[str, Any], ending: str
) -> None:
    """Because it could not help, because nobody was left, or because it was not to be."""
    failed: dict[str, Any] = {"outcome": Outcome.FAILED, "failure_class": FailureClass.OVERLOADED}
    told = story(*attempts, **failed, **changes)
    assert re.match(r"Nobody answered: the caller got an error after \d+ ms \(overloaded\)", told)
    assert ending in told


def test_steps_are_told_in_the_order_of_their_turn() -> None:
    """Whoever was passed over stands where it would have been asked."""
    groq = Skipped("groq", "llama", "full", None)
    call = recorded(LIMITED, next_to("azure", "overloaded"), passed_over=(groq,))
    assert [target_of(step) for step in steps_of(call)] == [
        "openai/gpt-4o", "azure/gpt-4o", "groq/llama",
    ]  # fmt: skip
    azure = Skipped("azure", "gpt-4o", "full", None)
    call = recorded(LIMITED, next_to("groq", model="llama"), passed_over=(azure,))
    assert [target_of(step) for step in steps_of(call)] == [
        "openai/gpt-4o", "azure/gpt-4o", "groq/llama",
    ]  # fmt: skip


def test_another_key_of_a_target_is_not_another_target() -> None:
    """It is told apart, in the path too."""
    refused = Skipped("openai", "gpt-4o", "key_quarantined", 500.0, "no such key")
    told = story(tried(key="openai key 2"), passed_over=(refused,), first_choice=None)
    assert "Through another of its keys openai/gpt-4o was not asked" in told
    assert "openai/gpt-4o (with openai key 2) was asked instead." in told
    first = tried("openai", "auth", 401, key="openai key 1")
    call = recorded(first, next_to("openai", key="openai key 2"))
    assert path_of(call).told("->") == "openai key 1 key refused -> openai key 2"


def test_a_caller_who_leaves_is_told_with_who_was_answering() -> None:
    """Or who was asked."""
    left: dict[str, Any] = {"outcome": Outcome.LEFT}
    told = story(tried(), stream=True, first_content=0.1, **left)
    assert told.startswith("The caller went away after 110 ms, while openai/gpt-4o was answering.")
    call = recorded(tried(), stream=True, first_content=0.1, **left)
    assert path_of(call).told("->") == "openai answering -> caller left"
    call = recorded(tried("openai", "cancelled", None, LEFT), **left)
    assert path_of(call).told("->") == "openai asked -> caller left"
    told = story(tried("openai", "cancelled", None, LEFT), **left)
    assert told.startswith("The caller went away after 110 ms.\n")
    assert "openai/gpt-4o was asked first. The caller went away 100 ms later." in told


def test_a_call_that_the_gateway_cut_off_is_not_said_to_be_left() -> None:
    """The reason is told with the attempt, and of those who were not asked."""
    cut = tried("openai", "cancelled", None, "the gateway was shutting down")
    told = story(
        cut,
        outcome=Outcome.FAILED,
        failure_class=FailureClass.CANCELLED,
        bound=Bound.DRAINING,
    )
    assert "It was given up after 100 ms: the gateway was shutting down." in told
    assert "azure/gpt-4o, groq/llama were not asked: the gateway was shutting down." in told


def test_a_hedge_that_lost_was_not_left_by_the_caller_who_leaves_later() -> None:
    """It was given up because there was an answer by then."""
    lost = next_to("azure", "cancelled", role=Role.HEDGE, started=0.3, message=OUTRUN)
    told = story(tried(duration=0.4), lost, stream=True, first_content=0.4, outcome=Outcome.LEFT)
    assert "azure/gpt-4o was asked beside it. It was given up after 100 ms: another" in told


def test_models_are_named_where_a_provider_has_several() -> None:
    """Else the path would say the same name twice."""
    call = recorded(LIMITED, next_to("openai", model="gpt-4o-mini"))
    assert path_of(call).told(">") == "openai/gpt-4o rate limited > openai/gpt-4o-mini"
    twice = recorded(LIMITED, tried("openai", "rate_limit", 429), next_to())
    assert path_of(twice).told(">") == "openai rate limited x2 > azure"


# The command


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fallen-back call, what became known before it and after it, and a call beside it."""
    before = HealthChanged("openai/gpt-4o chat/completions", "breaker", "open", "503")
    call = made(ID, tried("azure", usage=USED), passed_over=(BREAKER,), caller="team-a")
    other = made(call_id(NOW, 1), tried())
    url = record(tmp_path, before, call, other)
    monkeypatch.setenv("ELIZANET_DB", url)
    return url


@pytest.mark.parametrize("given", [ID, ID[4:], ID[:-3] + "0", f" {ID} "])
def test_an_id_or_its_beginning_is_enough(
    database: str, given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With or without its prefix; off a terminal each sentence is one line."""
    code = main(["explain", given])
    out, err = capsys.readouterr()
    if given == ID[:-3] + "0":
        assert (code, out) == (1, "")
        assert 'more than one call begins with "' in err
        return
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == ID
    assert re.search(r", chat/completions of gpt-4o, asked by team-a, run run_1$", lines[1])
    assert "openai/gpt-4o was not asked (breaker open)." in lines[3]
    assert any(line.startswith("2. openai/gpt-4o was not asked: its breaker") for line in lines)
    assert "not asked: breaker open" in lines[5]
    assert re.search(r"azure/gpt-4o +━+╌* +110 ms  answered", lines[6])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("req_000000000000", "no call is recorded as 'req_000000000000'; elizanet logs shows"),
        ("abc", '"req_abc" is too short for the beginning of an id'),
        ("%_%_%_%_%", "no call is recorded as '%_%_%_%_%'"),
        ("'; DROP TABLE calls; --", "no call is recorded as"),
    ],
)
def test_a_call_that_is_not_there_is_one_sentence(
    database: str, given: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1."""
    assert main(["explain", given]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert sentence in err


def test_the_json_has_the_record_and_the_words(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one object."""
    assert main(["explain", ID, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["call"]["id"] == ID
    assert report["call"]["passed_over"][0]["reason"] == "breaker_open"
    assert report["explanation"]["headline"].startswith("azure/gpt-4o answered in 110 ms")
    assert len(report["explanation"]["steps"]) == 4


@pytest.mark.parametrize("columns", [60, 80, 160])
async def test_a_terminal_shows_a_picture_that_fits(
    run_in_terminal: Run, tmp_path: Path, columns: int
) -> None:
    """And nothing that would steer it."""
    said = tried("openai", "overloaded", 503, "down \x1b]0;gotcha\x07 [bold]today[/bold]" * 3)
    url = record(tmp_path, made(ID, said, next_to(usage=USED)))
    shown = await run_in_terminal("explain", ID, columns=columns, ELIZANET_DB=url)
    assert shown.returncode == 0
    assert "\x1b]0;" not in shown.stdout
    lines = [line.rstrip() for line in ESCAPES.sub("", shown.stdout).splitlines()]
    assert max(map(len, lines)) <= columns
    first, second = (line for line in lines if "━" in line)
    assert re.match(r"  openai/gpt-4o  ━+ +100 ms  503 overloaded", first)
    assert re.match(r"  azure/gpt-4o    +━+╌* +110 ms  answered", second)
    assert "[bold]today[/bold]" in " ".join(lines)


async def test_a_narrow_terminal_shows_no_bars(run_in_terminal: Run, tmp_path: Path) -> None:
    """Names and verdicts are shortened with a mark; how long it took is whole."""
    url = record(tmp_path, made(ID, LIMITED, next_to(usage=USED)))
    shown = await run_in_terminal("explain", ID, columns=40, ELIZANET_DB=url)
    lines = [line.rstrip() for line in ESCAPES.sub("", shown.stdout).splitlines()]
    assert max(map(len, lines)) <= 40
    assert "  openai/gpt-4o  100 ms  429 rate limit…" in lines
    assert "  azure/gpt-4o   110 ms  answered" in lines


async def test_without_colour_and_without_unicode_it_says_the_same(
    run_in_terminal: Run, tmp_path: Path
) -> None:
    """NO_COLOR, and an old terminal."""
    url = record(tmp_path, made(ID, LIMITED, next_to()))
    plain = await run_in_terminal("explain", ID, ELIZANET_DB=url, NO_COLOR="1")
    assert "\x1b[" not in plain.stdout
    old = await run_in_terminal("explain", ID, ELIZANET_DB=url, PYTHONIOENCODING="ascii")
    assert old.stdout.isascii()
    assert "===" in old.stdout


def test_what_became_known_meanwhile_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of its own targets, by its own process, while it was under way."""
    now = time.time()
    call = made(call_id(now - 5), LIMITED, next_to(), seconds=60.0)
    changes = [
        HealthChanged(subject, "gate", "shut for 60 s", subject)
        for subject in ("openai/gpt-4o chat/completions", "openai/other chat/completions", "groq")
    ]
    monkeypatch.setenv("ELIZANET_DB", record(tmp_path, call, *changes))
    record(tmp_path, HealthChanged("azure", "breaker", "open", "elsewhere"), run="run_2")
    assert main(["explain", call.call_id]) == 0
    *_, title, only = capsys.readouterr().out.splitlines()
    assert title == "What became known meanwhile:"
    assert re.match(
        r"  after 5(\.\d+)? s, openai/gpt-4o chat/completions: gate shut for 60 s \(", only
    )


def test_what_became_known_after_its_end_is_another_call_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its end is known to the millisecond that its id has."""
    began = int(NOW * 1000) / 1000
    url = record(tmp_path, made(ID, tried(), seconds=0.0003))
    database = connect(url)
    for after in (0.0012, 0.0022):
        known = replace(change("gate", f"after {after}", "openai"), at=began + after)
        row = change_row(f"chg_{milliseconds(known.at):012x}{0:016x}", known)
        database.insert(insert_into("changes", CHANGE_COLUMNS), [row])
    database.close()
    monkeypatch.setenv("ELIZANET_DB", url)
    assert main(["explain", ID]) == 0
    told = capsys.readouterr().out
    assert "gate after 0.0012" in told
    assert "gate after 0.0022" not in told


def test_what_was_captured_is_shown_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the operator wants it kept; all of it in the JSON."""
    body = json.dumps({"model": "gpt-4o", "messages": [{"content": "why? " * 200}]}).encode()
    captured = Captured(Call("c", Operation.CHAT, "gpt-4o", body, 0.0))
    captured.take(Event(b"because\nof \x1b[31mthat", b"", EventKind.CONTENT))
    monkeypatch.setenv("ELIZANET_DB", record(tmp_path, made(ID, tried(), captured=captured)))
    assert main(["explain", ID]) == 0
    *_, asked, question, _, answered, answer = capsys.readouterr().out.splitlines()
    assert (asked, answered) == ("It was asked:", "It was answered:")
    assert question.startswith('  {"model": "gpt-4o", "messages": [{"content": "why? why? ')
    assert re.search(r" \.\.\. and \d+ characters more \(--json\)$", question)
    assert answer == "  because of \N{REPLACEMENT CHARACTER}[31mthat"
    assert main(["explain", ID, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["call"]["request"] == body.decode()
