"""How often the classifier is right, and what it costs.

    python benchmarks/classify.py [--jsonl FILE] [--write]

Scores `elizanet.classify` and, in the same run, the substring and status rules that the
plugin's specification lists, on a file of labelled failures. `--write` puts the result into
benchmarks/classify.md. Exits with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elizanet.classify import Failure, classify, verdict_for
from elizanet.errors import FailureClass, Verdict

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests" / "data" / "errors-dev.jsonl"
REPORT = ROOT / "benchmarks" / "classify.md"
FACTS = ("provider", "kind", "status", "headers", "body", "exception")
ROUNDS = 15

Case = Mapping[str, Any]
Judge = Callable[[Case], Verdict]

TARGETS = {
    "class, lenient": 0.96,
    "fallback precision": 0.99,
    "fallback recall": 0.98,
    "stated delay": 0.95,
}
MAX_MICROSECONDS = 50.0
MAX_RATIO = 20.0
"""A machine that is busy or slow may take longer, but not more times the specification's cost."""

# The specification's rules, as it states them: substrings of the message, and statuses.
LIMIT_WORDS = (
    "rate limit", "quota exceeded", "too many requests", "rate_limit_exceeded",
    "insufficient_quota",
)  # fmt: skip
NETWORK_WORDS = (
    "service unavailable", "timeout", "connection refused", "network error", "bad gateway",
    "gateway timeout",
)  # fmt: skip
NETWORK_STATUSES = (500, 502, 503, 504)
TIMEOUT_NAMES = ("AbortError", "TimeoutError")


def built_in(case: Case) -> Verdict:
    return classify(Failure.from_case(case))


def specification(case: Case) -> Verdict:
    """Judge by the specification's lists; what they do not name does not fall back."""
    exception = case["exception"] or {}
    attributes = exception.get("attributes") or {}
    message = f"{case['body'] or ''} {exception.get('message') or ''}".lower()
    code = str(attributes.get("code") or "").lower()
    status = case["status"] or attributes.get("status_code") or attributes.get("status")
    if status == 429 or "rate_limit" in code or any(word in message for word in LIMIT_WORDS):
        return verdict_for(FailureClass.RATE_LIMIT)
    if str(exception.get("type")).rpartition(".")[2] in TIMEOUT_NAMES:
        return verdict_for(FailureClass.TIMEOUT)
    if status in NETWORK_STATUSES or any(word in message for word in NETWORK_WORDS):
        return verdict_for(FailureClass.OVERLOADED)
    return verdict_for(FailureClass.BAD_REQUEST)


@dataclass(frozen=True, slots=True)
class Score:
    """The shares of right answers, and per class how many of how many."""

    figures: Mapping[str, float]
    per_class: Mapping[str, tuple[int, int]]


def share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def same_delay(expected: Mapping[str, Any], got: float | None) -> bool:
    wanted = expected["retry_after_s"]
    if got is not None and got in expected.get("retry_after_ok", ()):
        return True
    if wanted is None or got is None:
        return wanted is got
    return bool(abs(wanted - got) <= max(1.0, 0.02 * wanted))


def is_lenient(expected: Mapping[str, Any], got: Verdict) -> bool:
    return got.failure_class in (expected["class"], *expected.get("also_ok", ()))


def score(cases: Sequence[Case], judge: Judge) -> Score:
    pairs = [(case["expected"], judge({name: case[name] for name in FACTS})) for case in cases]
    clear = [
        (expected["fallback"], got.fallback)
        for expected, got in pairs
        if not expected.get("fallback_debatable")
    ]
    hits, negatives = clear.count((True, True)), clear.count((False, False))
    stated = [pair for pair in pairs if pair[0]["retry_after_s"] is not None]
    figures = {
        "class, lenient": share(sum(is_lenient(*pair) for pair in pairs), len(pairs)),
        "class, strict": share(sum(e["class"] == v.failure_class for e, v in pairs), len(pairs)),
        "fallback precision": share(hits, hits + clear.count((False, True))),
        "fallback recall": share(hits, hits + clear.count((True, False))),
        "fallback specificity": share(negatives, negatives + clear.count((False, True))),
        "retry same provider": share(
            sum(e["retry_same_provider"] == v.retry_same_provider for e, v in pairs), len(pairs)
        ),
        "stated delay": share(sum(same_delay(e, v.retry_after_s) for e, v in stated), len(stated)),
        "delay, all cases": share(
            sum(same_delay(e, v.retry_after_s) for e, v in pairs), len(pairs)
        ),
    }
    names = sorted({expected["class"] for expected, _ in pairs})
    per_class = {
        name: (
            sum(is_lenient(*pair) for pair in pairs if pair[0]["class"] == name),
            sum(expected["class"] == name for expected, _ in pairs),
        )
        for name in names
    }
    return Score(figures, per_class)


def costs_in_microseconds(cases: Sequence[Case], judge: Judge) -> list[float]:
    """Return the cost of each case: the best of several rounds over all of them in turn."""
    costs = [float("inf")] * len(cases)
    for _ in range(ROUNDS):
        for position, case in enumerate(cases):
            started = time.perf_counter()
            judge(case)
            costs[position] = min(costs[position], time.perf_counter() - started)
    return [cost * 1e6 for cost in costs]


def report(name: str, cases: Sequence[Case]) -> tuple[str, bool]:
    """Return the report as Markdown, and whether every target was met."""
    ours, theirs = score(cases, built_in), score(cases, specification)
    spent = costs_in_microseconds(cases, built_in)
    cost = statistics.mean(spent)
    baseline_cost = statistics.mean(costs_in_microseconds(cases, specification))
    lines = [
        "# Classifier",
        "",
        f"`python benchmarks/classify.py` on `{name}`, {len(cases)} cases. The specification is",
        "its lists of substrings and statuses, in the same run. Cases marked `fallback_debatable`",
        f"are left out of the three fallback figures. A cost is the best of {ROUNDS} rounds.",
        "",
        "| | elizanet | specification | target |",
        "| --- | ---: | ---: | ---: |",
    ]
    met = cost <= max(MAX_MICROSECONDS, MAX_RATIO * baseline_cost)
    for figure, value in ours.figures.items():
        target = TARGETS.get(figure)
        met = met and (target is None or value >= target)
        wanted = "" if target is None else f">= {target}"
        lines.append(f"| {figure} | {value:.3f} | {theirs.figures[figure]:.3f} | {wanted} |")
    worst = statistics.quantiles(spent, n=100)[98]
    limit = f"<= {MAX_MICROSECONDS:.0f}, or {MAX_RATIO:.0f} times the specification's"
    costs = f"{cost:.0f} | {baseline_cost:.1f} | {limit}"
    lines += [
        f"| microseconds a case, mean | {costs} |",
        f"| microseconds, 99th of a hundred cases | {worst:.0f} | | |",
        "",
        "| class | right, lenient |",
        "| --- | ---: |",
        *(f"| `{name}` | {right} of {n} |" for name, (right, n) in ours.per_class.items()),
        "",
    ]
    return "\n".join(lines), met


def main() -> int:
    parser = argparse.ArgumentParser(description="Score the classifier on labelled failures.")
    parser.add_argument(
        "--jsonl", type=Path, default=DATA, help="the cases, one JSON object a line"
    )
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.name}")
    arguments = parser.parse_args()
    lines = arguments.jsonl.read_text("utf-8").splitlines()
    text, met = report(arguments.jsonl.name, [json.loads(line) for line in lines if line.strip()])
    print(text)
    if arguments.write:
        REPORT.write_text(text, "utf-8")
    if not met:
        print("a target was missed", file=sys.stderr)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
