"""Reads the usage of a period out of Postgres for pricing it anew, in constant memory."""

from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from ledger.database import acquired, transaction
from ledger.queries import load_queries
from pricing.simulation import Call

ROWS_AT_ONCE = 10_000
# The first rows of a period may lie behind many others, and a busy database is no error here.
FETCH_TIMEOUT_S = 600

_QUERIES = load_queries("simulation")
_decode_units = msgspec.json.Decoder(dict[str, int]).decode


class UsagePeriod(msgspec.Struct, frozen=True, kw_only=True):
    """Calls posted from `start` to before `end`, of one account or of all (None)."""

    start: datetime
    end: datetime
    account_id: UUID | None = None


class PastCalls:
    """The calls of a database. All methods raise DatabaseUnavailableError when Postgres is away."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def estimated_count(self, period: UsagePeriod) -> int:
        """About how many calls there are: the planner's guess, which costs nothing."""
        query, arguments = _query(period)
        async with acquired(self._pool) as connection:
            text = await connection.fetchval(f"explain (format json) {query}", *arguments)
        plan = msgspec.json.decode(text)[0]["Plan"]
        return int(plan["Plan Rows"])

    async def read(self, period: UsagePeriod) -> AsyncIterator[Iterator[Call]]:
        """The calls, in pieces and in no order, as they were when reading began."""
        query, arguments = _query(period)
        async with transaction(self._pool) as connection:
            cursor = await connection.cursor(query, *arguments, timeout=FETCH_TIMEOUT_S)
            while rows := await cursor.fetch(ROWS_AT_ONCE, timeout=FETCH_TIMEOUT_S):
                yield _calls(rows)

    async def names(self, account_ids: Iterable[str]) -> dict[str, str]:
        """The names of those accounts that there are."""
        async with acquired(self._pool) as connection:
            rows = await connection.fetch(_QUERIES["account_names"], list(account_ids))
        return {row["id"]: row["name"] for row in rows}


def _query(period: UsagePeriod) -> tuple[str, tuple[object, ...]]:
    if period.account_id is None:
        return _QUERIES["calls"], (period.start, period.end)
    return _QUERIES["calls_of_account"], (period.start, period.end, period.account_id)


def _calls(rows: list[asyncpg.Record]) -> Iterator[Call]:
    for account_id, model, rounding, units, charge_mc, cost_picousd in rows:
        yield account_id, model, rounding, _decode_units(units), charge_mc, cost_picousd
