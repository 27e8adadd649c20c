"""What accounts have spent, day by day and model by model."""

from datetime import date

import asyncpg
import msgspec

from ledger.database import acquired
from ledger.queries import load_queries

_QUERIES = load_queries("spending")


class DaySpending(msgspec.Struct, frozen=True, kw_only=True):
    """What an account's calls of one model have cost in a day (UTC, by the time of posting).

    `charged_mc` is below zero where estimates of other days were too high.
    """

    day: date
    model: str
    calls: int
    charged_mc: int


class Spending:
    """Reads daily sums. All methods raise DatabaseUnavailableError when Postgres is away."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def by_day(self, account_id: str, *, since: date) -> list[DaySpending]:
        """All days from `since` on that have something, oldest first; of all keys together."""
        async with acquired(self._pool) as connection:
            rows = await connection.fetch(_QUERIES["by_day"], account_id, since)
        return [DaySpending(**row) for row in rows]

    async def models(self, account_id: str) -> list[str]:
        """All models that the account has ever called, sorted."""
        async with acquired(self._pool) as connection:
            rows = await connection.fetch(_QUERIES["models"], account_id)
        return sorted(row["model"] for row in rows)
