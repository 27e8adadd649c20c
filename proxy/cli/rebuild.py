"""`tollgate rebuild`: Redis' balances made anew out of the ledger."""

import os

import click

from config.settings import config_folder, load_settings
from ledger.rebuilding import LedgerDamagedError, Rebuilder, Rebuilt
from ledger.reconciliation.difference import Difference
from pricing.money import credits_text
from proxy.cli.output import print_table
from proxy.cli.running import opened_tools, run
from proxy.cli.step_progress import step_progress


@click.command()
@click.argument("accounts", metavar="[ACCOUNT_ID]...", nargs=-1)
@click.option("--all", "all_accounts", is_flag=True, help="Rebuild every account.")
def rebuild(accounts: tuple[str, ...], *, all_accounts: bool) -> None:
    """Make Redis' balances of accounts anew out of the ledger, while calls go on.

    Calls in flight keep what they hold, and are charged once. A hold whose call the ledger has is
    taken away, as is a deadline without a hold; a hold without a deadline gets one, so that it is
    settled as an orphan's.

    The ledger is taken for right: an account whose balance is not what its last entry says is not
    rebuilt. Exits with 1 if one was not, or if something is still wrong after it.
    """
    if bool(accounts) == all_accounts:
        raise click.UsageError("Name accounts, or give --all.")
    rebuilt, refused = run(_rebuild(accounts))
    print_table(
        ("ACCOUNT", "AVAILABLE", "HELD", "UNWRITTEN", "CHANGED"),
        [_row(one) for one in rebuilt],
    )
    left = [difference for one in rebuilt for difference in one.left]
    for difference in left:
        click.echo(f"Still wrong: account {_sentence(difference)}", err=True)
    for error in refused:
        click.echo(f"Error: {error}", err=True)
    if left or refused:
        raise SystemExit(1)


async def _rebuild(accounts: tuple[str, ...]) -> tuple[list[Rebuilt], list[LedgerDamagedError]]:
    settings = load_settings(config_folder(os.environ), os.environ)
    rebuilt, refused = [], []
    async with opened_tools() as tools:
        rebuilder = Rebuilder(
            tools.pipeline(), tools.pool, tools.working_copy(), ttl_s=settings.reservation_ttl_s
        )
        ids = list(accounts) or [one async for one in rebuilder.all_accounts()]
        with step_progress() as progress:
            progress.begin("Rebuilding", len(ids))
            for account_id in ids:
                try:
                    rebuilt.append(await rebuilder.rebuild(account_id))
                except LedgerDamagedError as error:
                    refused.append(error)
                progress.advance(1)
    return rebuilt, refused


def _row(one: Rebuilt) -> tuple[str, ...]:
    after = one.after
    amounts = (_credits(text) for text in (after.available, after.held, after.unwritten))
    return (one.account_id, *amounts, _changes(one) or "nothing was wrong")


def _changes(one: Rebuilt) -> str:
    changes = [
        f"{found.what} {_credits(found.actual)} → {_credits(found.expected)}"
        if found.unit == "millicredits"
        else f"{found.what} was {found.actual}"
        for found in one.found
        if found not in one.left and (found.unit == "millicredits" or not found.reference)
    ]
    tidied = one.tidied
    for count, what in (
        (tidied.removed, "deadlines without a hold taken away"),
        (tidied.given, "deadlines given to holds"),
        (tidied.brought_nearer, "deadlines brought nearer"),
    ):
        if count:
            changes.append(f"{count} {what}")
    if not one.before.is_there:
        changes.append("was not in Redis")
    return "; ".join(changes)


def _credits(text: str) -> str:
    return credits_text(int(text)) if text.lstrip("-").isdigit() else text or "none"


def _sentence(difference: Difference) -> str:
    reference = f" ({difference.reference})" if difference.reference else ""
    return (
        f"{difference.account_id}: {difference.what}{reference}: "
        f"expected {difference.expected}, actual {difference.actual}"
    )
