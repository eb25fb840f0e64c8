"""Calls as lines: one a call, aligned, as wide as there is room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from elizanet.cli import figures
from elizanet.cli.paths import path_of
from elizanet.cli.records_text import has_moved
from elizanet.cli.terminal import printable
from elizanet.records.model import CallRecord

WIDE: Final = 120
"""Columns from which the names of models may be longer."""
SHORT_ID: Final = 14
"""Characters of an id after its prefix: the time to the millisecond, and a little chance."""
_PREFIX: Final = len("req_")
_REST_OF_ID: Final = 14
_TIME: Final = 8
_TOOK: Final = 7
_MODEL: Final = (12, 26)
_LEAST_PATH: Final = 30
_SHORTEST_PATH: Final = 8
_LEAST_TROUBLE: Final = 6
_USUAL_PATH: Final = 40
_LONGEST_PATH: Final = 72
_GAP: Final = 2

UNICODE: Final = {
    "answered": "✓", "moved": "↪", "failed": "✗", "broken": "✂", "left": "←", "then": "→",
}  # fmt: skip
ASCII: Final = {
    "answered": ".", "moved": ">", "failed": "X", "broken": "/", "left": "<", "then": "->",
}  # fmt: skip
STYLES: Final = {
    "answered": "green", "moved": "yellow", "failed": "bold red", "broken": "bold red",
    "left": "dim",
}  # fmt: skip


class Column(NamedTuple):
    """What is shown where there is room for it."""

    width: int
    of: Callable[[CallRecord], str]
    right: bool


def kind_of(record: CallRecord) -> str:
    """Return how a call ended, and whether another target than the first choice answered."""
    return "moved" if has_moved(record) else record.outcome


class Lines:
    """Draws calls for a terminal of this width; the widths of `sample` decide the columns.

    Where it is narrow, the model is left out, then how long it took; it fits from 40 on.
    """

    def __init__(self, width: int, sample: Sequence[CallRecord], *, unicode: bool) -> None:
        self._symbols = UNICODE if unicode else ASCII
        names = [cell_len(printable(record.model)) for record in sample]
        most = _MODEL[width >= WIDE]
        self._model = min(max(names, default=most), most)
        fixed = (_TIME, 1, SHORT_ID)
        left = width - sum(fixed) - _GAP * len(fixed)
        self._has_model = left - self._model - _TOOK - 2 * _GAP >= _SHORTEST_PATH
        self._has_took = left - _TOOK - _GAP >= _SHORTEST_PATH
        left -= (self._model + _GAP) * self._has_model + (_TOOK + _GAP) * self._has_took
        self._more: list[Column] = []
        for column in _columns(sample):
            if left - column.width - _GAP >= _LEAST_PATH:
                self._more.append(column)
                left -= column.width + _GAP
        paths = [cell_len(path_of(record).told(self._symbols["then"])) for record in sample]
        longest = max(_USUAL_PATH, min(max(paths, default=0), _LONGEST_PATH))
        self._path = max(_SHORTEST_PATH, min(left, longest))
        is_whole = left - self._path >= _PREFIX + _REST_OF_ID
        self._id = slice(None) if is_whole else slice(_PREFIX, _PREFIX + SHORT_ID)
        self._day = datetime.now().astimezone().date()

    def __repr__(self) -> str:
        return f"<Lines model={self._model} path={self._path} more={len(self._more)}>"

    def draw(self, record: CallRecord) -> Iterator[Text]:
        """Yield the line of a call, after a line with the day if that is another one."""
        when = datetime.fromtimestamp(record.at).astimezone()
        if when.date() != self._day:
            self._day = when.date()
            yield Text(f"{when:%A, %d %B %Y}", "dim bold")
        kind = kind_of(record)
        symbol = self._symbols.get(kind, "?")
        line = Text(no_wrap=True, overflow="crop")
        line.append(f"{when:%H:%M:%S}  ", "dim")
        line.append(f"{symbol} ", STYLES.get(kind, ""))
        if self._has_model:
            line.append(_fit(printable(record.model), self._model) + "  ")
        line.append(self._path_of(record, kind))
        if self._has_took:
            line.append(f"  {figures.seconds(record.seconds):>{_TOOK}}")
        for column in self._more:
            text = _fit(printable(column.of(record)), column.width, right=column.right)
            line.append(f"  {text}", "dim")
        line.append(f"  {record.id[self._id]}", "dim")
        yield line

    def _path_of(self, record: CallRecord, kind: str) -> Text:
        path = path_of(record)
        arrow = self._symbols["then"]
        end = printable(path.end)
        before = printable(", ".join(path.troubles))
        room = self._path - cell_len(end) - (cell_len(arrow) + 2 if before else 0)
        told = Text()
        if before:
            if room >= _LEAST_TROUBLE:
                style = "red" if kind != "left" else "dim"
                told.append(_shortened(before, room) + " ", style)
            told.append(f"{arrow} ", "dim")
        told.append(end, STYLES.get(kind, ""))
        told.truncate(self._path, overflow="ellipsis", pad=True)
        return told


def plain(record: CallRecord) -> str:
    """Return a call as one line of ASCII signs, for files and pipes."""
    when = f"{datetime.fromtimestamp(record.at).astimezone():%Y-%m-%d %H:%M:%S}"
    tokens = figures.tokens(
        record.prompt_tokens, record.completion_tokens, estimated=record.estimated
    )
    cells = (
        when,
        f"{record.outcome:8}",
        f"{record.model:24}",
        f"{figures.seconds(record.seconds):>8}",
        f"{tokens or '-':>11}",
        f"{figures.dollars(record.cost) or '-':>9}",
        record.id,
        f"{record.caller or '-':10}",
        path_of(record).told("->"),
    )
    return printable("  ".join(cells))


def _columns(sample: Sequence[CallRecord]) -> Iterator[Column]:
    """Yield what may be shown beside the rest, the most useful first."""
    if any(record.cost is not None for record in sample):
        yield Column(9, lambda r: figures.dollars(r.cost), True)
    if any(record.prompt_tokens is not None for record in sample):
        yield Column(
            11,
            lambda r: figures.tokens(r.prompt_tokens, r.completion_tokens, estimated=r.estimated),
            True,
        )
    if callers := {record.caller for record in sample} - {""}:
        yield Column(min(max(map(len, callers)), 14), lambda r: r.caller, False)


def _fit(text: str, width: int, *, right: bool = False) -> str:
    text = _shortened(text, width)
    return " " * (width - cell_len(text)) + text if right else set_cell_size(text, width)


def _shortened(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
