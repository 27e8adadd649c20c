"""What commands print: short lines and tables for people, JSON for machines."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
import msgspec

Command = TypeVar("Command", bound=Callable[..., object])


def json_option(command: Command) -> Command:
    """Adds `--json`: the command gets `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")(
        command
    )


def print_json(content: Mapping[str, Any]) -> None:
    """One JSON object, as the API would show it."""
    click.echo(msgspec.json.format(msgspec.json.encode(content), indent=2))


def print_fields(fields: Mapping[str, str]) -> None:
    """One thing: a name and a value on each line."""
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        click.echo(f"{name:<{width}}  {value}".rstrip())


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Several things: a line each, below titles."""
    widths = [max(len(line[column]) for line in (titles, *rows)) for column in range(len(titles))]
    for line in (titles, *rows):
        cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def second(at: datetime | None) -> str:
    """`2026-01-31 12:00:00Z`; a dash where there is no time."""
    return "-" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
