"""The sums of a window, as tables."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from elizanet.cli import figures
from elizanet.cli.paths import NOBODY
from elizanet.cli.records_text import failed
from elizanet.cli.summing import Summary
from elizanet.cli.terminal import printable
from elizanet.records.reading import AttemptTotals, Totals

_FIGURES: Final = (
    (100, ("calls", "failed", "fallbacks", "p50", "p95", "p99", "tokens in", "out", "cost")),
    (72, ("calls", "failed", "fallbacks", "p50", "p95", "cost")),
    (0, ("calls", "failed", "p50")),
)
"""The figures of a row, by the columns of the screen from which there is room for them."""
_MOST_ROWS: Final = 20
_GAP: Final = 2
_LEAST_NAME: Final = 8
_LEAST_REASONS: Final = 12
_ROOM_FOR_SHARES: Final = 60


def draw(screen: Console, found: Summary) -> None:
    """Draw all of it on the screen."""
    screen.print(Text(_headline(found), "bold"))
    if not found.total.calls:
        return
    for table in _tables(found, screen.width):
        screen.print()
        screen.print(table)


def _headline(found: Summary) -> str:
    total, period = found.total, _period(found)
    if not total.calls:
        return f"No call was made {period}. A longer one: elizanet stats --since 7d"
    told = f"{total.calls:,} call{'s' * (total.calls != 1)} {period}"
    told += f", {figures.share(total.answered, total.calls)} answered"
    if total.fallbacks:
        moved = figures.share(total.fallbacks, total.calls)
        told += f", {moved} by another than the first choice"
    return told


def _period(found: Summary) -> str:
    lasts = figures.span(found.until - found.since)
    if abs(time.time() - found.until) < 60:  # noqa: PLR2004 -- a minute: now
        return f"in the last {lasts}"
    since, until = (datetime.fromtimestamp(at).astimezone() for at in (found.since, found.until))
    return f"from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}"


def _tables(found: Summary, width: int) -> Iterator[Table]:
    yield _ends(found.total, width)
    yield _by("model", found.by_model, "", width)
    yield _by("answered by", found.by_target, NOBODY, width)
    if any(totals.key != ("",) for totals in found.by_caller):
        yield _by("caller", found.by_caller, "-", width)
    if found.moved:
        yield _moved(found, width)
    yield _attempts(found.attempts, width)


def _table(*titles: str, names: int = 1) -> Table:
    """Return an empty table; its first columns are `names`, the others are figures."""
    table = Table(box=None, padding=(0, _GAP, 0, 0), header_style="dim", pad_edge=False)
    for place, title in enumerate(titles):
        if place < names:
            table.add_column(title, no_wrap=True, overflow="ellipsis")
        else:
            table.add_column(title, justify="right", no_wrap=True)
    return table


def _fitted(table: Table, width: int, names: int = 1) -> Table:
    """Shorten the names of a table so that its figures are whole; what can be wrapped gives way."""
    others = table.columns[names:]
    for column in others:
        column.min_width = _width(column) if column.no_wrap else max(_LEAST_REASONS, width // 3)
    room = width - sum(_GAP + (column.min_width or 0) for column in others) - _GAP * (names - 1)
    for column in table.columns[:names]:
        column.max_width = max(_LEAST_NAME, room // names)
    return table


def _width(column: Column) -> int:
    """Return the width of the longest cell of a column, its title included."""
    return max(cell_len(str(cell)) for cell in (column.header, *column.cells))


def _ends(total: Totals, width: int) -> Table:
    table = _table("", "p50", "p95", "p99")
    table.add_row("a call", *map(_took, (total.seconds_p50, total.seconds_p95, total.seconds_p99)))
    if total.first_content_p50 is not None:
        firsts = (total.first_content_p50, total.first_content_p95, total.first_content_p99)
        table.add_row("a stream's first content", *map(_took, firsts))
    return _fitted(table, width)


def _by(title: str, rows: Sequence[Totals], unnamed: str, width: int) -> Table:
    titles = next(titles for least, titles in _FIGURES if width >= least)
    table = _table(title, *titles)
    for totals in rows[:_MOST_ROWS]:
        cells = _cells(totals)
        name = printable(totals.key[0] or unnamed)
        table.add_row(Text(name), *(cells[title] for title in titles))
    if len(rows) > _MOST_ROWS:
        table.add_row(Text(f"and {len(rows) - _MOST_ROWS} more (--json has all)", "dim"))
    return _fitted(table, width)


def _cells(totals: Totals) -> dict[str, Text]:
    """Return the figures of a row by their titles."""
    lost = totals.failed + totals.broken
    told = {
        "calls": f"{totals.calls:,}",
        "failed": _some(lost),
        "fallbacks": _some(totals.fallbacks),
        "p50": _took(totals.seconds_p50),
        "p95": _took(totals.seconds_p95),
        "p99": _took(totals.seconds_p99),
        "tokens in": figures.count(totals.prompt_tokens),
        "out": figures.count(totals.completion_tokens),
        "cost": _money(totals),
    }
    styles = {"failed": "red" if lost else ""}
    return {title: Text(text, styles.get(title, "")) for title, text in told.items()}


def _moved(found: Summary, width: int) -> Table:
    table = _table("why calls moved", "from", "to", "calls", names=3)
    for moved in found.moved[:_MOST_ROWS]:
        names = map(printable, (moved.first_choice, moved.answered_by))
        table.add_row(Text(failed(moved.reason), "yellow"), *map(Text, names), f"{moved.calls:,}")
    counted = sum(moved.calls for moved in found.moved)
    if counted < found.moved_of:
        table.add_row(Text(f"of the newest {counted:,}", "dim"))
    return _fitted(table, width, names=3)


def _attempts(rows: Sequence[AttemptTotals], width: int) -> Table:
    shares = ("answered",) if width >= _ROOM_FOR_SHARES else ()
    table = _table("who was asked", "attempts", *shares)
    table.add_column("why not")
    targets = dict.fromkeys((row.provider, row.model) for row in rows)
    for target in list(targets)[:_MOST_ROWS]:
        its = [row for row in rows if (row.provider, row.model) == target]
        asked = sum(row.attempts for row in its)
        answered = sum(row.attempts for row in its if not row.failure_class)
        why = [f"{failed(r.failure_class)} {r.attempts:,}"
               for r in its if r.failure_class]  # fmt: skip
        table.add_row(
            Text(printable("/".join(target))),
            f"{asked:,}",
            *(figures.share(answered, asked) for _ in shares),
            Text(printable(", ".join(why)), "red"),
        )
    return _fitted(table, width)


def _took(value: float | None) -> str:
    return "" if value is None else figures.seconds(value)


def _some(value: int) -> str:
    return f"{value:,}" if value else "-"


def _money(totals: Totals) -> str:
    return figures.dollars(totals.cost) if totals.cost else "-"
