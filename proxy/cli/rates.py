"""`tollgate rates`: checks a table before it is used."""

import os
from pathlib import Path

import click

from config.rates import read_rates
from config.settings import config_folder, load_settings
from proxy.cli.running import explained_errors


@click.group()
def rates() -> None:
    """Work with rate tables."""


@rates.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Check the rate table FILE. Exits with 1 and says file, key and reason if it is not good."""
    with explained_errors():
        settings = load_settings(config_folder(os.environ), os.environ)
        table = read_rates(file, frozenset(settings.upstreams))
    click.echo(f"{file}: good, {len(table.models)} models, version {table.version}")
