"""`tollgate rates`: checks a table before it is used."""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from config.errors import ConfigError
from config.rates import FILE_NAME, RateTable, load_rates
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
        table = _load(file, frozenset(settings.upstreams))
    click.echo(f"{file}: good, {len(table.models)} models, version {table.version}")


def _load(file: Path, upstreams: frozenset[str]) -> RateTable:
    # A draft may have any name; tables are loaded by their folder.
    with TemporaryDirectory() as folder:
        try:
            shutil.copy(file, Path(folder) / FILE_NAME)
            return load_rates(Path(folder), upstreams)
        except OSError as error:
            raise ConfigError(str(file), "", f"cannot be read: {error.strerror}") from error
        except ConfigError as error:
            raise ConfigError(str(file), error.key, error.reason) from error
