"""Streams the ledger out of Postgres, an entry at a time, in constant memory."""

from collections.abc import AsyncIterator

import asyncpg

from ledger.database import transaction
from ledger.journal import HEADER, JournalEntry, journal_entry
from ledger.queries import load_queries

ROWS_AT_ONCE = 1000

_QUERIES = load_queries("exports")


class Exports:
    """Exports of a database."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def journal(self, account_id: str | None = None) -> AsyncIterator[str]:
        """The pieces of a journal of all accounts, or of one, oldest first.

        Raises:
            DatabaseUnavailableError: Postgres is away.
        """
        yield HEADER
        async with transaction(self._pool) as connection:
            rows = connection.cursor(_QUERIES["entries"], account_id, prefetch=ROWS_AT_ONCE)
            async for row in rows:
                yield journal_entry(
                    JournalEntry(
                        entry_id=str(row["id"]),
                        account_id=str(row["account_id"]),
                        posted_at=row["posted_at"],
                        entry_type=row["entry_type"],
                        amount_mc=row["amount_mc"],
                        balance_after_mc=row["balance_after_mc"],
                        counter_account=row["counter_account"],
                        ref=row["ref"],
                        description=row["description"],
                    )
                )
