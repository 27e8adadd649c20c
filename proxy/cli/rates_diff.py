"""`tollgate rates diff`: what a table would change, before it does."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click

from config.rate_book import load_rate_book
from config.rates import FILE_NAME, ModelRates
from config.settings import config_folder, load_settings
from ledger.database import DatabaseUnavailableError
from ledger.rate_versions import RateApplication, RateVersions
from pricing.rate_diff import compare, scheduled_after
from proxy.cli.environment import load_environment
from proxy.cli.output import print_json, second
from proxy.cli.rates_check import read_book
from proxy.cli.rates_output import (
    difference_shape,
    print_differences,
    print_schedule,
    scheduled_shape,
)
from proxy.cli.running import explained_errors, opened_tools, run


class InForce(NamedTuple):
    """What FILE is compared with; `where` says out of which source, and why that one."""

    where: str
    version: str
    since: datetime
    models: Mapping[str, ModelRates]


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    help="For people (the default) or for machines.",
)
def diff(file: Path, form: str) -> None:
    """Show what the rate table FILE would change, model by model, with percent up or down.

    It is compared with the rates in force: those that were applied last, as the ledger knows them.
    Where it knows of none, or cannot be asked, with the rates.toml of the config folder. What FILE
    schedules is compared with what comes before it in FILE.
    """
    book = read_book(file)
    old = run(_in_force())
    now_s = int(time.time())
    new = book.table_at(now_s)
    models, scheduled = compare(old.models, new.models), scheduled_after(book, now_s)
    if form == "json":
        print_json(
            {
                "file": str(file),
                "version": new.version,
                "against": {
                    "source": old.where,
                    "version": old.version,
                    "inForceFrom": old.since.isoformat().replace("+00:00", "Z"),
                },
                "equal": not models,
                "models": [difference_shape(one) for one in models],
                "scheduled": [scheduled_shape(one) for one in scheduled],
            }
        )
        return
    click.echo(f"In force  {old.version} since {second(old.since)}, {old.where}")
    click.echo(f"New       {new.version}, {file}\n")
    if models:
        print_differences(models)
    else:
        click.echo("No difference.")
    if scheduled:
        print_schedule(scheduled)


async def _in_force() -> InForce:
    """What was applied last, else what the config folder's file says now."""
    if not load_environment(os.environ).get("TOLLGATE_DATABASE_URL"):
        return _in_config_folder("no database is set")
    try:
        async with opened_tools() as tools:
            applied = await RateVersions(tools.pool).in_force()
    except DatabaseUnavailableError:
        return _in_config_folder("Postgres cannot be reached")
    return _in_config_folder("nothing was applied yet") if applied is None else _of(applied)


def _of(applied: RateApplication) -> InForce:
    where = f"applied from {applied.source} on {applied.host} ({applied.reason})"
    return InForce(where, applied.version, applied.in_force_from, applied.models)


def _in_config_folder(why: str) -> InForce:
    folder = config_folder(os.environ)
    with explained_errors():
        settings = load_settings(folder, os.environ)
        table = load_rate_book(folder, frozenset(settings.upstreams)).table_at(int(time.time()))
    where = f"{folder / FILE_NAME} ({why})"
    return InForce(
        where, table.version, datetime.fromtimestamp(table.updated_at_s, UTC), table.models
    )
