"""The sums of a window, as tables."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from elizanet.cli import figures
from elizanet.cli.paths import NOBODY
from elizanet.cli.records_text import failed
from elizanet.cli.summing import Summary
from elizanet.cli.terminal import printable
from elizanet.records.reading import AttemptTotals, Totals

_ROOM_FOR_ALL: Final = 100
"""Columns from which every figure of a row is shown."""
_MOST_ROWS: Final = 20
_NARROW_NAME: Final = 24
"""Columns that a name has where not every figure is shown."""


def draw(screen: Console, found: Summary) -> None:
    """Draw all of it on the screen."""
    screen.print(Text(_headline(found), "bold"))
    if not found.total.calls:
        return
    wide = screen.width >= _ROOM_FOR_ALL
    for table in _tables(found, wide=wide):
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


def _tables(found: Summary, *, wide: bool) -> Iterator[Table]:
    yield _ends(found.total)
    yield _by("model", found.by_model, "", wide=wide)
    yield _by("answered by", found.by_target, NOBODY, wide=wide)
    if any(totals.key != ("",) for totals in found.by_caller):
        yield _by("caller", found.by_caller, "-", wide=wide)
    if found.moved:
        yield _moved(found, wide=wide)
    yield _attempts(found.attempts, wide=wide)


def _table(*titles: str, names: int = 1, wide: bool = True) -> Table:
    """Return an empty table; its first columns are `names`, and give way where it is narrow."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for place, title in enumerate(titles):
        if place < names:
            most = None if wide else _NARROW_NAME
            table.add_column(title, no_wrap=True, overflow="ellipsis", max_width=most)
        else:
            table.add_column(title, justify="right", no_wrap=True, min_width=len(title))
    return table


def _ends(total: Totals) -> Table:
    table = _table("", "p50", "p95", "p99")
    table.add_row("a call", *map(_took, (total.seconds_p50, total.seconds_p95, total.seconds_p99)))
    if total.first_content_p50 is not None:
        firsts = (total.first_content_p50, total.first_content_p95, total.first_content_p99)
        table.add_row("a stream's first content", *map(_took, firsts))
    return table


def _by(title: str, rows: Sequence[Totals], unnamed: str, *, wide: bool) -> Table:
    more = ("p99", "tokens in", "out") if wide else ()
    table = _table(title, "calls", "failed", "fallbacks", "p50", "p95", *more, "cost", wide=wide)
    for totals in rows[:_MOST_ROWS]:
        lost = totals.failed + totals.broken
        cells = [f"{totals.calls:,}", _some(lost), _some(totals.fallbacks)]
        cells += [_took(totals.seconds_p50), _took(totals.seconds_p95)]
        if wide:
            cells += [_took(totals.seconds_p99), figures.count(totals.prompt_tokens)]
            cells.append(figures.count(totals.completion_tokens))
        name = totals.key[0] or unnamed
        style = "red" if lost else ""
        table.add_row(
            Text(printable(name)), cells[0], Text(cells[1], style), *cells[2:], _money(totals)
        )
    if len(rows) > _MOST_ROWS:
        table.add_row(Text(f"and {len(rows) - _MOST_ROWS} more (--json has all)", "dim"))
    return table


def _moved(found: Summary, *, wide: bool) -> Table:
    table = _table("why calls moved", "from", "to", "calls", names=3, wide=wide)
    for moved in found.moved[:_MOST_ROWS]:
        names = map(printable, (moved.first_choice, moved.answered_by))
        table.add_row(Text(failed(moved.reason), "yellow"), *map(Text, names), f"{moved.calls:,}")
    counted = sum(moved.calls for moved in found.moved)
    if counted < found.moved_of:
        table.add_row(Text(f"of the newest {counted:,}", "dim"))
    return table


def _attempts(rows: Sequence[AttemptTotals], *, wide: bool) -> Table:
    table = _table("who was asked", "attempts", "answered", wide=wide)
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
            figures.share(answered, asked),
            Text(printable(", ".join(why)), "red"),
        )
    return table


def _took(value: float | None) -> str:
    return "" if value is None else figures.seconds(value)


def _some(value: int) -> str:
    return f"{value:,}" if value else "-"


def _money(totals: Totals) -> str:
    return figures.dollars(totals.cost) if totals.cost else "-"
