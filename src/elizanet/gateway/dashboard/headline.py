"""What is going on, in words: is anything wrong, since when, who is affected, what is done.

Pure: from what is known of the providers now, and what the records say of the time that matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from elizanet.gateway.dashboard.situation import Fates, Situation
from elizanet.gateway.dashboard.trouble import Sentence, name_of, tell, what_next

Level = Literal["idle", "calm", "notice", "trouble", "outage"]

_OUTAGE_SHARE: Final = 0.5
"""The part of the last calls that got no answer from which on it is an outage."""
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
    more = [*_more(situation), *_turned_away(situation)]
    return Headline(_level(situation), _first(situation), more)


def _level(situation: Situation) -> Level:
    fates, last = situation.fates, _last(situation)
    if situation.ill:
        if last.calls and last.lost >= _OUTAGE_SHARE * last.calls:
            return "outage"
        return "trouble" if last.lost or (fates and fates.lost) else "notice"
    if _is_shedding(situation):
        return "trouble"
    if _is_losing(situation) or _refuses_many(situation):
        return "notice"
    return "calm" if fates is None or fates.calls or fates.wrong else "idle"


def _is_losing(situation: Situation) -> bool:
    judged = _last(situation) if situation.recovered else situation.fates or Fates()
    return judged.calls > 0 and judged.lost >= _NOTICED_SHARE * judged.calls


def _requests(situation: Situation) -> int:
    """Return how many requests there were, also those that are no calls."""
    fates = situation.fates or Fates()
    return fates.calls + sum(fates.wrong.values()) + situation.refused.count


def _refuses_many(situation: Situation) -> bool:
    count = situation.refused.count
    return count > 0 and count >= _NOTICED_SHARE * _requests(situation)


def _is_shedding(situation: Situation) -> bool:
    busy = situation.refused.busy
    return busy > 0 and busy >= _NOTICED_SHARE * _requests(situation)


def _last(situation: Situation) -> Fates:
    """Return how the last calls ended; where there were none, those before them."""
    last = situation.last
    return last if last and last.calls else situation.fates or Fates()


def _first(situation: Situation) -> Sentence:
    ill, fates = situation.ill, situation.fates
    if len(ill) == 1:
        return [*tell(ill[0]), "."]
    if ill:
        names = _listed([patient.name for patient in ill])
        known = [patient.since for patient in ill if patient.since is not None]
        since: Sentence = [" since ", min(known)] if known else []
        return [f"{names} are in trouble", *since, "."]
    match _level(situation):
        case "idle":
            return ["No calls in the last quarter of an hour."]
        case "notice" if _is_losing(situation):
            lost = _lost_of_last(situation) if situation.recovered else _lost(fates or Fates())
            return [f"{lost} got no answer, though no provider is in trouble."]
        case "notice" | "trouble":
            return [f"The gateway refused {_refused(situation)}."]
        case _ if fates is None or not fates.calls:
            return ["No provider is in trouble."]
        case _:
            return ["Everything answers again." if situation.recovered else "Everything answers."]


def _more(situation: Situation) -> list[Sentence]:
    ill, fates = situation.ill, situation.fates
    more: list[Sentence] = []
    if len(ill) > 1:
        more += [[*tell(patient), "."] for patient in ill]
    elif not ill:
        more += [[*tell(patient), "."] for patient in situation.recovered]
    if ill or situation.recovered:
        more += _handled(situation)
    elif fates and fates.calls and _level(situation) == "calm":
        more.append([_calmly(fates)])
    if fates and fates.wrong:
        more.append([_wrong(fates)])
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


def _turned_away(situation: Situation) -> list[Sentence]:
    why = situation.refused.why
    return [[f"Refused in the last quarter of an hour: {why}."]] if why else []


def _handled(situation: Situation) -> list[Sentence]:
    """Say what became of the calls."""
    fates = situation.fates
    if fates is None or not fates.calls:
        return []
    fate = f"all {_calls(fates.calls)} were answered"
    if fates.lost:
        fate = f"{_lost(fates)} got no answer"
    said: list[Sentence] = [[f"{fate[0].upper()}{fate[1:]}."]]
    if fates.fallbacks and situation.helpers:
        verb = "go" if situation.ill else "went"
        whose = "Its calls" if len(situation.ill or situation.recovered) == 1 else "Their calls"
        said = [[f"{whose} {verb} to {_listed(situation.helpers)}; {fate}."]]
    if _level(situation) == "outage" and _last(situation) != fates:
        said.insert(0, [f"{_lost_of_last(situation)} got no answer."])
    return said


def _calmly(fates: Fates) -> str:
    fate = f"{fates.lost:,} got no answer" if fates.lost else "all of them answered"
    if fates.lost == fates.calls:
        fate = "without an answer"
    helped = f", {fates.fallbacks:,} by a fallback" if fates.fallbacks else ""
    return f"{_calls(fates.calls)} in the last quarter of an hour, {fate}{helped}."


def _wrong(fates: Fates) -> str:
    """Say how many calls failed for what they asked."""
    count, kinds = sum(fates.wrong.values()), sorted(fates.wrong, key=lambda k: -fates.wrong[k])
    calls = f"{count:,} {'more ' if fates.calls else ''}call{'' if count == 1 else 's'}"
    return f"{calls} failed by no fault of a provider: {_listed([*map(name_of, kinds)])}."


def _refused(situation: Situation) -> str:
    refused, requests = situation.refused, _requests(situation)
    return f"{refused.count:,} of {requests:,} request{'' if requests == 1 else 's'}"


def _lost(fates: Fates) -> str:
    return f"{fates.lost:,} of {_calls(fates.calls)}"


def _lost_of_last(situation: Situation) -> str:
    last = _last(situation)
    return f"{last.lost:,} of the last {_calls(last.calls)}"


def _calls(count: int) -> str:
    return f"{count:,} call{'' if count == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    """Return names as a sentence has them; beyond a few they are counted."""
    if len(names) > _MOST_NAMES:
        names = [*names[: _MOST_NAMES - 1], f"{len(names) - _MOST_NAMES + 1} more"]
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
