"""Makes records of events for one run, by the settings that are in force."""

from __future__ import annotations

from elizanet.records.known import Known
from elizanet.records.making import make_call, make_change
from elizanet.records.queue import Recorded
from elizanet.records.writing import Record
from elizanet.telemetry import CallEnded


class Maker:
    """Makes the record of an event; what is `known` may be replaced while it does."""

    def __init__(self, run: str) -> None:
        self.known = Known()
        self.run = run

    def __repr__(self) -> str:
        return f"<Maker {self.run}>"

    def __call__(self, event: Recorded, at: float) -> Record:
        if isinstance(event, CallEnded):
            return make_call(event, at, self.run, self.known)
        return make_change(event, at, self.run)
