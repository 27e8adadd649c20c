"""`tollgate rates`: everything that operators do with rate tables."""

import click

from proxy.cli.rates_check import check
from proxy.cli.rates_diff import diff
from proxy.cli.rates_history import history
from proxy.cli.rates_import import import_rates
from proxy.cli.rates_simulate import simulate


@click.group()
def rates() -> None:
    """Work with rate tables."""


rates.add_command(check)
rates.add_command(diff)
rates.add_command(history)
rates.add_command(simulate)
rates.add_command(import_rates)
