"""`tollgate reconcile`: whether Redis, entries and usage agree, account by account."""

import os
from datetime import datetime

import click

from config.settings import config_folder, load_settings
from console.reconcile_api import report_shape
from ledger.errors import AccountUnknownError
from ledger.reconciliation.difference import Difference, Scope
from ledger.reconciliation.reconciler import Reconciler
from ledger.reconciliation.redis_check import RedisCheck
from ledger.reconciliation.report import Report
from ledger.reconciliation.results import Results
from ledger.texts import read_id
from pricing.money import credits_text
from proxy.cli.moments import Moment
from proxy.cli.output import print_json, print_table
from proxy.cli.running import opened_tools, run
from proxy.cli.step_progress import step_progress

DIFFERENT = 1


class CannotSayError(click.ClickException):
    """Whether the books agree is not known; what is in the way."""

    exit_code = 2


@click.command()
@click.option("--account", metavar="ACCOUNT_ID", help="Only this account; else all.")
@click.option(
    "--from",
    "start",
    type=Moment(),
    help="Entries and usage posted from then on: a date or time, in UTC unless it names a zone. "
    "Default: the beginning.",
)
@click.option("--to", "end", type=Moment(), help="And posted before then. Default: now.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people, in credits; or, with exact amounts, for machines.",
)
def reconcile(
    *, account: str | None, start: datetime | None, end: datetime | None, form: str
) -> None:
    """Check that the books agree, and name what differs: account, check, expected, actual.

    \b
    redis     what Redis has of each account, against the ledger
    rejected  records that could not be written
    chain     each entry follows on the one before; they end at, and add up to, the balance
    usage     what usage rows have moved, against entries, row by row and in total
    charges   each usage row's charge, from its own units and rates
    lots      credits that expire, against the entries that gave and took them
    purchases what was posted of payments, against its entries

    Balances, Redis and what was rejected are checked whatever the period is. Safe at any time:
    calls in flight are no differences, and nothing is changed.

    Exits with 0 if all is well, 1 if something differs, 2 if it cannot be said.
    """
    if start and end and start >= end:
        raise click.BadParameter("is not before --to", param_hint="--from")
    try:
        report = run(_reconcile(account, start, end))
    except click.ClickException as error:
        raise CannotSayError(error.message) from error
    if form == "json":
        print_json(report_shape(report))
    else:
        _print_report(report)
    if not report.is_ok:
        raise SystemExit(DIFFERENT)


async def _reconcile(account: str | None, start: datetime | None, end: datetime | None) -> Report:
    settings = load_settings(config_folder(os.environ), os.environ)
    account_id = None if account is None else read_id(account, AccountUnknownError)
    async with opened_tools() as tools:
        redis_check = RedisCheck(tools.pipeline(), tools.pool, ttl_s=settings.reservation_ttl_s)
        reconciler = Reconciler(redis_check, tools.pool)
        with step_progress() as progress:
            scope = Scope(account_id=account_id, start=start, end=end)
            report = await reconciler.run(scope, progress)
        await Results(tools.pool).keep_asked(report)
    return report


def _print_report(report: Report) -> None:
    size = report.size
    looked_at = (
        f"{_counted(size.accounts, 'account')}, {_counted(size.entries, 'entry', 'entries')}, "
        f"{_counted(size.usage_rows, 'usage row')} checked"
    )
    if report.is_ok:
        click.echo(f"{looked_at}: no differences")
        return
    print_table(
        ("ACCOUNT", "CHECK", "WHAT", "EXPECTED", "ACTUAL", "REFERENCE"),
        [
            (
                one.account_id or "-",
                one.check,
                one.what,
                _shown(one, one.expected),
                _shown(one, one.actual),
                one.reference or "-",
            )
            for one in report.differences
        ],
    )
    unlisted = report.difference_count - len(report.differences)
    if unlisted:
        click.echo(f"… and {unlisted:,} more")
    by_check = ", ".join(f"{count} {name}" for name, count in report.counts.items() if count)
    click.echo(f"{looked_at}: {_counted(report.difference_count, 'difference')} ({by_check})")


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _shown(difference: Difference, value: str) -> str:
    if difference.unit == "millicredits" and value.lstrip("-").isdigit():
        return f"{credits_text(int(value))} credits"
    if difference.unit == "picodollars" and value.isdigit():
        return f"{value} picodollars"
    return value
