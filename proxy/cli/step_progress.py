"""Shows which step a command is at, and how far: on a terminal only, never where its data go."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)


class StepProgress:
    """A line for each step; the last one moves."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._step: TaskID | None = None

    def begin(self, step: str, total: int | None) -> None:
        """Another step: so many things, if that is known. The one before has come to its end."""
        self.end()
        self._step = self._bars.add_task(step, total=total)

    def advance(self, count: int) -> None:
        """So many more of the step are done."""
        if self._step is not None:
            self._bars.advance(self._step, count)

    def end(self) -> None:
        """The last step has come to its end."""
        if self._step is not None:
            done = max(self._bars.tasks[self._step].completed, 1)
            self._bars.update(self._step, total=done, completed=done)


@contextmanager
def step_progress() -> Iterator[StepProgress]:
    """Steps on standard error; nothing is shown where that is no terminal."""
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    is_shown = sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=not is_shown) as bars:
        steps = StepProgress(bars)
        yield steps
        steps.end()
