"""The path of a call in a line: what went wrong on the way, and who or what was at its end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final, NamedTuple

from elizanet.call import Role
from elizanet.cli.records_text import (
    Step,
    asked_later,
    failed,
    is_overdue,
    skipped,
    steps_of,
)
from elizanet.errors import FailureClass, Skipped
from elizanet.records.model import CallRecord
from elizanet.telemetry import Outcome

NOBODY: Final = "nobody"


class Path(NamedTuple):
    """The path of a call: what went wrong on the way, and who or what was at its end."""

    troubles: tuple[str, ...]
    end: str

    def told(self, arrow: str) -> str:
        """Say it in one line."""
        return f" {arrow} ".join(filter(None, (", ".join(self.troubles), self.end)))


def path_of(record: CallRecord) -> Path:
    """Say the path of a call in as few words as possible."""
    name = _naming(record)
    told = [_trouble(step, record, name) for step in steps_of(record)]
    troubles = tuple(_repeated(word for word in told if word))
    match record.outcome:
        case Outcome.ANSWERED:
            return Path(troubles, _answering(record, name))
        case Outcome.FAILED:
            return Path(troubles, NOBODY)
        case Outcome.BROKEN:
            return Path(troubles, "cut off")
        case _:
            return Path(troubles, "caller left")


class _Naming:
    """Names targets by their providers, or by the keys of one; by models where that is unclear."""

    def __init__(self, *, models_too: bool) -> None:
        self._models_too = models_too

    def __repr__(self) -> str:
        return f"<_Naming {'provider/model' if self._models_too else 'provider'}>"

    def __call__(self, provider: str, model: str, key: str) -> str:
        if self._models_too:
            return f"{provider}/{model}"
        return key if key.startswith(f"{provider} ") else provider


def _naming(record: CallRecord) -> _Naming:
    models: dict[str, set[str]] = {}
    for step in steps_of(record):
        models.setdefault(step.provider, set()).add(step.model)
    return _Naming(models_too=any(len(names) > 1 for names in models.values()))


def _answering(record: CallRecord, name: _Naming) -> str:
    by = next((a for a in reversed(record.attempts) if a.failure_class is None), None)
    return name(record.provider or "", record.provider_model or "", by.key if by else "")


def _trouble(step: Step, record: CallRecord, name: _Naming) -> str:
    """Say what went wrong in a step, nothing if nothing did."""
    key = "" if isinstance(step, Skipped) else step.key
    who = name(step.provider, step.model, key)
    if isinstance(step, Skipped):
        at_all = "" if asked_later(step, record) else " (not asked)"
        return f"{who} {skipped(step.reason)}{at_all}"
    if step.failure_class is None:
        return f"{who} answering" if record.outcome != Outcome.ANSWERED else ""
    if is_overdue(step, record):
        return f"{who} silent"
    if step.role == Role.HEDGE and step.failure_class == FailureClass.CANCELLED:
        return f"{who} asked too"
    if step.failure_class == FailureClass.CANCELLED and record.outcome == Outcome.LEFT:
        return f"{who} asked"
    return f"{who} {failed(step.failure_class)}"


def _repeated(words: Iterator[str]) -> Iterator[str]:
    for word, same in groupby(words):
        times = len(list(same))
        yield f"{word} x{times}" if times > 1 else word
