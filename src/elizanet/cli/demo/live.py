"""The demo on a terminal: a table that fills in while the scenarios are played.

Rows that are done are printed for good, above; only the row at work and those to come are
drawn anew. So the table may be longer than the terminal is high.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from elizanet.call import Attempt
from elizanet.cli.demo import story
from elizanet.cli.demo.scenario import Got, Result, Scenario

TITLE: Final = "Two providers of this machine fail, over real sockets; calls are answered."
WIDE: Final = 110
"""Columns from which there is room for what the caller got."""
_WIDEST_PATH: Final = 54
_BELOW: Final = 5
"""Lines of the terminal that the rows to come must leave free."""

Cell = RenderableType


class LiveReport:
    """Draws the demo on `console`; `scenarios` are those that will be played."""

    def __init__(self, console: Console, scenarios: Sequence[Scenario]) -> None:
        self._console = console
        self._waiting = list(scenarios)
        self._count = len(scenarios)
        self._symbols = _UNICODE if console.encoding.startswith("utf") else _ASCII
        self._current: Scenario | None = None
        self._spinner = Spinner("dots" if self._symbols is _UNICODE else "line", style="cyan")
        self._so_far: tuple[tuple[Attempt, ...], str] = ((), "")
        self._live = Live(
            console=console,
            get_renderable=self._draw,
            auto_refresh=False,  # rich's own thread would draw between the rows of ours
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __repr__(self) -> str:
        return f"<LiveReport {self._count - len(self._waiting)} of {self._count} begun>"

    def __enter__(self) -> Self:
        self._console.print(Text(TITLE, style="bold"))
        self._console.print()
        titles = ("", "scenario", "who was asked", "the caller got", "took")
        mark, name, path, got, took = (Text(title, style="dim") for title in titles)
        self._console.print(self._row(mark, name, path, got, took))
        self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._live.stop()

    def begins(self, scenario: Scenario) -> None:
        self._current = scenario
        self._so_far = ((), "")
        self._waiting.remove(scenario)
        self.tick()

    def goes_on(self, attempts: tuple[Attempt, ...], answer: str) -> None:
        self._so_far = (attempts, answer)
        self.tick()

    def tick(self) -> None:
        self._live.refresh()

    def ends(self, result: Result) -> None:
        self._current = None
        performance = result.performance
        mark = Text(self._symbols["bad"], "bold red")
        if not result.problems:
            mark = Text(self._symbols["good"], "green")
        calls = story.alike(performance.calls)
        path = Text("\n").join(Text(count, "dim") + self._path(got) for count, got in calls)
        failed = any(got.error for _, got in calls)
        got = Text("\n".join(story.received(calls)), "yellow" if failed else "green")
        took = Text(f"{performance.seconds * 1000:.0f} ms")
        self._console.print(self._row(mark, Text(result.scenario.name), path, got, took))
        for problem in result.problems:
            self._console.print(self._row("", "", Text(problem, "red"), "", ""))

    def sums_up(self, results: Sequence[Result], seconds: float) -> None:
        self._live.stop()
        failed = any(result.problems for result in results)
        self._console.print()
        self._console.print(Text(story.summary(results, seconds), f"bold {_colour(failed)}"))

    def points_on(self, hints: Sequence[tuple[str, str]]) -> None:
        if not hints:
            return
        grid = Table.grid(padding=(0, 2))
        for what, by in hints:
            grid.add_row(Text(f"see {what}:", "dim"), Text(by, "bold"))
        self._console.print()
        self._console.print(grid)

    def _draw(self) -> RenderableType:
        rows = list(self._rows_to_come())[: max(1, self._console.height - _BELOW)]
        done = self._count - len(self._waiting) - (self._current is not None)
        bar = Table.grid(padding=(0, 1))
        progress = ProgressBar(self._count, done, width=40, complete_style="cyan")
        bar.add_row(progress, Text(f"{done} of {self._count}", "dim"))
        return Group(*rows, bar)

    def _rows_to_come(self) -> Iterator[RenderableType]:
        if self._current is not None:
            attempts, answer = self._so_far
            name = Text(self._current.name, "bold")
            path = self._path(Got(attempts))
            yield self._row(self._spinner, name, path, Text(answer, "dim"), "")
        for scenario in self._waiting:
            yield self._row("", Text(scenario.name, "dim"), "", "", "")

    def _row(self, mark: Cell, name: Cell, path: Cell, got: Cell, took: Cell) -> Table:
        """Return one row; every row is a table of its own with the same widths."""
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(width=len(self._symbols["good"]))
        grid.add_column(width=18, no_wrap=True)
        if self._wide:
            grid.add_column(width=_WIDEST_PATH)
            grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        else:
            grid.add_column(ratio=1)
        grid.add_column(width=7, justify="right", no_wrap=True)
        cells = (mark, name, path, got, took) if self._wide else (mark, name, path, took)
        grid.add_row(*cells)
        return grid

    @property
    def _wide(self) -> bool:
        return self._console.width >= WIDE

    def _path(self, got: Got) -> Text:
        then = Text(self._symbols["then"], "dim")
        steps = [self._step(step) for step in story.steps(got.attempts)]
        if got.error is not None:
            steps = steps or [Text("nobody asked")]
            steps.append(Text("error", "yellow"))
        return then.join(steps)

    def _step(self, step: story.Step) -> Text:
        outcome = step.told(with_status=self._wide)
        return Text.assemble(f"{step.provider} ", (outcome, _colour(not step.answered)))


_UNICODE: Final = {"good": "✓", "bad": "✗", "then": " → "}
_ASCII: Final = {"good": "ok", "bad": "NO", "then": " > "}


def _colour(failed: bool) -> str:  # noqa: FBT001 -- private, and the name says it
    return "red" if failed else "green"
