"""The calls that the page lists, and one call with all that is known of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec

from elizanet.gateway.dashboard.ranges import RANGES, SHORTEST_KEPT_S
from elizanet.records.model import CallRecord
from elizanet.records.reading import Reader, Which

PAGE: Final = 20
_WHOLE_ID: Final = re.compile(r"req_[0-9a-f]{28}")

CHOICES: Final[Mapping[str, Which]] = MappingProxyType(
    {
        "troubled": Which(troubled=True),
        "failed": Which(outcome="failed"),
        "broken": Which(outcome="broken"),
        "fallbacks": Which(fallbacks=True),
        "all": Which(),
    }
)


class Row(msgspec.Struct, frozen=True):
    """A call in one line. `by` answered, "" for nobody; `asked` and `passed_over` are targets."""

    id: str
    at: float
    model: str
    operation: str
    caller: str
    outcome: str
    failure_class: str | None
    fallback_reason: str | None
    by: str
    asked: list[str]
    passed_over: list[str]
    hedged: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class ListCalls:
    """Asks for a page of calls; `before` is the call that the page before it ended with."""

    range: str
    choice: str
    provider: str | None = None
    model: str | None = None
    caller: str | None = None
    before: str | None = None

    kept = SHORTEST_KEPT_S

    def __call__(self, reader: Reader, now: float) -> list[Row]:
        """Ask. Raises `RecordsError`."""
        which = msgspec.structs.replace(
            CHOICES[self.choice],
            since=now - RANGES[self.range].length,
            provider=self.provider,
            model=self.model,
            caller=self.caller,
            before=self.before,
        )
        return [_row(call) for call in reader.calls(which, PAGE)]


@dataclass(frozen=True, slots=True)
class FindCall:
    """Asks for one call."""

    id: str

    kept = SHORTEST_KEPT_S

    def __call__(self, reader: Reader, now: float) -> CallRecord | None:  # noqa: ARG002
        """Ask. Raises `RecordsError`."""
        return reader.call(self.id) if _WHOLE_ID.fullmatch(self.id) else None


def _row(call: CallRecord) -> Row:
    return Row(
        id=call.id,
        at=call.at,
        model=call.model,
        operation=call.operation,
        caller=call.caller,
        outcome=call.outcome,
        failure_class=call.failure_class,
        fallback_reason=call.fallback_reason,
        by=f"{call.provider}/{call.provider_model}" if call.provider else "",
        asked=[f"{attempt.provider}/{attempt.model}" for attempt in call.attempts],
        passed_over=[f"{skipped.provider}/{skipped.model}" for skipped in call.passed_over],
        hedged=call.hedged,
        seconds=round(call.seconds, 4),
    )
