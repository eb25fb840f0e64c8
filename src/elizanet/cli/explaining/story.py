"""The explanation of a call as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from elizanet.cli import figures
from elizanet.cli.explaining import attempts, endings, refusals
from elizanet.cli.records_text import (
    Step,
    failed,
    has_moved,
    skipped,
    steps_of,
    target_of,
    targets_of,
)
from elizanet.errors import Skipped
from elizanet.records.model import CallRecord, ChangeRecord
from elizanet.telemetry import Outcome

_AT_ONCE_S: Final = 0.001


class Explanation(msgspec.Struct, frozen=True):
    """What there is to say of a call.

    `headline` is the whole in one sentence, `steps` what happened, in order, `cost` what it
    took, "" if nobody knows. `changes` became known of its targets while it was under way.
    """

    headline: str
    steps: tuple[str, ...]
    cost: str
    changes: tuple[str, ...]


def explanation(
    record: CallRecord, before: Sequence[ChangeRecord], during: Sequence[ChangeRecord]
) -> Explanation:
    """Explain a call by its record, and by what had become known before it and during it."""
    return Explanation(
        headline=_headline(record),
        steps=tuple(filter(None, _steps(record, before))),
        cost=endings.cost(record),
        changes=tuple(_changes(record, during)),
    )


def _headline(record: CallRecord) -> str:
    took, who = figures.seconds(record.seconds), f"{record.provider}/{record.provider_model}"
    match record.outcome:
        case Outcome.ANSWERED if not has_moved(record):
            tries = len(record.attempts)
            again = f", at attempt {tries}" if tries > 1 and not record.hedged else ""
            return f"{who}, the first choice, answered in {took}{again}."
        case Outcome.ANSWERED:
            first = steps_of(record)[0]
            return f"{who} answered in {took}, because {target_of(first)} {_why(first, record)}."
        case Outcome.FAILED:
            reason = failed(record.failure_class or "unknown")
            when = "at once" if record.seconds < _AT_ONCE_S else f"after {took}"
            return f"Nobody answered: the caller got an error {when} ({reason})."
        case Outcome.BROKEN:
            return f"The answer of {who} broke off after {took}, and the caller was told."
        case _:
            during = f", while {who} was answering" if record.provider else ""
            return f"The caller went away after {took}{during}."


def _why(first: Step, record: CallRecord) -> str:
    if isinstance(first, Skipped):
        return f"was not asked ({skipped(first.reason)})"
    return attempts.failure_of(first, record)


def _steps(record: CallRecord, before: Sequence[ChangeRecord]) -> Iterator[str]:
    yield _considered(record)
    steps = steps_of(record)
    for number, step in enumerate(steps):
        if isinstance(step, Skipped):
            yield refusals.told(step, record, before)
        else:
            yield attempts.told(step, record, steps[:number])
    yield endings.told(record)


def _considered(record: CallRecord) -> str:
    targets = targets_of(record)
    if not targets:
        return ""
    chain = f'The chain "{record.chain}"' if record.chain != record.model else "Its chain"
    if len(targets) == 1:
        return f"{chain} has one target, {targets[0]}."
    return f"{chain} has {len(targets)} targets, in this order: {', '.join(targets)}."


def _changes(record: CallRecord, during: Sequence[ChangeRecord]) -> Iterator[str]:
    for change in during:
        after = figures.seconds(max(0.0, change.at - record.at))
        yield f"after {after}, {change.subject}: {change.what} {change.state} ({change.reason})"
