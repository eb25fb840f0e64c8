"""The dashboard file, the alert rules and the guide speak of the metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import ProcessCollector

from elizanet.errors import FailureClass
from elizanet.metrics.families import FAMILIES, Kind

ROOT = Path(__file__).parents[2]
BOARD = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text(encoding="utf-8"))
ALERTS = (ROOT / "deploy" / "alerts.yaml").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
PROMTOOL = shutil.which("promtool")

OF_THE_SCRAPE = {"instance", "job"}
PROCESS = {
    metric.name + ("_total" if metric.type == "counter" else ""): OF_THE_SCRAPE
    for metric in ProcessCollector(registry=None).collect()
}


def exported() -> dict[str, set[str]]:
    """Return the labels of every series that can be asked for."""
    found: dict[str, set[str]] = {"up": OF_THE_SCRAPE, **PROCESS}
    for family in FAMILIES:
        labels = {*family.labels, *OF_THE_SCRAPE}
        if family.kind is Kind.HISTOGRAM:
            found |= {f"{family.name}_{part}": labels for part in ("sum", "count")}
            found[f"{family.name}_bucket"] = {*labels, "le"}
        else:
            found[family.name] = labels
    return found


EXPORTED = exported()


def panels() -> Iterator[dict[str, Any]]:
    for panel in BOARD["panels"]:
        yield panel
        yield from panel.get("panels", ())


def queries() -> list[str]:
    """Return every query of the dashboard."""
    return [target["expr"] for panel in panels() for target in panel.get("targets", ())]


def rules() -> dict[str, str]:
    """Return the expression of every alert."""
    found = {}
    for block in ALERTS.split("- alert: ")[1:]:
        name, _, rest = block.partition("\n")
        expression = re.search(r"expr: \|?(.*?)\n        (?:for|labels):", rest, re.DOTALL)
        assert expression, name
        found[name] = expression[1]
    return found


def series_in(expression: str) -> list[tuple[str, str]]:
    """Return the series that an expression names, with what stands in their braces."""
    return re.findall(r"\b((?:elizanet|process|up)(?:_\w+)?)\b(\{[^}]*\})?", expression)


@pytest.mark.parametrize("expression", [*queries(), *rules().values()])
def test_a_query_asks_for_what_is_exported(expression: str) -> None:
    """Its names are there, and so is each label that it chooses or groups by."""
    named = series_in(re.sub(r'"[^"]*"', '""', expression))
    assert named
    known = {"le"}
    for name, chosen in named:
        assert name in EXPORTED, name
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", chosen):
            assert label in EXPORTED[name], (name, label)
        known |= EXPORTED[name]
    for group in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", expression):
        assert {label.strip() for label in group.split(",")} <= known, group


def test_the_calls_that_fail_are_those_that_were_not_wrong_in_themselves() -> None:
    """In the alert, on the dashboard and in the guide, by the same names of failures."""
    asked = [rules()["ElizanetCallsFail"], *queries(), GUIDE]
    without = [names for text in asked for names in re.findall(r'failure_class!~"(.*?)"', text)]
    assert len(without) == 6
    (names,) = set(without)
    assert set(names.split("|")) < set(FailureClass)


def test_the_dashboard_can_be_imported() -> None:
    """Every panel has its place, its number, its queries and a description."""
    assert BOARD["schemaVersion"] >= 36
    numbers = [panel["id"] for panel in panels()]
    assert len(set(numbers)) == len(numbers)
    places: set[tuple[int, int]] = set()
    for panel in panels():
        grid = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & places, panel["title"]
        assert max(x for x, _ in cells) < 24
        places |= cells
        if panel["type"] != "row":
            assert panel["targets"]
            assert panel["description"]
            assert panel["datasource"]["uid"] == "${datasource}"
            letters = [target["refId"] for target in panel["targets"]]
            assert len(set(letters)) == len(letters)


def test_the_dashboard_shows_every_kind_of_thing_there_is() -> None:
    """A metric that nobody shows is one that nobody looks at."""
    shown = {name for query in queries() for name, _ in series_in(query)}
    shown |= {name for rule in rules().values() for name, _ in series_in(rule)}
    elsewhere = {  # in queries of one's own
        "elizanet_caller_calls_total",
        "elizanet_caller_tokens_total",
        "elizanet_caller_in_flight",
        "elizanet_target_available_in_seconds",
        "elizanet_target_success_ratio",
        "elizanet_gateway_batch_in_flight",
        "elizanet_gateway_draining",
        "elizanet_gateway_passthrough_total",
        "elizanet_records_offered_total",
        "elizanet_records_written_total",
        "elizanet_hook_failures_total",
        "elizanet_embeddings_degraded_total",
        "elizanet_telemetry_failures_total",
    }
    names = {family.name for family in FAMILIES}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    assert names - families == elsewhere


def test_the_variables_of_the_dashboard_are_used() -> None:
    """And no other ones."""
    named = {variable["name"] for variable in BOARD["templating"]["list"]}
    text = json.dumps([*panels()])
    used = set(re.findall(r"\$\{?(\w+)\}?", text)) - {"__rate_interval"}
    assert used == named


def test_every_alert_says_what_it_means() -> None:
    """In its summary, in its description, and in the guide what to do."""
    blocks = ALERTS.split("- alert: ")[1:]
    for block in blocks:
        name = block.partition("\n")[0]
        for part in ("expr:", "severity:", "summary:", "description:"):
            assert part in block, (name, part)
        assert f"| `{name}` |" in GUIDE
    assert len(set(rules())) == len(blocks) > 10


def test_the_guide_lists_every_metric_as_it_is() -> None:
    """Name, kind, labels and meaning."""
    for family in FAMILIES:
        row = f"| `{family.name}` | {family.kind} | {', '.join(family.labels)} | {family.help} |"
        assert row in GUIDE, row
    rows = re.findall(r"^\| `(elizanet_\w+)` \|", GUIDE, re.MULTILINE)
    assert len(rows) == len(FAMILIES)


def test_the_questions_of_the_guide_can_be_asked() -> None:
    """Its examples name what is exported, and its links lead somewhere."""
    (examples,) = re.findall(r"```promql\n(.*?)```", GUIDE, re.DOTALL)
    named = series_in(examples)
    assert len(named) > 4
    assert {name for name, _ in named} <= set(EXPORTED)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target


@pytest.mark.skipif(PROMTOOL is None, reason="Prometheus' promtool is not here")
@pytest.mark.parametrize("arguments", [("check", "rules"), ("test", "rules")])
def test_promtool_accepts_the_alerts_and_sees_each_fire(arguments: tuple[str, str]) -> None:
    """`alerts.test.yaml` has the series that make them."""
    file = "tests/metrics/alerts.test.yaml" if arguments[0] == "test" else "deploy/alerts.yaml"
    assert PROMTOOL is not None
    said = subprocess.run(
        [PROMTOOL, *arguments, file], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr
    tested = (ROOT / "tests/metrics/alerts.test.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"alertname: (\w+)", tested)) == set(rules())


@pytest.mark.skipif(PROMTOOL is None, reason="Prometheus' promtool is not here")
def test_promtool_accepts_every_query_of_the_dashboard(tmp_path: Path) -> None:
    """As recording rules, with the variables filled in."""
    lines = ["groups:", "  - name: dashboard", "    rules:"]
    for number, query in enumerate(queries()):
        filled = query.replace("$__rate_interval", "1m")
        filled = re.sub(r"\$(instance|chain)", ".*", filled)
        lines += [f"      - record: q:{number}", f"        expr: {json.dumps(filled)}"]
    file = tmp_path / "queries.yaml"
    file.write_text("\n".join(lines), encoding="utf-8")
    assert PROMTOOL is not None
    said = subprocess.run(
        [PROMTOOL, "check", "rules", file], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr
