"""The lines of the engine's events, and the fields beside them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from elizanet.call import Role
from elizanet.errors import FailureClass, Skipped
from elizanet.logs import log_sink
from elizanet.logs.formats import fields_of
from elizanet.telemetry import (
    AttemptFailed,
    CallAnswered,
    CallGaveUp,
    EmbeddingDegraded,
    HealthChanged,
    HedgeStarted,
    HookFailed,
    StreamBroke,
    StreamContinued,
    TelemetryEvent,
)
from support.ended import attempt, ended

GUIDE = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text(encoding="utf-8")
FAILED = attempt(
    failure=FailureClass.OVERLOADED,
    status=503,
    message="busy",
    request_id="req-of-openai",
    retryable=True,
    model="gpt-4o",
    duration=0.0421,
)
FIELDS_OF_FAILED: dict[str, Any] = {
    "call_id": "req_1",
    "model": "gpt",
    "provider": "openai",
    "target_model": "gpt-4o",
    "attempt": 1,
    "role": "first",
    "status": 503,
    "request_id": "req-of-openai",
    "duration_ms": 42,
    "failure_class": "overloaded",
    "retryable": True,
    "error": "busy",
}
ANSWERED = attempt("backup", number=2, role=Role.NEXT)
DOWN = Skipped("openai", "gpt-4o", "breaker_open", 3.0)


@pytest.mark.parametrize(
    ("event", "level", "line", "fields"),
    [
        (
            AttemptFailed("req_1", "gpt", FAILED, "backup/gpt-4o"),
            "WARNING",
            "[req_1] gpt: openai/gpt-4o 503 overloaded in 42 ms: busy; trying backup/gpt-4o",
            FIELDS_OF_FAILED | {"next_target": "backup/gpt-4o"},
        ),
        (
            CallAnswered("req_1", "gpt", (FAILED, ANSWERED), 1.2346),
            "INFO",
            "[req_1] gpt: answered by backup/gpt-4o, attempt 2 (took 1235 ms)",
            {
                "call_id": "req_1",
                "model": "gpt",
                "provider": "backup",
                "target_model": "gpt-4o",
                "attempt": 2,
                "role": "next",
                "status": 200,
                "request_id": None,
                "attempts": 2,
                "duration_ms": 1235,
                "fallback_reason": "overloaded",
            },
        ),
        (
            CallGaveUp("req_1", "gpt", (FAILED,), 2.0, FailureClass.OVERLOADED),
            "ERROR",
            "[req_1] gpt: no answer (attempts: 1), overloaded (took 2000 ms)",
            {
                "call_id": "req_1",
                "model": "gpt",
                "attempts": 1,
                "failure_class": "overloaded",
                "duration_ms": 2000,
            },
        ),
        (
            StreamBroke("req_1", "gpt", FAILED),
            "ERROR",
            "[req_1] gpt: stream broke, openai/gpt-4o 503 overloaded in 42 ms: busy",
            FIELDS_OF_FAILED,
        ),
        (
            StreamContinued("req_1", "gpt", FAILED, "backup/gpt"),
            "WARNING",
            "[req_1] gpt: stream broke, openai/gpt-4o 503 overloaded in 42 ms: busy;"
            " going on from backup/gpt",
            FIELDS_OF_FAILED | {"next_target": "backup/gpt"},
        ),
        (
            HedgeStarted("req_1", "gpt", "openai/gpt", "backup/gpt", 3.2),
            "WARNING",
            "[req_1] gpt: openai/gpt has been silent for 3.2 s; asking backup/gpt, too",
            {
                "call_id": "req_1",
                "model": "gpt",
                "overdue": "openai/gpt",
                "next_target": "backup/gpt",
                "duration_ms": 3200,
            },
        ),
        (
            HealthChanged("openai", "key", "quarantined for 600 s", "401"),
            "ERROR",
            "openai: key quarantined for 600 s: 401",
            {
                "subject": "openai",
                "what": "key",
                "state": "quarantined for 600 s",
                "reason": "401",
            },
        ),
        (
            HookFailed("classify", "ValueError: no"),
            "ERROR",
            "hooks.classify failed: ValueError: no",
            {"hook": "classify", "reason": "ValueError: no"},
        ),
        (
            EmbeddingDegraded(0.6, "no network", probe=False),
            "WARNING",
            "embedding degraded to a marker vector (0.6): no network",
            {"marker": 0.6, "reason": "no network"},
        ),
        (
            ended(attempt("backup"), passed_over=(DOWN,), first_choice=DOWN),
            "DEBUG",
            "[req_1] gpt-4o: ended, answered (took 2000 ms)",
            {
                "call_id": "req_1",
                "model": "gpt-4o",
                "operation": "chat/completions",
                "chain": "gpt-*",
                "caller": "team-a",
                "stream": False,
                "outcome": "answered",
                "attempts": 1,
                "duration_ms": 2000,
                "first_content_ms": 500,
                "fallback_reason": "overloaded",
                "prompt_tokens": 100,
                "completion_tokens": 20,
            },
        ),
    ],
)
def test_every_event_has_its_line_and_its_fields(
    event: TelemetryEvent,
    level: str,
    line: str,
    fields: dict[str, object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At the level by which an operator is, or is not, called."""
    caplog.set_level(logging.DEBUG, "elizanet")
    log_sink(event)
    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == ("elizanet", level, line)
    assert fields_of(record) == fields
    assert all(f"`{name}`" in GUIDE for name in fields)


