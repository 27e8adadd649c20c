"""`tollgate rates history`: which rates were in force when."""

import click

from console.json import listing
from console.rates_api import application_shape
from ledger.pages import Window
from ledger.rate_versions import RateApplication, RateVersions
from proxy.cli.output import print_json, print_table, second
from proxy.cli.running import opened_tools, run

_TITLES = ("In force from", "Version", "Models", "Reason", "Applied at", "Host", "Owner", "File")


@click.command()
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    help="For people (the default) or, with all rates, for machines.",
)
def history(limit: int, form: str) -> None:
    """Show which rates came into force, the newest first.

    Reasons: the start of a process, a changed file, a signal (SIGHUP), or the file's own schedule.
    """
    run(_history(limit, form))


async def _history(limit: int, form: str) -> None:
    async with opened_tools() as tools:
        page = await RateVersions(tools.pool).history(Window(limit=limit))
    if form == "json":
        print_json(listing(page, application_shape))
    else:
        print_table(_TITLES, [_row(one) for one in page.rows])


def _row(one: RateApplication) -> tuple[str, ...]:
    return (
        second(one.in_force_from),
        one.version,
        str(len(one.models)),
        one.reason,
        second(one.applied_at),
        one.host,
        one.file_owner,
        one.source,
    )
