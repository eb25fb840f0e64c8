"""From what is known to the situation that the headline tells of.

The providers' states say who is in trouble now, the records since when and what it means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from elizanet.gateway.dashboard.findings import PAUSE_S, Chapter, Findings, attempts_at
from elizanet.gateway.dashboard.history import Asked
from elizanet.gateway.dashboard.providers import IDLE, ProviderView
from elizanet.gateway.dashboard.refused import Refused
from elizanet.gateway.dashboard.situation import FEW_ATTEMPTS, Patient, Situation

FAILING_SHARE: Final = 0.2
"""The part of a provider's attempts from which on it is in trouble, whatever its state says."""
_NOTHING: Final = Refused()
_HELD: Final[Mapping[str, str]] = {"open": "taken out", "closed": "kept in"}


def diagnose(
    views: Sequence[ProviderView], findings: Findings | None, refused: Refused = _NOTHING
) -> Situation:
    """Put together what the headline tells; `findings` are None where there are no records."""
    ill = [patient for view in views if (patient := _patient(view, findings))]
    names = {patient.name for patient in ill}
    chapters = findings.chapters if findings else {}
    impact = None if findings is None else findings.impact if ill else findings.impact_of_all
    return Situation(
        ill=ill,
        recovered=[
            _recovered(view, chapters[view.name])
            for view in views
            if view.name in chapters and view.name not in names
        ],
        held=[*_held(views)],
        fates=impact.fates if impact else None,
        last=findings.last if findings else None,
        helpers=[helper for helper in impact.helpers if helper not in names] if impact else [],
        affected=impact.affected if impact else [],
        refused=refused,
    )


def _patient(view: ProviderView, findings: Findings | None) -> Patient | None:
    """Return what is wrong with a provider now, None if nothing is."""
    if view.held == "open":
        return None
    chapter = findings.chapters.get(view.name) if findings else None
    if findings and chapter and chapter.until < findings.at - PAUSE_S:
        chapter = None
    recent = attempts_at(view.names, findings.now if findings else {})
    state = view.state if view.state not in {"closed", IDLE} else _failing(recent)
    if not state:
        return None
    if findings and chapter:
        recent = chapter.asked_of(view.names)
    again = None if view.again_in is None or findings is None else findings.at + view.again_in
    return Patient(
        view.name,
        state,
        reason=view.reason,
        since=chapter.since if chapter else None,
        again_at=again,
        attempts=recent.attempts,
        failures=recent.failures,
        part=_part(view),
    )


def _failing(recent: Asked) -> str:
    failed = sum(recent.failures.values())
    is_failing = recent.attempts >= FEW_ATTEMPTS and failed >= FAILING_SHARE * recent.attempts
    return "failing" if is_failing else ""


def _part(view: ProviderView) -> str:
    models = {lane.model for lane in view.lanes}
    ill = {lane.model for lane in view.lanes if lane.state != "closed"}
    if not ill or ill == models:
        return ""
    return next(iter(ill)) if len(ill) == 1 else f"{len(ill)} of {len(models)} models"


def _recovered(view: ProviderView, chapter: Chapter) -> Patient:
    asked_then = chapter.asked_of(view.names)
    return Patient(
        view.name,
        chapter.state if chapter.state != "half_open" else "open",
        reason=chapter.reason,
        since=chapter.since,
        until=chapter.until,
        attempts=asked_then.attempts,
        failures=asked_then.failures,
    )


def _held(views: Sequence[ProviderView]) -> Iterator[str]:
    for view in views:
        if view.held:
            yield f"{view.name} ({_HELD[view.held]})"
        for model, state in view.held_models.items():
            yield f"{view.name}/{model} ({_HELD[state]})"
