"""What the gateway refused itself, in words: for want of room, at a limit, for what was asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec

from elizanet.gateway.turned_away import Kind

_WHY: Final = {
    "overloaded": "for want of room",
    "draining": "while it was shutting down",
    "model_not_found": "for a model that is not served",
    "rate_limit_exceeded": "at a limit of the caller",
    "invalid_api_key": "for a wrong key",
    "request_too_large": "as too large",
    "forbidden_host": "for a strange Host",
    "forbidden_origin": "from strange web pages",
}
"""All other codes: for what was asked."""
_MOST_CALLERS: Final = 3
_UNAVAILABLE: Final = 503


class Refused(msgspec.Struct, frozen=True):
    """How many requests were refused: `busy` of them by no fault of theirs. `why` says it all."""

    count: int = 0
    busy: int = 0
    why: str = ""


def refused(kinds: Mapping[Kind, int]) -> Refused:
    """Sum up what was refused."""
    if not kinds:
        return Refused()
    reasons: Counter[str] = Counter()
    callers: dict[str, Counter[str]] = {}
    for kind, count in kinds.items():
        why = _WHY.get(kind.code, "for what was asked")
        reasons[why] += count
        if kind.caller:
            callers.setdefault(why, Counter())[kind.caller] += count
    busy = sum(count for kind, count in kinds.items() if kind.status == _UNAVAILABLE)
    told = [
        f"{count:,} {why}{_of(callers.get(why, Counter()))}" for why, count in reasons.most_common()
    ]
    return Refused(reasons.total(), busy, ", ".join(told))


def _of(callers: Counter[str]) -> str:
    names = [name for name, _ in callers.most_common(_MOST_CALLERS)]
    more = [f"{len(callers) - _MOST_CALLERS} more"] if len(callers) > _MOST_CALLERS else []
    return f" ({', '.join([*names, *more])})" if names else ""
