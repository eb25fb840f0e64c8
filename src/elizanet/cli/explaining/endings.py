"""Why a call ended where it ended, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from elizanet.cli import figures
from elizanet.cli.records_text import steps_of, target_of, targets_of
from elizanet.errors import FailureClass
from elizanet.records.model import CallRecord
from elizanet.telemetry import Outcome

_STOPPED: Final[Mapping[str, str]] = {
    FailureClass.BAD_REQUEST: "What is wrong with the request would be wrong everywhere",
    FailureClass.CONTENT_POLICY: "A refusal is an answer",
    FailureClass.CONTEXT_WINDOW_EXCEEDED: "Only a larger window would help, and there is none",
}


def told(record: CallRecord) -> str:
    """Say why a call ended as it did, nothing if that needs no words."""
    match record.outcome:
        case Outcome.ANSWERED:
            return _answered(record)
        case Outcome.FAILED:
            return _failed(record)
        case Outcome.BROKEN:
            return (
                "A part of the answer had reached the caller by then, so it got an error:"
                " half an answer is never passed off as a whole one."
            )
        case _:
            return ""


def cost(record: CallRecord) -> str:
    """Say what a call took of tokens and money, "" if nobody knows."""
    if record.prompt_tokens is None:
        return ""
    about = "about " if record.estimated else ""
    asked, answered = record.prompt_tokens, record.completion_tokens or 0
    tokens = f"{about}{asked:,} token{'s' * (asked != 1)}"
    sentence = f"It took {tokens} for the prompt and {answered:,} for the answer"
    if record.cost is None:
        return f"{sentence}; no price is configured for them."
    return f"{sentence}, together {figures.dollars(record.cost)}{_more(record)}."


def _more(record: CallRecord) -> str:
    extra, targets = record.extra_cost, targets_of(record)
    if not extra or not targets:
        return ""
    than = "more" if extra > 0 else "less"
    amount = figures.dollars(abs(extra))
    return f": {amount} {than} than if {targets[0]} had answered"


def _answered(record: CallRecord) -> str:
    whole = ""
    if record.stream:
        whole = f"The answer was complete {figures.seconds(record.seconds)} after the call began."
    if rest := _not_needed(record):
        were = "was" if len(rest) == 1 else "were"
        return f"{whole} {', '.join(rest)} {were} not needed.".strip()
    return whole


def _failed(record: CallRecord) -> str:
    rest, times = _not_needed(record), [s.retry_after_s for s in record.passed_over]
    if not record.attempts:
        known = [when for when in times if when is not None]
        again = f", and when to come back: in {figures.span(min(known))}" if known else ""
        return f"So nobody was asked. The caller was told that at once{again}."
    last = record.attempts[-1].failure_class or ""
    if (why := _STOPPED.get(last)) is not None:
        return f"{why}: nobody else was asked, and the caller got that error."
    if not rest:
        return "Nobody was left to ask, and the caller got an error that names them all."
    were = "was" if len(rest) == 1 else "were"
    return (
        f"{', '.join(rest)} {were} not asked: this call was not to fall back after that, or its"
        " time was over."
    )


def _not_needed(record: CallRecord) -> list[str]:
    """Return the targets that were neither asked nor passed over."""
    seen = {target_of(step) for step in steps_of(record)}
    return [name for name in targets_of(record) if name not in seen]
