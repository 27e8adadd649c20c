"""`tollgate export`: the books, for accountants."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, aclosing
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import click

from config.settings import config_folder, load_settings
from console.exports import journal_export, ledger_export, usage_export
from ledger.exports.export import Export, Progress, as_gzip, pieces_of
from ledger.exports.formats import FORMATS
from ledger.exports.selection import Selection
from proxy.cli.file_output import written_to
from proxy.cli.periods import check_period, period_options
from proxy.cli.progress import progress_bar
from proxy.cli.running import explained_errors, opened_tools, run

Command = TypeVar("Command", bound=Callable[..., object])

_STANDARD_OUTPUT = Path("-")


@click.group()
def export() -> None:
    """Write the books of a period to a file, or to standard output.

    Rows come oldest first, out of one snapshot: what is written meanwhile is not in them. Times are
    those of posting, in UTC.
    """


def _options(command: Command) -> Command:
    for option in (
        click.option("--no-progress", is_flag=True, help="No progress bar, even on a terminal."),
        click.option("--gzip", is_flag=True, help="Compress it with gzip."),
        click.option(
            "--output",
            metavar="FILE",
            type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
            help="Write to FILE, which appears when it is complete. Default: - (standard output).",
        ),
        click.option("--account", metavar="ACCOUNT_ID", help="Only this account. Default: all."),
        period_options,
    ):
        command = option(command)
    return command


_format = click.option(
    *("--format", "form"),
    type=click.Choice(list(FORMATS)),
    default="csv",
    show_default=True,
    help="csv for spreadsheets, jsonl for programs, parquet for analysts.",
)


@export.command()
@_format
@_options
def usage(
    form: str,
    start: datetime | None,
    end: datetime | None,
    account: str | None,
    output: Path | None,
    *,
    gzip: bool,
    no_progress: bool,
) -> None:
    """Calls: units, the rates that were applied, charge, and what the provider took.

    The sum of `posted` is what the calls moved in the ledger.
    """
    export_ = usage_export(_selection(start, end, account), FORMATS[form])
    _write(export_, account, output, gzip=_may_gzip(form, gzip=gzip), bar=not no_progress)


@export.command()
@_format
@_options
def ledger(
    form: str,
    start: datetime | None,
    end: datetime | None,
    account: str | None,
    output: Path | None,
    *,
    gzip: bool,
    no_progress: bool,
) -> None:
    """Ledger entries: every movement of a balance, with the account on its other side."""
    export_ = ledger_export(_selection(start, end, account), FORMATS[form])
    _write(export_, account, output, gzip=_may_gzip(form, gzip=gzip), bar=not no_progress)


@export.command()
@_options
def journal(
    start: datetime | None,
    end: datetime | None,
    account: str | None,
    output: Path | None,
    *,
    gzip: bool,
    no_progress: bool,
) -> None:
    """The ledger as a journal: `tollgate export journal | hledger -f- balance`.

    Plain text for hledger and ledger. Amounts are credits (CR); each transaction asserts the
    balance that it leaves. With --from, what customers had before comes from equity:opening.
    """
    with explained_errors():
        settings = load_settings(config_folder(os.environ), os.environ)
    export_ = journal_export(_selection(start, end, account), settings.credits_per_usd)
    _write(export_, account, output, gzip=gzip, bar=not no_progress)


def _selection(start: datetime | None, end: datetime | None, account: str | None) -> Selection:
    check_period(start, end)
    return Selection(account_id=account, start=start, end=end)


def _may_gzip(form: str, *, gzip: bool) -> bool:
    if gzip and not FORMATS[form].can_gzip:
        reason = f"{form} is compressed already: leave it out"
        raise click.BadParameter(reason, param_hint="'--gzip'")
    return gzip


def _write(
    export_: Export, account: str | None, output: Path | None, *, gzip: bool, bar: bool
) -> None:
    if gzip:
        export_ = as_gzip(export_)
    if output == _STANDARD_OUTPUT:
        output = None
    if output is None and export_.is_binary and sys.stdout.isatty():
        raise click.UsageError("This is no text: write it to a file with --output FILE.")
    run(_written(export_, account, output, bar=bar))


async def _written(export_: Export, account: str | None, output: Path | None, *, bar: bool) -> None:
    async with opened_tools() as tools:
        if account is not None:
            await tools.accounts.get(account)
        with ExitStack() as stack:
            write = stack.enter_context(written_to(output))
            progress = _progress(stack, export_) if bar and sys.stderr.isatty() else None
            async with aclosing(pieces_of(tools.pool, export_, progress)) as pieces:
                async for piece in pieces:
                    write(piece)


def _progress(stack: ExitStack, export_: Export) -> Progress:
    """Shows a bar as soon as it is known how many rows there are."""
    shown: list[Callable[[int], None]] = []

    def progress(done: int, total: int) -> None:
        if not shown:
            shown.append(stack.enter_context(progress_bar(export_.file_name, total)))
        shown[0](done)

    return progress
