"""The options `--from` and `--to` of what a period is read for, each of which may be left open."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import click

from proxy.cli.moments import Moment

Command = TypeVar("Command", bound=Callable[..., object])


def period_options(command: Command) -> Command:
    """Adds `--from` and `--to`: the command gets `start` and `end`, None where not given."""
    ending = click.option(
        *("--to", "end"),
        type=Moment(),
        metavar="TIME",
        help="To before this time: 2026-12-01 ends with all of November. Default: no end.",
    )
    beginning = click.option(
        *("--from", "start"),
        type=Moment(),
        metavar="TIME",
        help="From this time on: 2026-11-01 or 2026-11-01T12:00:00Z; UTC where it names no zone. "
        "Default: from the beginning.",
    )
    return beginning(ending(command))


def check_period(start: datetime | None, end: datetime | None) -> None:
    """Nothing to do for a period with a moment in it.

    Raises:
        click.BadParameter: it ends before it begins, or where it does.
    """
    if start is not None and end is not None and start >= end:
        reason = f"the period would be empty: it must end after {start:%Y-%m-%dT%H:%M:%SZ}"
        raise click.BadParameter(reason, param_hint="'--to'")
