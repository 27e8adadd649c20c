"""`tollgate accounts`: create, list, show."""

import click

from console.json import listing
from console.shapes import account_shape, live_account_shape
from ledger.accounts import Account
from ledger.database import DatabaseUnavailableError
from ledger.errors import RedisUnavailableError
from ledger.pages import BadCursorError, Page, Window, decode_cursor, encode_cursor
from ledger.working_copy import WorkingBalance
from pricing.money import credits_text
from proxy.cli.output import json_option, print_fields, print_json, print_table, second
from proxy.cli.running import opened_tools, run


@click.group()
def accounts() -> None:
    """Create, list and show accounts."""


@accounts.command()
@click.argument("name")
@click.option("--email", help="Where to reach the account's people.")
@json_option
def create(name: str, email: str | None, *, as_json: bool) -> None:
    """Create the account NAME, without credits."""

    async def work() -> Account:
        async with opened_tools() as tools:
            return await tools.accounts.create(name, email)

    account = run(work())
    if as_json:
        print_json(account_shape(account))
    else:
        print_fields(_fields(account))


@accounts.command("list")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="How many at most.",
)
@click.option("--cursor", help="Where the list goes on: printed at the end of a full page.")
@json_option
def list_accounts(limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List accounts, newest first, with their balances in the ledger."""
    try:
        below = None if cursor is None else decode_cursor(cursor)
    except BadCursorError as error:
        raise click.BadParameter("is no cursor of this list", param_hint="--cursor") from error

    async def work() -> Page[Account]:
        async with opened_tools() as tools:
            return await tools.accounts.page(Window(limit=limit, below=below))

    page = run(work())
    if as_json:
        print_json(listing(page, account_shape))
        return
    print_table(
        ("ACCOUNT", "CREATED", "CREDITS", "NAME"),
        [
            (one.account_id, second(one.created_at), credits_text(one.balance_mc), one.name)
            for one in page.rows
        ],
    )
    if page.next_position:
        click.echo(f"There are more: --cursor {encode_cursor(page.next_position)}")


@accounts.command()
@click.argument("account_id")
@json_option
def show(account_id: str, *, as_json: bool) -> None:
    """Show an account, with its balances in the ledger and in Redis."""

    async def work() -> tuple[Account, WorkingBalance | None]:
        async with opened_tools() as tools:
            account = await tools.accounts.get(account_id)
            try:
                return account, await tools.working_copy().balance(account_id)
            except (RedisUnavailableError, DatabaseUnavailableError) as error:
                click.echo(f"Warning: Redis does not say: {error}", err=True)
                return account, None

    account, balance = run(work())
    if as_json:
        print_json(live_account_shape(account, balance))
    else:
        print_fields({**_fields(account), **_live_fields(balance)})


def _fields(account: Account) -> dict[str, str]:
    return {
        "Account": account.account_id,
        "Name": account.name,
        "E-mail": account.email or "-",
        "Created": second(account.created_at),
        "Ledger balance": f"{credits_text(account.balance_mc)} credits",
    }


def _live_fields(balance: WorkingBalance | None) -> dict[str, str]:
    if balance is None:
        return {}
    return {
        "Balance": f"{credits_text(balance.balance_mc)} credits",
        "Held": f"{credits_text(balance.held_mc)} credits",
        "Available": f"{credits_text(balance.available_mc)} credits",
        "Not yet written": f"{credits_text(balance.unwritten_mc)} credits",
    }
