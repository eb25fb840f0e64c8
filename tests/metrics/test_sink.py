"""What the sink makes of the engine's events."""

from __future__ import annotations

from pathlib import Path

from elizanet.call import Role, Usage
from elizanet.errors import FailureClass, Skipped
from elizanet.metrics import Metrics, Reading, counted
from elizanet.metrics.histogram import BOUNDS_S, Distribution, Histogram
from elizanet.metrics.labels import LONGEST_NAME, MOST_MODELS, OTHER
from elizanet.settings import load_settings
from elizanet.telemetry import EmbeddingDegraded, HealthChanged, HookFailed, Outcome
from support.ended import attempt, ended

OVERLOADED = FailureClass.OVERLOADED
CHAT = ("gpt-*", "chat/completions")


def of(metrics: Metrics, name: str) -> dict[tuple[str, ...], float | Distribution]:
    """Return the values of one family by their labels."""
    found: list[Reading] = [r for r in counted(metrics) if r.family.name == f"elizanet_{name}"]
    values = {reading.labels: reading.value for reading in found}
    assert len(values) == len(found), "a series is told once"
    return values


def test_an_answer_at_once_is_one_call_and_one_attempt() -> None:
    """And no fallback; its times are in the histograms of whole answers."""
    metrics = Metrics()
    metrics(ended(attempt()))
    assert of(metrics, "calls_total") == {(*CHAT, "answered", ""): 1}
    assert of(metrics, "attempts_total") == {("openai", "gpt-4o", "answered", "first"): 1}
    assert of(metrics, "caller_calls_total") == {("team-a", "answered"): 1}
    assert of(metrics, "fallbacks_total") == {}
    assert list(of(metrics, "call_duration_seconds")) == [(*CHAT, "false")]
    assert of(metrics, "call_first_content_seconds") == {}


def test_calls_end_in_four_ways() -> None:
    """What broke has a class of its own; only answers are in the histogram of durations."""
    metrics = Metrics()
    down = attempt(failure=OVERLOADED)
    metrics(ended(attempt(), stream=True))
    metrics(ended(down, outcome=Outcome.FAILED, failure_class=OVERLOADED, first_content=None))
    metrics(ended(attempt(), outcome=Outcome.BROKEN, stream=True))
    metrics(ended(attempt(), outcome=Outcome.LEFT, stream=True))
    assert of(metrics, "calls_total") == {
        (*CHAT, "answered", ""): 1,
        (*CHAT, "failed", "overloaded"): 1,
        (*CHAT, "broken", "stream_interrupted"): 1,
        (*CHAT, "left", ""): 1,
    }
    ((place, durations),) = of(metrics, "call_duration_seconds").items()
    ((_, first),) = of(metrics, "call_first_content_seconds").items()
    assert isinstance(durations, Distribution)
    assert isinstance(first, Distribution)
    assert (place, sum(durations.counts), durations.total) == ((*CHAT, "true"), 1, 2.0)
    assert (sum(first.counts), first.total) == (3, 1.5)


def test_a_fallback_names_both_targets_and_the_reason() -> None:
    """The first choice was asked and failed, or was passed over before anybody was asked."""
    metrics = Metrics()
    by = attempt("backup", number=2, role=Role.NEXT)
    metrics(ended(attempt(failure=OVERLOADED), by))
    full = Skipped("openai", "gpt-4o", "rate_limited", 3.0)
    metrics(ended(attempt("backup"), passed_over=(full,), first_choice=full))
    assert of(metrics, "fallbacks_total") == {
        ("gpt-*", "overloaded", "openai/gpt-4o", "backup/gpt-4o"): 1,
        ("gpt-*", "rate_limit", "openai/gpt-4o", "backup/gpt-4o"): 1,
    }
    assert of(metrics, "passed_over_total") == {("openai", "gpt-4o", "rate_limited"): 1}


def test_what_is_no_fallback_is_not_counted_as_one() -> None:
    """The same target once more, a call without an answer, one passed over later."""
    metrics = Metrics()
    again = attempt(number=2, role=Role.AGAIN)
    metrics(ended(attempt(failure=OVERLOADED), again))
    both = (attempt(failure=OVERLOADED), attempt("backup", failure=OVERLOADED, number=2))
    metrics(ended(*both, outcome=Outcome.FAILED, failure_class=OVERLOADED))
    metrics(ended(attempt(), passed_over=(Skipped("openai", "gpt-4o", "full", None),)))
    skipped = Skipped("openai", "gpt-4o", "full", None)
    metrics(ended(attempt(), passed_over=(skipped,), first_choice=skipped))
    assert of(metrics, "fallbacks_total") == {}


def test_an_attempt_that_was_given_up_has_no_duration() -> None:
    """It says nothing about the target: a hedge that lost, a caller who went away."""
    metrics = Metrics()
    lost = attempt("backup", failure=FailureClass.CANCELLED, number=2, role=Role.HEDGE, duration=9)
    metrics(ended(attempt(), lost))
    assert of(metrics, "attempts_total")["backup", "gpt-4o", "cancelled", "hedge"] == 1
    assert list(of(metrics, "attempt_duration_seconds")) == [("openai", "gpt-4o", "answered")]


