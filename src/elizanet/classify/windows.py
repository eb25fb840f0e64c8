"""Tells a limit that clears by itself from one that stays until someone acts."""

from __future__ import annotations

from typing import Final

from elizanet.classify import codes
from elizanet.classify.evidence import Layer
from elizanet.classify.patterns import compiled, has_any
from elizanet.classify.verdicts import PATIENCE_S
from elizanet.errors import FailureClass

_F = FailureClass

_COUNTER: Final = r"\b(second|minute|hour|day|week|month) limit:? (\d{1,15}) ?/ ?(\d{1,15})"
_LONG: Final = (
    r"\b(?:daily|weekly|monthly|(?:per[ -]?)?(?:day|week|month))\b|\b[rt]pd\b|\blimit: 0\b"
)
_LONG_CUES: Final = ("day", "daily", "week", "month", "rpd", "tpd", "limit: 0")
_MONEY: Final = ("balance", "credit", "budget", "spend", "payment", "overdue")


def settled(found: FailureClass, delay: float | None, layers: list[Layer]) -> FailureClass:
    """Return `rate_limit` or `quota_exhausted`, whichever the window of the limit makes it.

    A counter for a day or longer is a quota, unless the provider says when to try again. A
    quota that frees itself within a minute is a rate limit, unless it is one of money.
    """
    told = " ".join(text for layer in layers for text in (layer.read().whole, *layer.unknown))
    counters = compiled(_COUNTER).findall(told) if " limit" in told and "/" in told else ()
    over = {window for window, used, limit in counters if int(used) > int(limit)}
    if over:
        return _F.QUOTA_EXHAUSTED if over & {"day", "week", "month"} else _F.RATE_LIMIT
    is_long = has_any(told, _LONG_CUES) and compiled(_LONG).search(told) is not None
    if found is _F.RATE_LIMIT:
        return _F.QUOTA_EXHAUSTED if is_long and delay is None else found
    if delay is None or delay > PATIENCE_S or is_long or has_any(told, _MONEY):
        return found
    return found if _is_coded(layers) else _F.RATE_LIMIT


def _is_coded(layers: list[Layer]) -> bool:
    """Tell whether a code, and not only a sentence, calls it a quota."""
    return any(
        codes.SPECIFIC.get(name) is _F.QUOTA_EXHAUSTED for layer in layers for name in layer.names
    )
