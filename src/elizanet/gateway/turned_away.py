"""Requests that the gateway itself refused: told in the log, counted, and known for a while.

They are no calls: no provider was asked, and nothing is recorded of them. The first ones of a
second have a line each, with the id that their callers were given. The others are added up in one
line: whoever sheds load must not spend it on telling so.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, NamedTuple

from elizanet.errors import InputError
from elizanet.gateway.auth import ANYBODY
from elizanet.gateway.refusal import Refusal
from elizanet.metrics import Metrics

logger = logging.getLogger("elizanet.gateway")

KEPT_S: Final = 15 * 60
LINES_A_SECOND: Final = 10
_MINUTE_S: Final = 60
_SECOND_S: Final = 1.0


class Kind(NamedTuple):
    """What was refused to whom: `code` is that of the error, `caller` empty where nobody knows."""

    status: int
    code: str
    caller: str


class TurnedAway:
    """What a process has refused. `recent` has what callers of the API were refused lately."""

    def __init__(self, metrics: Metrics, wall: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._wall = wall
        self._minutes: deque[tuple[int, Counter[Kind]]] = deque()
        self._lines = 0
        self._untold: Counter[Kind] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<TurnedAway {self.recent().total()} lately, {self._untold.total()} untold>"

    def add(self, call_id: str, caller: str, error: InputError, *, is_api: bool = True) -> None:
        """Count a refusal; `caller` is who is known to have asked, if the error does not say it."""
        known = error.caller if isinstance(error, Refusal) else ""
        who = known or caller
        who = "" if who == ANYBODY.alias else who
        kind = Kind(error.status, error.code or "invalid_request_error", who)
        self._metrics.refused(kind.status, kind.code)
        if is_api:
            self._minute()[kind] += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SECOND_S, self._tell_rest)
        if self._lines < LINES_A_SECOND:
            self._lines += 1
            _tell(call_id, kind, error)
        else:
            self._untold[kind] += 1

    def recent(self) -> Counter[Kind]:
        """Return how many of each kind were refused in the last quarter of an hour."""
        self._forget()
        found: Counter[Kind] = Counter()
        for _, kinds in self._minutes:
            found += kinds
        return found

    def close(self) -> None:
        """Tell what was not told yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._tell_rest()

    def _minute(self) -> Counter[Kind]:
        minute = int(self._wall() // _MINUTE_S)
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append((minute, Counter()))
            self._forget()
        return self._minutes[-1][1]

    def _forget(self) -> None:
        oldest = (self._wall() - KEPT_S) // _MINUTE_S
        while self._minutes and self._minutes[0][0] < oldest:
            self._minutes.popleft()

    def _tell_rest(self) -> None:
        untold, self._untold = self._untold, Counter()
        self._timer, self._lines = None, 0
        if untold:
            kinds = ", ".join(f"{count} x {_named(kind)}" for kind, count in untold.most_common(5))
            more = f" and {len(untold) - 5} other kinds" if len(untold) > 5 else ""  # noqa: PLR2004
            logger.warning("%d more requests were refused: %s%s", untold.total(), kinds, more)


def _tell(call_id: str, kind: Kind, error: InputError) -> None:
    fields = {"call_id": call_id, "status": kind.status, "code": kind.code, "caller": kind.caller}
    logger.info("[%s] refused %s: %s", call_id, _named(kind), error, extra=fields)


def _named(kind: Kind) -> str:
    whose = f" ({kind.caller})" if kind.caller else ""
    return f"{kind.status} {kind.code}{whose}"
