"""`tollgate rates simulate`: what a change of rates would have earned in a period that is past."""

import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import click

from config.rate_book import read_rate_book
from config.rates import RateTable
from config.settings import Settings, config_folder, load_settings
from ledger.simulation import PastCalls, UsagePeriod
from pricing.simulation import Replay
from proxy.cli.moments import Moment, period_of
from proxy.cli.output import print_json
from proxy.cli.progress import progress_bar
from proxy.cli.running import Tools, opened_tools, run
from proxy.cli.simulation_report import SimulationReport, report_json
from proxy.cli.simulation_tables import print_simulation

MOST_ACCOUNTS = 20


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "start",
    type=Moment(),
    help="Where the period begins: a date or time, in UTC unless it names a zone. "
    "Default: 30 days before its end.",
)
@click.option(
    "--to",
    "end",
    type=Moment(),
    help="Where it ends; what is posted then is not in it any more. Default: now.",
)
@click.option("--account", metavar="ACCOUNT_ID", help="Only this account's calls; else all.")
@click.option(
    "--at", type=Moment(), help="Take FILE's rates as they are in force then. Default: now."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    help="For people (the default) or, with exact amounts, for machines.",
)
@click.option(
    "--accounts",
    "most_accounts",
    type=click.IntRange(min=0),
    default=MOST_ACCOUNTS,
    show_default=True,
    help="How many accounts the table names; the others are one line. JSON has all.",
)
@click.option("--no-progress", is_flag=True, help="No progress bar, not even on a terminal.")
def simulate(
    file: Path,
    *,
    start: datetime | None,
    end: datetime | None,
    account: str | None,
    at: datetime | None,
    form: str,
    most_accounts: int,
    no_progress: bool,
) -> None:
    """Replay the calls of a period under the rates in FILE.

    Shows what they were charged and would be, by model and by account. Each call is priced by
    itself, by the rule that real calls are charged by. Nothing is changed.

    Margins are charges less what the provider takes. As it was: for calls that were made while
    the rates had costs (cost_input, ...). As it would be: by the costs in FILE, else by those of
    the call itself. A call whose costs nobody has said has no margin, and is counted as such.

    Calls of a model that FILE does not have, or has retired, would be refused: they are named
    apart, and add nothing to what would be.
    """
    start, end = period_of(start, end, datetime.now(UTC))
    at = at or datetime.now(UTC)
    report = run(_simulate(file, at, (start, end), account, shows_progress=not no_progress))
    if form == "json":
        print_json(report_json(report))
    else:
        print_simulation(report, most_accounts)


async def _simulate(
    file: Path,
    at: datetime,
    times: tuple[datetime, datetime],
    account: str | None,
    *,
    shows_progress: bool,
) -> SimulationReport:
    settings = load_settings(config_folder(os.environ), os.environ)
    table = _table(file, settings, at)
    start, end = times
    async with opened_tools() as tools:
        account_id = None if account is None else await _known_account(tools, account)
        past = PastCalls(tools.pool)
        period = UsagePeriod(start=start, end=end, account_id=account_id)
        replay = await _replay(past, period, table, shows_progress=shows_progress)
        simulation = replay.simulation()
        return SimulationReport(
            file=str(file),
            version=table.version,
            at=at,
            start=start,
            end=end,
            account_id=account,
            credits_per_usd=settings.credits_per_usd,
            account_names=await past.names(simulation.by_account),
            simulation=simulation,
        )


def _table(file: Path, settings: Settings, at: datetime) -> RateTable:
    book = read_rate_book(file, frozenset(settings.upstreams))
    return book.table_at(int(at.timestamp()))


async def _known_account(tools: Tools, account: str) -> UUID:
    return UUID((await tools.accounts.get(account)).account_id)


async def _replay(
    past: PastCalls, period: UsagePeriod, table: RateTable, *, shows_progress: bool
) -> Replay:
    replay = Replay(table)
    estimated = await past.estimated_count(period)
    with progress_bar("Replaying calls", estimated, wanted=shows_progress) as tell:
        async for calls in past.read(period):
            replay.add(calls)
            tell(replay.calls)
    return replay
