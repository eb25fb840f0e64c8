"""Why a call ended where it ended, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from elizanet.call import Bound
from elizanet.cli import figures
from elizanet.cli.records_text import CONFINED, steps_of, target_of, targets_of
from elizanet.errors import FailureClass
from elizanet.records.model import CallRecord
from elizanet.telemetry import Outcome

_STOPPED: Final[Mapping[str, str]] = {
    FailureClass.BAD_REQUEST: "What is wrong with the request would be wrong everywhere",
    FailureClass.CONTENT_POLICY: "A refusal is an answer",
}
_TOO_LONG: Final = "Only a larger window would help, and there is none"
BOUND: Final[Mapping[str, str]] = {
    **CONFINED,
    Bound.UPLOAD: "the request was too large to be kept, and some of it had been sent",
    Bound.FAILURE: "the configuration lets such a failure end the call",
    Bound.TIME: "the time of the call was over",
    Bound.ATTEMPTS: "the call had made all the attempts that it may",
    Bound.NOBODY: "what had been said ruled that out",
    Bound.DRAINING: "the gateway was shutting down",
}
"""Why targets were not asked whose turn never came."""
_NOT_RECORDED: Final = "this call was not to fall back after that, or its time was over"
"""What there is to say of a call that a release before version 4 of the tables has recorded."""


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
    times = [s.retry_after_s for s in record.passed_over]
    if not record.attempts:
        known = [when for when in times if when is not None]
        again = f", and when to come back: in {figures.span(min(known))}" if known else ""
        told = f"So nobody was asked. The caller was told that at once{again}."
        return f"{_not_asked(record)} {told}".strip()
    if (why := _stopped(record)) is not None:
        return f"{why}: nobody else was asked, and the caller got that error."
    return _not_asked(record) or (
        "Nobody was left to ask, and the caller got an error that names them all."
    )


def _stopped(record: CallRecord) -> str | None:
    """Say what the last failure had that nobody else could have helped, None if it had not."""
    last = record.attempts[-1].failure_class or ""
    if record.bound in {Bound.TIME, Bound.ATTEMPTS}:
        return None
    if last == FailureClass.CONTEXT_WINDOW_EXCEEDED:
        return _TOO_LONG if record.bound in {None, Bound.NOBODY} else None
    return _STOPPED.get(last) if record.bound != Bound.NOBODY else None


def _not_asked(record: CallRecord) -> str:
    """Say who was not asked at all, and why; nothing if everybody was considered."""
    rest = _not_needed(record)
    if not rest:
        return ""
    were = "was" if len(rest) == 1 else "were"
    return f"{', '.join(rest)} {were} not asked: {BOUND.get(record.bound or '', _NOT_RECORDED)}."


def _not_needed(record: CallRecord) -> list[str]:
    """Return the targets that were neither asked nor passed over."""
    seen = {target_of(step) for step in steps_of(record)}
    return [name for name in targets_of(record) if name not in seen]
