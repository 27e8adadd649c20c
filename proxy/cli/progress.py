"""Shows how far a long command is: on a terminal only, and never where its data go."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


@contextmanager
def progress_bar(
    what: str, estimated_total: int, *, wanted: bool = True
) -> Iterator[Callable[[int], None]]:
    """Gives a function that is told how many are done so far.

    The total may be a guess: it grows if there are more, and is put right at the end. Nothing is
    shown where standard error is no terminal.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,}"),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    shown = wanted and sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as progress:
        task = progress.add_task(what, total=max(estimated_total, 1))
        done = 0

        def tell(count: int) -> None:
            nonlocal done
            done = count
            progress.update(task, completed=count, total=max(estimated_total, count, 1))

        yield tell
        progress.update(task, completed=done, total=done)
