"""What is written for scrapers can be read by them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from elizanet.health import LaneState
from elizanet.metrics import Metrics, Reading, counted, known_of
from elizanet.metrics.exposition import exposition
from elizanet.metrics.families import FAMILIES, Kind
from elizanet.metrics.histogram import BOUNDS_S, Distribution
from elizanet.metrics.snapshot import STATES
from support.ended import attempt, ended

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
FORMATS: tuple[tuple[str, Callable[[str], Iterable[Any]]], ...] = (
    ("", plain),
    (OPENMETRICS, openmetrics),
)


def one_of_each() -> list[Reading]:
    """Return a reading of every family."""
    distribution = Distribution((1,) * (len(BOUNDS_S) + 1), 4.5)
    return [
        Reading(
            family,
            tuple(f"a {label}" for label in family.labels),
            distribution if family.kind is Kind.HISTOGRAM else 2.0,
        )
        for family in FAMILIES
        if family.kind is not Kind.INFO
    ]


@pytest.mark.parametrize(("accept", "parse"), FORMATS)
def test_every_family_is_written_and_read(
    accept: str, parse: Callable[[str], Iterable[Any]]
) -> None:
    """By the name that queries use, with its kind and its help."""
    _, text = exposition(one_of_each(), accept)
    read = {family.name: family for family in parse(text.decode())}
    for family in FAMILIES:
        suffix = {Kind.COUNTER: "_total", Kind.INFO: "_info"}.get(family.kind, "")
        name = family.name.removesuffix(suffix)
        told = read.get(name) or read[family.name]
        assert told.documentation == family.help
        kind = Kind.GAUGE if family.kind is Kind.INFO and not accept else family.kind
        assert told.type == kind
        names = {sample.name for sample in told.samples}
        own = {f"{name}_count", f"{name}_sum", f"{name}_bucket"}
        assert names == (own if family.kind is Kind.HISTOGRAM else {family.name})


@pytest.mark.parametrize(("accept", "parse"), FORMATS)
@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "a,b{c}=", "größe-模型", " # HELP x", ""])
def test_any_name_comes_back_as_it_was(
    accept: str, parse: Callable[[str], Iterable[Any]], name: str
) -> None:
    """Names of chains and models are the operator's and the callers'."""
    metrics = Metrics()
    metrics(ended(attempt(model=name), chain=name, caller=name))
    _, text = exposition(counted(metrics), accept)
    read = {
        (sample.name, label): value
        for family in parse(text.decode())
        for sample in family.samples
        for label, value in sample.labels.items()
    }
    assert read["elizanet_calls_total", "chain"] == name
    assert read["elizanet_attempts_total", "model"] == name


def test_buckets_add_up() -> None:
    """Each one holds all below it, the last one all there are; the sum is in seconds."""
    metrics = Metrics()
    for seconds in (0.005, 0.3, 5000.0):
        metrics(ended(attempt(), seconds=seconds))
    _, text = exposition(counted(metrics), "")
    (family,) = [f for f in plain(text.decode()) if f.name == "elizanet_call_duration_seconds"]
    buckets = {s.labels["le"]: s.value for s in family.samples if s.name.endswith("_bucket")}
    assert (buckets["0.01"], buckets["0.32"], buckets["655.36"], buckets["+Inf"]) == (1, 2, 2, 3)
    totals = {s.name.rpartition("_")[2]: s.value for s in family.samples if "le" not in s.labels}
    assert totals == {"count": 3, "sum": 5000.305}


def test_only_targets_with_names_have_gauges() -> None:
    """A lane of an invented model is left out, the budget of its provider is not."""

    def lane(model: str) -> LaneState:
        return LaneState("openai", "openai", "chat/completions", model, "open", "r", 4.0, None,
                         8.0, 3, 20, 9.5, None, None, None)  # fmt: skip

    metrics = Metrics()
    metrics(ended(attempt()))
    found = list(known_of([lane("gpt-4o"), lane("invented")], metrics.labels))
    assert {reading.labels[3] for reading in found if len(reading.labels) > 3} == {"gpt-4o"}
    states = {r.labels[4]: r.value for r in found if r.family.name.endswith("target_state")}
    assert states == {state: state == "open" for state in STATES}
    assert [r.value for r in found if r.family.name.endswith("retry_budget")] == [9.5]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus' promtool is not here")
def test_promtool_finds_nothing_to_object_to() -> None:
    """Names, units, kinds and help texts follow the conventions."""
    _, text = exposition(one_of_each(), "")
    said = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (said.returncode, said.stdout + said.stderr) == (0, b"")
