"""Since when an account's balance is low: as the last look at all balances has found."""

from datetime import datetime

import asyncpg

from billing.queries import load_queries
from ledger.database import DatabaseUnavailableError, acquired

_QUERIES = load_queries("low_balances")


class Falls:
    """Reads what `billing/low_balance.py` has written down."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def since(self, account_id: str) -> datetime | None:
        """When the balance fell under its threshold; None where that is not known, or not now."""
        try:
            async with acquired(self._pool) as connection:
                at: datetime | None = await connection.fetchval(
                    _QUERIES["fallen_since"], account_id
                )
        except DatabaseUnavailableError:
            return None  # the balance is shown without it
        return at
