"""The demo leaves records, so that `elizanet logs` and `elizanet explain` have a story to tell.

Nothing of it is in the way: where nothing can be recorded, the demo is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from elizanet.cli.demo.play import ROUTES
from elizanet.cli.demo.scenario import Result
from elizanet.errors import ConfigurationError
from elizanet.records.errors import RecordsError
from elizanet.records.opening import open_recorder
from elizanet.records.recorder import Recorder
from elizanet.settings import Settings, load_settings
from elizanet.telemetry import Sink

RUN: Final = "demo"
CLOSE_S: Final = 2.0
"""Seconds that the records may take at the end."""
SHOWN_ID: Final = 20
"""Characters of an id that tell it from others: its time, and a little chance."""
_BEST: Final = ("dead-provider", "continued-stream", "silent-stream", "both-down", "key-rotation")
"""The scenarios whose last call is worth an explanation, the best first."""


class Recording:
    """The records of one demo. `problem` says after it why there are none, "" if there are."""

    def __init__(self) -> None:
        self._recorder: Recorder | None = None
        self.problem = ""
        try:
            database = load_settings(resolve_keys=False).database
            settings = Settings(providers={}, routes=ROUTES, database=database)
            self._recorder = open_recorder(settings, run=RUN)
        except ConfigurationError:
            return  # whoever has such settings is told by every other command
        except RecordsError as error:
            self.problem = str(error)

    def __repr__(self) -> str:
        return f"<Recording {self._recorder or 'of nothing'}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._recorder is not None:
            self._recorder.close(CLOSE_S)
            stats = self._recorder.stats()
            if stats.written < stats.offered:
                self.problem = stats.failing or "the database is too slow"

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """Who is told what happens."""
        return () if self._recorder is None else (self._recorder,)

    def hints(self, results: Sequence[Result]) -> list[tuple[str, str]]:
        """Return what to look at next, and the command for it; nothing if nothing is recorded."""
        if self._recorder is None or self.problem:
            return []
        calls = sum(len(result.performance.calls) for result in results)
        hints = [("every call", f"elizanet logs --run {RUN} --limit {calls}")]
        if (best := _best_of(results)) is not None:
            last = best.performance.calls[-1]
            hints.append((best.scenario.name, f"elizanet explain {last.id[:SHOWN_ID]}"))
        return hints


def _best_of(results: Sequence[Result]) -> Result | None:
    recorded = [r for r in results if r.performance.calls and r.performance.calls[-1].id]
    for name in _BEST:
        for result in recorded:
            if result.scenario.name == name:
                return result
    return max(recorded, key=lambda r: len(r.performance.calls[-1].attempts), default=None)
