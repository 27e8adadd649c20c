"""Reads what a month's close is worked out from: one snapshot of the database."""

from datetime import UTC, datetime

import asyncpg

from ledger.batch import ACTOR as WRITER
from ledger.closing import AccountMonth, Close, Movement, close_month
from ledger.database import acquired
from ledger.errors import AccountUnknownError
from ledger.months import Month
from ledger.queries import load_queries
from ledger.texts import read_id

# Sums over all of a month's rows.
STATEMENT_TIMEOUT_S = 600.0

_QUERIES = load_queries("closing")


class Closings:
    """Closes months of a database's books."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def close(self, month: Month, account_id: str | None = None) -> Close:
        """The books of a month, of all accounts or of one.

        Raises:
            AccountUnknownError: there is no such account.
            DatabaseUnavailableError: Postgres is away.
        """
        account = None if account_id is None else read_id(account_id, AccountUnknownError)
        period = (account, month.start, month.end)
        async with (
            acquired(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):

            async def fetch(query: str, *values: object) -> list[asyncpg.Record]:
                return await connection.fetch(_QUERIES[query], *values, timeout=STATEMENT_TIMEOUT_S)

            accounts = await fetch("accounts", *period)
            movements = await fetch("movements", *period, WRITER)
            usage = await fetch("usage", *period)
        if account_id is not None and not accounts:
            raise AccountUnknownError(account_id)
        return close_month(
            month,
            [AccountMonth(**{**row, "account_id": str(row["account_id"])}) for row in accounts],
            [Movement(**dict(row)) for row in movements],
            {row["model"]: row["posted_mc"] for row in usage},
            account_id=account_id,
            is_over=month.end <= datetime.now(UTC),
        )
