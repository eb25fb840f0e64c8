"""What is going on, in words: is anything wrong, since when, who is affected, what is done.

Pure: from what is known of the providers now, and what the records say of the time that matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from elizanet.gateway.dashboard.situation import Situation
from elizanet.gateway.dashboard.trouble import Sentence, tell, what_next
from elizanet.records.reading import Totals

Level = Literal["idle", "calm", "notice", "trouble", "outage"]

_OUTAGE_SHARE: Final = 0.5
"""The part of all calls that get no answer from which on it is an outage."""
_NOTICED_SHARE: Final = 0.05
"""The part of all calls that is worth a word although no provider is in trouble."""
_MOST_NAMES: Final = 5


class Headline(msgspec.Struct, frozen=True):
    """`text` is the first sentence, `more` says the rest."""

    level: Level
    text: Sentence
    more: list[Sentence]


def headline(situation: Situation) -> Headline:
    """Say what is going on."""
    return Headline(_level(situation), _first(situation), _more(situation))


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
        return [*tell(ill[0]), "."]
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
        more += [[*tell(patient), "."] for patient in ill]
    elif not ill:
        more += [[*tell(patient), "."] for patient in situation.recovered]
    if ill or situation.recovered:
        more += _handled(situation)
    elif totals and totals.calls and _level(situation) == "calm":
        more.append([_calmly(totals)])
    if len(ill) == 1:
        more += what_next(ill[0])
    if situation.affected and (ill or situation.recovered):
        more.append([f"Affected: {_listed(situation.affected)}."])
    if ill:
        more += [[*tell(patient), "."] for patient in situation.recovered]
    if situation.held:
        verb = "is" if len(situation.held) == 1 else "are"
        more.append([f"{_listed(situation.held)} {verb} held by an operator."])
    return more


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
