"""`tollgate export`: the books, for accountants."""

import click

from ledger.errors import AccountUnknownError
from ledger.exports import Exports
from ledger.texts import read_id
from proxy.cli.running import opened_tools, run


@click.group()
def export() -> None:
    """Write the books to standard output."""


@export.command()
@click.option("--account", metavar="ACCOUNT_ID", help="Only this account; else all.")
def journal(account: str | None) -> None:
    """The ledger as a journal for hledger or ledger: `tollgate export journal | hledger -f- bal`.

    Amounts are credits (CR). Each transaction asserts the balance that it leaves.
    """
    run(_journal(account))


async def _journal(account: str | None) -> None:
    if account is not None:
        read_id(account, AccountUnknownError)
    async with opened_tools() as tools:
        async for piece in Exports(tools.pool).journal(account):
            click.echo(piece, nl=False)
