"""What is going on, in words: is anything wrong, since when, who is affected, what is done.

Pure: from what is known of the providers now, and what the records say of the time that matters.
A sentence is a list of texts and moments; a moment is a number (seconds since 1970) that the page
writes as a time of its reader's day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from elizanet.records.reading import Totals

Sentence = list[str | float]
Level = Literal["idle", "calm", "notice", "trouble", "outage"]

FAILING_SHARE: Final = 0.2
"""The part of a provider's attempts from which on it is in trouble, whatever its state says."""
FEW_ATTEMPTS: Final = 10
"""So many say nothing about the share."""
_MINUTE_S: Final = 60
_WHOLE: Final = 100
_OUTAGE_SHARE: Final = 0.5
_NOTICED_SHARE: Final = 0.05
"""The part of all calls that is worth a word although no provider is in trouble."""
_MOSTLY: Final = 0.5
_MOST_NAMES: Final = 5

_WORDS: Final[Mapping[str, str]] = {
    "rate_limit": "rate limits",
    "quota_exhausted": "quota errors",
    "overloaded": "overload errors",
    "timeout": "timeouts",
    "connection": "connection failures",
    "context_window_exceeded": "prompts that are too long",
    "content_policy": "policy refusals",
    "auth": "rejected keys",
    "model_not_found": "missing models",
    "bad_request": "bad requests",
    "payload_too_large": "oversized requests",
    "malformed_response": "malformed answers",
    "stream_interrupted": "broken streams",
    "cancelled": "cancelled calls",
    "unknown": "unknown errors",
}
_IS: Final[Mapping[str, str]] = {
    "half_open": "being probed",
    "open": "failing",
    "failing": "failing",
    "rate_limited": "rate limited",
    "quarantined": "set aside",
}


class Patient(msgspec.Struct, frozen=True):
    """One provider and its trouble.

    `state` is that of `ProviderView`, or "failing" where only its attempts tell. `since`, `until`
    and `again_at` (when it may be asked again) are moments, None where nobody knows. `failures`
    counts by class, `attempts` all of them, 0 if only the failures are known. `part` says which
    part of it is concerned, "" for all of it.
    """

    name: str
    state: str
    reason: str = ""
    since: float | None = None
    until: float | None = None
    again_at: float | None = None
    attempts: int = 0
    failures: dict[str, int] = {}
    part: str = ""

    @property
    def failed(self) -> int:
        """How many of its attempts failed."""
        return sum(self.failures.values())


class Situation(msgspec.Struct, frozen=True):
    """What the headline is made of.

    `ill`: providers in trouble now; `recovered`: those that were, lately; `held`: those that an
    operator took out, or some models of theirs. `totals` are of the time since the oldest trouble
    began, without one of the last quarter of an hour, None without records. `helpers` answered
    the calls that fell back, `affected` are models and callers concerned, most first.
    """

    ill: Sequence[Patient] = ()
    recovered: Sequence[Patient] = ()
    held: Sequence[str] = ()
    totals: Totals | None = None
    helpers: Sequence[str] = ()
    affected: Sequence[str] = ()


class Headline(msgspec.Struct, frozen=True):
    """`text` is the first sentence, `more` says the rest."""

    level: Level
    text: Sentence
    more: list[Sentence]


def headline(situation: Situation) -> Headline:
    """Say what is going on."""
    return Headline(_level(situation), _first(situation), _more(situation))


def share(failed: int, calls: int) -> str:
    """Return a part of a whole in per cent; only nothing is 0 %, and only everything 100 %."""
    percent = round(_WHOLE * failed / calls) if calls else 0
    if failed and not percent:
        return "less than 1 %"
    if failed < calls and percent == _WHOLE:
        return "more than 99 %"
    return f"{percent} %"


def _level(situation: Situation) -> Level:
    totals = situation.totals
    lost = totals.failed + totals.broken if totals else 0
    calls = totals.calls if totals else 0
    if calls and situation.ill and lost >= _OUTAGE_SHARE * calls:
        return "outage"
    if situation.ill:
        return "trouble" if lost else "notice"
    if calls and lost >= _NOTICED_SHARE * calls:
        return "notice"
    return "idle" if totals and not calls else "calm"


def _first(situation: Situation) -> Sentence:
    ill, totals = situation.ill, situation.totals
    if len(ill) == 1:
        return [*_told(ill[0]), "."]
    if ill:
        names = _listed([patient.name for patient in ill])
        known = [patient.since for patient in ill if patient.since is not None]
        since: Sentence = [" since ", min(known)] if known else []
        return [f"{names} are in trouble", *since, "."]
    if totals is None:
        return ["No provider is in trouble."]
    if not totals.calls:
        return ["No calls in the last quarter of an hour."]
    if situation.recovered:
        return ["Everything answers again."]
    if _level(situation) == "notice":
        return [f"{_lost(totals)} got no answer, though no provider is in trouble."]
    return ["Everything answers."]


