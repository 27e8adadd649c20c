"""`tollgate rates check`: whether a table is good, before it is used."""

import os
import time
from pathlib import Path

import click

from config.rate_book import RateBook, read_rate_book
from config.settings import config_folder, load_settings
from pricing.rate_diff import scheduled_after
from proxy.cli.rates_output import print_schedule
from proxy.cli.running import explained_errors


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Check the rate table FILE, and show what it schedules.

    Exits with 1 and says file, key and reason if it is not good.
    """
    book = read_book(file)
    now_s = int(time.time())
    table = book.table_at(now_s)
    click.echo(f"{file}: good, {len(table.models)} models, version {table.version}")
    scheduled = scheduled_after(book, now_s)
    if scheduled:
        print_schedule(scheduled)


def read_book(file: Path) -> RateBook:
    """The rates in FILE, for the upstreams of the settings.

    Raises:
        click.ClickException: file, key and reason.
    """
    with explained_errors():
        settings = load_settings(config_folder(os.environ), os.environ)
        return read_rate_book(file, frozenset(settings.upstreams))
