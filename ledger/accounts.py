"""Accounts in Postgres: create, show, list."""

from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from ledger.database import acquired, the_row
from ledger.errors import AccountUnknownError
from ledger.ids import new_id, partition_of
from ledger.pages import Page, Position, Window, page_of
from ledger.queries import load_queries
from ledger.texts import LONGEST_NAME, email_address, plain_text, read_id

_QUERIES = load_queries("accounts")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays. The balance is what the ledger says, in millicredits."""

    account_id: str
    name: str
    email: str | None
    created_at: datetime
    balance_mc: int


class Accounts:
    """The accounts of a database. All methods raise DatabaseUnavailableError when it is away."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def create(self, name: str, email: str | None = None) -> Account:
        """A new account without credits.

        Raises:
            BadTextError: names the field.
        """
        name = plain_text(name, "name", LONGEST_NAME)
        email = None if email is None else email_address(email)
        account_id = new_id()
        partition = partition_of(account_id)
        async with acquired(self._pool) as connection:
            row = await the_row(
                connection, _QUERIES["insert_account"], account_id, name, email, partition
            )
        return _account(row)

    async def get(self, account_id: str) -> Account:
        """One account.

        Raises:
            AccountUnknownError: there is none; a text that is no id has none either.
        """
        account_uuid = read_id(account_id, AccountUnknownError)
        async with acquired(self._pool) as connection:
            row = await connection.fetchrow(_QUERIES["account"], account_uuid)
        if row is None:
            raise AccountUnknownError(account_id)
        return _account(row)

    async def page(self, window: Window) -> Page[Account]:
        """Accounts by the time at which they were created, newest first."""
        async with acquired(self._pool) as connection:
            rows = await connection.fetch(_QUERIES["accounts"], *window.bounds(), window.limit + 1)
        accounts = [_account(row) for row in rows]
        return page_of(
            accounts, window.limit, lambda one: Position(one.created_at, UUID(one.account_id))
        )


def _account(row: asyncpg.Record) -> Account:
    return Account(
        account_id=str(row["id"]),
        name=row["name"],
        email=row["email"],
        created_at=row["created_at"],
        balance_mc=row["balance_mc"],
    )