def test_tokens_are_kept_apart_by_who_counted_them() -> None:
    """What was estimated is told as such; an attempt without tokens makes no series."""
    metrics = Metrics()
    metrics(ended(attempt()))
    metrics(ended(attempt(usage=Usage(7, 8, 15, estimated=True))))
    metrics(ended(attempt("backup", usage=None), caller=""))
    assert of(metrics, "tokens_total") == {
        ("openai", "gpt-4o", "input", "false"): 100,
        ("openai", "gpt-4o", "output", "false"): 20,
        ("openai", "gpt-4o", "input", "true"): 7,
        ("openai", "gpt-4o", "output", "true"): 8,
    }
    assert of(metrics, "cost_usd_total") == {}
    assert list(of(metrics, "caller_calls_total").values()) == [2]


def test_what_all_attempts_cost_is_added_up(tmp_path: Path) -> None:
    """Each at the price of its own target, a hedge that lost too."""
    metrics = Metrics()
    path = tmp_path / "elizanet.toml"
    path.write_text(
        """
[providers.openai]
base_url = "http://one/v1"
[providers.backup]
base_url = "http://two/v1"
[models."gpt-*"]
chain = [{ target = "openai/*", price = { input = 1.0, output = 10.0 } },
         { target = "backup/gpt-4o", price = { input = 2.0, output = 20.0 } }]
""",
        encoding="utf-8",
    )
    metrics.follow(load_settings(config_file=path, environ={}, working_directory=tmp_path))
    metrics(ended(attempt(), attempt("backup", number=2, failure=FailureClass.CANCELLED)))
    lost = attempt("backup", number=2, failure=FailureClass.CANCELLED, usage=Usage(100, 20, 120))
    metrics(ended(attempt(), lost))
    spent = of(metrics, "cost_usd_total")
    assert spent["openai", "gpt-4o"] == 2 * (100 + 200) / 1e6
    assert spent["backup", "gpt-4o"] == (200 + 400) / 1e6
    assert of(metrics, "caller_cost_usd_total") == {("team-a",): 1200 / 1e6}


def test_events_beside_calls_are_counted() -> None:
    """Changes of health without their seconds, hooks that raised, markers that were no probe."""
    metrics = Metrics()
    metrics(HealthChanged("openai/gpt-4o chat/completions", "breaker", "open", "r"))
    metrics(HealthChanged("openai/gpt-4o chat/completions", "gate", "shut for 3.2 s", "r"))
    metrics(HealthChanged("openai key 2", "key", "quarantined for 600 s", "r"))
    metrics(HookFailed("classify", "r"))
    metrics(EmbeddingDegraded(0.6, "r", probe=False))
    metrics(EmbeddingDegraded(0.1, "r", probe=True))
    assert of(metrics, "health_changes_total") == {
        ("openai", "breaker", "open"): 1,
        ("openai", "gate", "shut"): 1,
        ("openai", "key", "quarantined"): 1,
    }
    assert of(metrics, "hook_failures_total") == {("classify",): 1}
    assert of(metrics, "embeddings_degraded_total") == {("0.6",): 1}


def test_names_that_callers_invent_end_as_other() -> None:
    """Unknown ones, endless ones, those that are too long or look like a key."""
    metrics = Metrics()
    unknown = FailureClass.MODEL_NOT_FOUND
    metrics(ended(attempt(failure=unknown, model="invented"), outcome=Outcome.FAILED))
    metrics(ended(attempt(model="x" * (LONGEST_NAME + 1))))
    metrics(ended(attempt(model="sk-proj-T3BlbkFJq7planted8Zx0wVuYsRn2mKd4")))
    assert {model for _, model in metrics.targets} == {OTHER}
    for number in range(MOST_MODELS + 50):
        metrics(ended(attempt(model=f"model-{number}")))
    models = {model for _, model in metrics.targets}
    assert len(models) == MOST_MODELS + 1
    assert metrics.targets["openai", OTHER].ended == {
        (Role.FIRST, unknown): 1,
        (Role.FIRST, None): 52,
    }


def test_the_targets_of_the_settings_always_have_their_names(tmp_path: Path) -> None:
    """Also one that its provider does not know: that is what an operator has to see."""
    metrics = Metrics()
    path = tmp_path / "elizanet.toml"
    path.write_text(
        '[providers.openai]\nbase_url = "http://one/v1"\n[models.m]\nchain = ["openai/typo"]\n',
        encoding="utf-8",
    )
    metrics.follow(load_settings(config_file=path, environ={}, working_directory=tmp_path))
    wrong = attempt(failure=FailureClass.MODEL_NOT_FOUND, model="typo")
    metrics(ended(wrong, outcome=Outcome.FAILED))
    assert list(metrics.targets) == [("openai", "typo")]


def test_a_bound_belongs_to_the_bucket_below_it() -> None:
    """As Prometheus has it: `le` is less or equal; beyond the last bound is one more."""
    histogram = Histogram()
    assert histogram.distribution() is None
    for seconds in (0.0, BOUNDS_S[0], BOUNDS_S[1], BOUNDS_S[-1], BOUNDS_S[-1] + 1):
        histogram.observe(seconds)
    distribution = histogram.distribution()
    assert distribution is not None
    counts = distribution.counts
    assert (counts[0], counts[1], counts[-2], counts[-1]) == (2, 1, 1, 1)
    assert sum(counts) == 5
