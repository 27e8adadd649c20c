"""`tollgate close`: a month's books, and whether they tie."""

import csv
import io
import os
import sys
from datetime import UTC, datetime

import click

from config.settings import config_folder, load_settings
from console.close_lines import Line, close_lines, close_shape
from ledger.closing import Close
from ledger.closings import Closings
from ledger.exports.csv_format import inert
from ledger.months import BadMonthError, Month, read_month
from pricing.money import MILLICREDITS, credits_text, usd_text
from proxy.cli.output import print_json
from proxy.cli.running import explained_errors, opened_tools, run

_CSV_HEADER = (
    *("month", "account_id", "section", "line", "model"),
    *("millicredits", "credits", "usd", "entries"),
)


class MonthType(click.ParamType[Month]):
    """`2026-11`, which has begun."""

    name = "month"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Month:
        """The month that a text says; click says what is wrong with it otherwise."""
        try:
            return value if isinstance(value, Month) else read_month(str(value), datetime.now(UTC))
        except BadMonthError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option(
    "--month", required=True, type=MonthType(), metavar="YYYY-MM", help="Like 2026-11; in UTC."
)
@click.option("--account", metavar="ACCOUNT_ID", help="Only this account. Default: all.")
@click.option(
    *("--format", "form"),
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="For people, for spreadsheets, for programs.",
)
def close(month: Month, account: str | None, form: str) -> None:
    """Close a month: opening balance, what moved, closing balance, what is owed and earned.

    Says whether it all ties, and exits with 1 if it does not. A month that is not over can be
    looked at so far.
    """
    with explained_errors():
        settings = load_settings(config_folder(os.environ), os.environ)
    closed = run(_closed(month, account))
    if form == "json":
        print_json(close_shape(closed, settings.credits_per_usd))
    elif form == "csv":
        click.echo(_csv(closed, settings.credits_per_usd), nl=False)
    else:
        _print_table(closed, settings.credits_per_usd)
    if not closed.ties:
        sys.exit(1)


async def _closed(month: Month, account: str | None) -> Close:
    async with opened_tools() as tools:
        return await Closings(tools.pool).close(month, account)


def _csv(closed: Close, credits_per_usd: int) -> str:
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow(_CSV_HEADER)
    for line in close_lines(closed):
        lines.writerow(
            (
                *(closed.month, closed.account_id or "", line.section, line.name),
                *(inert(line.detail), line.amount_mc, credits_text(line.amount_mc)),
                usd_text(line.amount_mc, credits_per_usd),
                "" if line.entries is None else line.entries,
            )
        )
    return text.getvalue()


def _print_table(closed: Close, credits_per_usd: int) -> None:
    lines = close_lines(closed)
    names = [_name(line) for line in lines]
    widths = [max(len(name) for name in names), *_amount_widths(lines, credits_per_usd)]
    counted = f"{closed.accounts:,} account{'' if closed.accounts == 1 else 's'}"
    whose = f"account {closed.account_id}" if closed.account_id else counted
    so_far = "" if closed.is_over else ", so far"
    click.echo(f"{closed.month.start:%B %Y}{so_far} (UTC), {whose}\n")
    click.echo(f"{'':{widths[0]}}{'credits':>{widths[1]}}{'USD':>{widths[2]}}{'entries':>10}")
    section = lines[0].section
    for name, line in zip(names, lines, strict=True):
        if line.section != section and "movements" not in (line.section, section):
            click.echo()
        section = line.section
        entries = "" if line.entries is None else f"{line.entries:,}"
        click.echo(
            f"{name:{widths[0]}}{_credits(line.amount_mc):>{widths[1]}}"
            f"{_usd(line.amount_mc, credits_per_usd):>{widths[2]}}{entries:>10}".rstrip()
        )
    click.echo()
    _print_checks(closed)


def _print_checks(closed: Close) -> None:
    for check in closed.checks:
        if not check.ties:
            about = f" ({check.about})" if check.about else ""
            click.echo(
                f"DIFFERS: {check.name}{about}: "
                f"expected {_credits(check.expected_mc)}, found {_credits(check.actual_mc)}"
            )
    if closed.ties:
        click.echo("It ties: movements make the closing balance, which is the sum of balances,")
        click.echo("and usage entries are what the usage rows posted.")
    else:
        click.echo("It does not tie: `tollgate reconcile` says more.")


def _name(line: Line) -> str:
    indent = "  " if line.section == "movements" or line.name != "Revenue earned" else ""
    if line.section in ("balance", "outstanding"):
        indent = ""
    return f"{indent}{line.name}{': ' if line.detail else ''}{line.detail}"


def _amount_widths(lines: list[Line], credits_per_usd: int) -> tuple[int, int]:
    return (
        max(len(_credits(line.amount_mc)) for line in lines) + 3,
        max(len(_usd(line.amount_mc, credits_per_usd)) for line in lines) + 3,
    )


def _credits(amount_mc: int) -> str:
    """`1,234.500`: all decimals, so that columns stand in line."""
    whole, part = divmod(abs(amount_mc), MILLICREDITS)
    return f"{'-' if amount_mc < 0 else ''}{whole:,}.{part:03d}"


def _usd(amount_mc: int, credits_per_usd: int) -> str:
    whole, _, decimals = usd_text(abs(amount_mc), credits_per_usd).partition(".")
    return f"{'-' if amount_mc < 0 else ''}{int(whole):,}.{decimals:0<6}"