def _more(situation: Situation) -> list[Sentence]:
    ill, totals = situation.ill, situation.totals
    more: list[Sentence] = []
    if len(ill) > 1:
        more += [[*_told(patient), "."] for patient in ill]
    elif not ill:
        more += [[*_told(patient), "."] for patient in situation.recovered]
    if ill or situation.recovered:
        more += _handled(situation)
    elif totals and totals.calls and _level(situation) == "calm":
        more.append([_calmly(totals)])
    if len(ill) == 1:
        more += _next(ill[0])
    if situation.affected and (ill or situation.recovered):
        more.append([f"Affected: {_listed(situation.affected)}."])
    if ill:
        more += [[*_told(patient), "."] for patient in situation.recovered]
    if situation.held:
        verb = "is" if len(situation.held) == 1 else "are"
        more.append([f"{_listed(situation.held)} {verb} held by an operator."])
    return more


def _told(patient: Patient) -> Sentence:
    """Say what a provider's trouble is, without the full stop."""
    whom = f"{patient.part} of {patient.name}" if patient.part else patient.name
    was = patient.until is not None
    words: Sentence = [f"{whom} {'was' if was else 'is'} {_IS[patient.state]}"]
    if patient.since is not None and patient.until is not None:
        words += _while(patient.since, patient.until)
    elif patient.since is not None:
        words += [" since ", patient.since]
    if patient.failed:
        words.append(f": {_failures(patient)}{_mostly(patient)}")
    elif patient.reason:
        words.append(f": {patient.reason.rstrip('.')}")
    return words


def _while(since: float, until: float) -> Sentence:
    if until - since < _MINUTE_S:
        return [f" for {max(1, round(until - since))} s at ", since]
    return [" from ", since, " to ", until]


def _failures(patient: Patient) -> str:
    """Say how many attempts failed; the share of a few says nothing."""
    if patient.attempts < FEW_ATTEMPTS:
        return f"{patient.failed:,} attempt{'' if patient.failed == 1 else 's'} failed"
    fail = "fail" if patient.until is None else "failed"
    return f"{share(patient.failed, patient.attempts)} of its attempts {fail}"


def _mostly(patient: Patient) -> str:
    worst = max(patient.failures, key=lambda name: patient.failures[name])
    if patient.failed == 1 or patient.failures[worst] < _MOSTLY * patient.failed:
        return ""
    most = "all" if patient.failures[worst] == patient.failed else "mostly"
    return f", {most} {_WORDS.get(worst, worst)}"


def _handled(situation: Situation) -> list[Sentence]:
    """Say what became of the calls."""
    totals = situation.totals
    if totals is None or not totals.calls:
        return []
    lost = totals.failed + totals.broken
    fate = f"{_lost(totals)} got no answer" if lost else f"all {_calls(totals.calls)} were answered"
    if not totals.fallbacks or not situation.helpers:
        return [[f"{fate[0].upper()}{fate[1:]}."]]
    verb = "go" if situation.ill else "went"
    whose = "Its calls" if len(situation.ill or situation.recovered) == 1 else "Their calls"
    return [[f"{whose} {verb} to {_listed(situation.helpers)}; {fate}."]]


def _next(patient: Patient) -> list[Sentence]:
    """Say what the gateway, or a person, has to do for a provider to come back."""
    match patient.state:
        case "open":
            return [["It is probed with one call at a time, and used again once it answers."]]
        case "half_open":
            return [["Three answers in a row bring it back."]]
        case "rate_limited" if patient.again_at is not None:
            return [["It is asked again from ", patient.again_at, " on."]]
        case "quarantined" if patient.again_at is not None:
            return [["Somebody has to act; it is tried again at ", patient.again_at, "."]]
    return []


def _calmly(totals: Totals) -> str:
    lost = totals.failed + totals.broken
    fate = f"{lost:,} got no answer" if lost else "all of them answered"
    if lost == totals.calls:
        fate = "without an answer"
    helped = f", {totals.fallbacks:,} by a fallback" if totals.fallbacks else ""
    return f"{_calls(totals.calls)} in the last quarter of an hour, {fate}{helped}."


def _lost(totals: Totals) -> str:
    return f"{totals.failed + totals.broken:,} of {_calls(totals.calls)}"


def _calls(count: int) -> str:
    return f"{count:,} call{'' if count == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    """Return names as a sentence has them; beyond a few they are counted."""
    if len(names) > _MOST_NAMES:
        names = [*names[: _MOST_NAMES - 1], f"{len(names) - _MOST_NAMES + 1} more"]
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
