"""How commands show rates that differ, or that are scheduled: as rows for people, as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from config.moments import moment_text
from pricing.rate_diff import Difference, ModelDifference, ScheduledChange
from proxy.cli.output import print_table

_NOTHING = "-"


def print_differences(models: Sequence[ModelDifference]) -> None:
    """A row for each value that differs."""
    rows = []
    for one in models:
        shown = one.model if one.change == "changed" else f"{one.model} ({one.change})"
        rows += [(shown, *cells) for cells in _cells(one.differences)]
    print_table(("Model", "What", "Old", "New", "Change"), rows)


def print_schedule(scheduled: Sequence[ScheduledChange]) -> None:
    """A row for each value that will be different."""
    rows = []
    for one in scheduled:
        first = (moment_text(one.at_s), one.model)
        cells = [("retires", "", "", "")] if one.change == "retired" else _cells(one.differences)
        rows += [(*first, *rest) for rest in cells]
    click.echo("\nScheduled")
    print_table(("From", "Model", "What", "Old", "New", "Change"), rows)


def difference_shape(one: ModelDifference) -> dict[str, Any]:
    """A model that differs, as JSON."""
    return {
        "model": one.model,
        "change": one.change,
        "differences": [_difference_shape(difference) for difference in one.differences],
    }


def scheduled_shape(one: ScheduledChange) -> dict[str, Any]:
    """A change that is to come, as JSON."""
    return {
        "effectiveFrom": moment_text(one.at_s),
        "model": one.model,
        "change": one.change,
        "differences": [_difference_shape(difference) for difference in one.differences],
    }


def _cells(differences: Sequence[Difference]) -> Iterator[tuple[str, str, str, str]]:
    for one in differences:
        percent = "" if one.percent is None else f"{one.percent} %"
        yield one.what, one.old or _NOTHING, one.new or _NOTHING, percent


def _difference_shape(one: Difference) -> dict[str, str | None]:
    return {"what": one.what, "old": one.old, "new": one.new, "percent": one.percent}
