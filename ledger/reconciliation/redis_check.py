"""Check `redis`: the working copy of each account against the ledger, while calls go on."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from uuid import UUID

import asyncpg

from ledger.database import acquired
from ledger.ids import PARTITIONS
from ledger.pipeline import Pipeline
from ledger.queries import load_queries
from ledger.reconciliation.checking import Round
from ledger.reconciliation.difference import Difference, Scope
from ledger.reconciliation.loose_ids import as_uuid
from ledger.reconciliation.redis_reading import Deadlines, RedisReading, read_deadlines
from ledger.reconciliation.redis_rules import NAME, Clock, differences, timed_differences

ACCOUNTS_AT_ONCE = 100
SECOND_LOOK_S = 3.0

_QUERIES = load_queries("reconciliation")


class RedisCheck:
    """Reads account by account. What should have ended by now is looked at twice."""

    name = NAME

    def __init__(
        self,
        pipeline: Pipeline,
        pool: asyncpg.Pool,
        *,
        ttl_s: float,
        second_look_s: float = SECOND_LOOK_S,
    ) -> None:
        self._pipeline = pipeline
        self._pool = pool
        self._ttl_ms = int(ttl_s * 1000)
        self._second_look_s = second_look_s
        self._reading = RedisReading(pipeline, pool)

    async def differences(self, looked_at: Round) -> AsyncIterator[Difference]:
        """All that it finds.

        Raises:
            RedisUnavailableError, DatabaseUnavailableError: to be tried again.
        """
        scope, size, progress = looked_at
        progress.begin("Balances in Redis", size.accounts)
        clock = await self._clock()
        deadlines = await read_deadlines(self._pipeline, range(PARTITIONS))
        late: dict[UUID, list[Difference]] = {}
        async for account_ids in self._accounts(scope):
            async for sides in self._reading.read(account_ids, deadlines):
                for difference in differences(*sides):
                    yield difference
                timed = list(timed_differences(*sides, clock))
                if timed:
                    late[UUID(sides.account_id)] = timed
            progress.advance(len(account_ids))
        async for difference in self._look_again(late, clock):
            yield difference
        for difference in await self._strangers(scope, deadlines):
            yield difference

    async def _look_again(
        self, late: dict[UUID, list[Difference]], clock: Clock
    ) -> AsyncIterator[Difference]:
        if not late:
            return
        await asyncio.sleep(self._second_look_s)
        for account_ids in _batches(late):
            async for sides in self._reading.read(account_ids, {}):
                known = {(one.what, one.reference) for one in late[UUID(sides.account_id)]}
                for difference in timed_differences(*sides, clock):
                    if (difference.what, difference.reference) in known:
                        yield difference

    async def _accounts(self, scope: Scope) -> AsyncIterator[list[UUID]]:
        after: UUID | None = None
        while True:
            async with acquired(self._pool) as connection:
                rows = await connection.fetch(
                    _QUERIES["accounts_after"], scope.account_id, after, ACCOUNTS_AT_ONCE
                )
            if not rows:
                return
            yield [row["id"] for row in rows]
            after = rows[-1]["id"]

    async def _clock(self) -> Clock:
        now_s, _ = await self._pipeline.command("TIME")
        info = await self._pipeline.command("INFO", "server")
        started_ms = (int(now_s) - int(info["uptime_in_seconds"])) * 1000
        return Clock(ttl_ms=self._ttl_ms, started_ms=started_ms)

    async def _strangers(self, scope: Scope, deadlines: Deadlines) -> list[Difference]:
        """Deadlines of accounts that the ledger does not know."""
        if scope.account_id is not None:
            return []
        ids = {found for name in deadlines if (found := as_uuid(name)) is not None}
        async with acquired(self._pool) as connection:
            rows = await connection.fetch(_QUERIES["versions"], list(ids))
        known = {str(row["id"]) for row in rows}
        return [
            Difference(
                check=self.name,
                account_id=account_id,
                what="account of a deadline",
                expected="an account",
                actual="no such account",
                reference=f"request {request_id}",
            )
            for account_id in sorted(set(deadlines) - known)
            for request_id in deadlines[account_id]
        ]


def _batches(account_ids: Iterable[UUID]) -> list[list[UUID]]:
    ids = list(account_ids)
    return [ids[at : at + ACCOUNTS_AT_ONCE] for at in range(0, len(ids), ACCOUNTS_AT_ONCE)]
