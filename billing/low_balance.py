"""Finds accounts that have fallen under their threshold, and has it told once for each time."""

from datetime import UTC, datetime, timedelta

import asyncpg

from billing.notice import Content
from billing.outbox import Outbox
from billing.queries import load_queries
from ledger.database import transaction
from pricing.money import MILLICREDITS

# What was posted may be seen only now: a transaction ends later than it began.
LATEST_COMMIT = timedelta(minutes=2)

# Notices to one account; each crossing is told over two channels at most.
MOST_A_DAY = 20

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_QUERIES = load_queries("low_balances")


class LowBalance:
    """Looks at balances of the ledger. `top_up_url` is where people add credits."""

    def __init__(
        self, pool: asyncpg.Pool, outbox: Outbox, *, default_credits: int, top_up_url: str
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._default_mc = default_credits * MILLICREDITS
        self._top_up_url = top_up_url
        self._changed_since = _EVER

    async def run_once(self) -> int:
        """Writes down who has fallen since the last look, with what is to be told of it.

        Returns how many that are; none where another process looks at the same time.

        Raises:
            DatabaseUnavailableError: to be tried again.
        """
        async with transaction(self._pool) as connection:
            if not await connection.fetchval(_QUERIES["only_one_looks"]):
                return 0
            now = await connection.fetchval(_QUERIES["now"])
            fallen = await connection.fetch(
                *(_QUERIES["cross_thresholds"], self._default_mc, self._changed_since),
                MOST_A_DAY,
            )
            for row in fallen:
                await self._outbox.write(
                    connection, str(row["id"]), "low_balance", self._content(row)
                )
        self._changed_since = now - LATEST_COMMIT
        return len(fallen)

    def _content(self, row: asyncpg.Record) -> Content:
        return Content(
            account_name=row["name"],
            email=row["email"],
            action_url=self._top_up_url,
            balance_millicredits=str(row["balance_mc"]),
            threshold_millicredits=str(row["threshold_mc"]),
        )
