"""Asks the records what stood in the providers' way, as far back as somebody wants to know."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from elizanet.gateway.dashboard.timeline import Span, timelines
from elizanet.records.model import ChangeRecord
from elizanet.records.reading import Reader, Window


class Past:
    """The time before `now`, of which each stretch is read once.

    `run` is the name of this process, which goes on.
    """

    def __init__(self, reader: Reader, hosts: Sequence[str], run: str, now: float) -> None:
        self._reader = reader
        self._hosts = hosts
        self._run = run
        self._now = self._read = now
        self._changes: list[ChangeRecord] = []

    def __repr__(self) -> str:
        return f"<Past of {self._hosts} changes={len(self._changes)}>"

    def bands(self, since: float, step: float) -> dict[str, list[Span]]:
        """Return for each host the spans in which something was wrong, in order.

        `since` is earlier than at the last time. Of what is read now, what comes and goes within
        `step` seconds may be left out, or last that long. Raises `RecordsError`.
        """
        stretch, self._read = Window(since, self._read), since
        self._changes = [*self._reader.changes(stretch, step), *self._changes]
        known = [*self._reader.latest_changes(since), *self._changes]
        ends = {**self._reader.last_writes(), self._run: inf}
        return timelines(known, self._hosts, Window(since, self._now), ends)