def test_what_only_a_person_can_end_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """The caller is served, the operator is told."""
    wrong = attempt(failure=FailureClass.AUTH, status=401, message="wrong key")
    log_sink(AttemptFailed("req_1", "gpt", wrong, "backup/gpt-4o"))
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize(
    ("what", "state", "level"),
    [
        ("breaker", "open", "WARNING"),
        ("breaker", "half_open", "WARNING"),
        ("breaker", "closed", "INFO"),
        ("gate", "shut for 3 s", "WARNING"),
        ("key", "quarantined for 600 s", "ERROR"),
        ("key", "in use again", "INFO"),
        ("check", "unhealthy", "WARNING"),
        ("check", "healthy", "INFO"),
    ],
)
def test_what_works_again_is_no_warning(
    what: str, state: str, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    """And what only a person can end is an error."""
    caplog.set_level(logging.INFO, "elizanet")
    log_sink(HealthChanged("openai", what, state, "r"))
    assert [record.levelname for record in caplog.records] == [level]


def test_an_answer_at_once_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """It is worth a line to whoever debugs."""
    caplog.set_level(logging.INFO, "elizanet")
    log_sink(CallAnswered("req_1", "gpt", (attempt(),), 1.0))
    log_sink(ended(attempt()))
    assert not caplog.records
    caplog.set_level(logging.DEBUG, "elizanet")
    log_sink(CallAnswered("req_1", "gpt", (attempt(),), 1.0))
    assert caplog.messages == ["[req_1] gpt: answered (took 1000 ms)"]


def test_the_names_that_callers_choose_are_short_and_hold_no_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In lines and in fields, for whatever formatter the application has."""
    key = "sk-proj-T3BlbkFJq7planted8Zx0wVuYsRn2mKd4"
    for name in (key, "m" * 10_000):
        log_sink(CallGaveUp("req_1", name, (), 1.0, FailureClass.OVERLOADED))
        named = attempt(failure=FailureClass.OVERLOADED, model=name)
        log_sink(AttemptFailed("req_1", name, named, None))
        log_sink(HealthChanged(f"openai/{name} chat/completions", "breaker", "open", "r"))
    for record in caplog.records:
        said = record.getMessage() + str(fields_of(record))
        assert key not in said
        assert len(said) < 1500
