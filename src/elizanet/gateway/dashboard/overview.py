"""What the page is told: everything but the list of calls."""

from __future__ import annotations

import msgspec

from elizanet.gateway.dashboard.headline import Headline
from elizanet.gateway.dashboard.history import History
from elizanet.gateway.dashboard.providers import ProviderView
from elizanet.monitor import CheckResult


class Process(msgspec.Struct, frozen=True):
    """The gateway itself."""

    status: str
    in_flight: int
    max_in_flight: int
    lag_ms: float
    has_keys: bool
    started: float


class RecordsState(msgspec.Struct, frozen=True):
    """Whether there are records to show: "on", "off", "empty" so far, or "failing" and why.

    `dropped` counts what was not recorded, `behind` what is not written yet.
    """

    state: str
    reason: str = ""
    dropped: int = 0
    behind: int = 0


class Overview(msgspec.Struct, frozen=True):
    """Everything on the page but the list of calls; `history` is None without records."""

    at: float
    range: str
    process: Process
    headline: Headline
    providers: list[ProviderView]
    checks: dict[str, CheckResult]
    records: RecordsState
    history: History | None
