"""Whether the books agree: Redis with Postgres, accounts with entries, entries with usage."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ledger.ids import PARTITIONS
from ledger.redis_keys import account_keys, partition_keys
from tests.support.live_clients import Answer
from tests.support.waiting import PATIENT, until_answered

_ACCOUNTS = """
    select
        id::text,
        balance_mc,
        last_sequence,
        last_sync_number - applied_sync_number as unapplied,
        (select coalesce(sum(amount_mc), 0)::bigint from ledger_entries
         where account_id = accounts.id) as entries_mc,
        (select coalesce(sum(amount_mc), 0)::bigint from ledger_entries
         where account_id = accounts.id and entry_type = 'grant') as granted_mc,
        (select coalesce(sum(posted_mc), 0)::bigint from usage_records
         where account_id = accounts.id) as posted_mc
    from accounts
"""
_BROKEN_LINKS = """
    select account_id::text, sequence
    from (
        select
            *,
            row_number() over account as place,
            lag(balance_after_mc, 1, 0::bigint) over account as carried_mc,
            lag(posted_at) over account as posted_before
        from ledger_entries
        window account as (partition by account_id order by sequence)
    ) as entries
    where
        sequence <> place or balance_before_mc <> carried_mc or posted_at < posted_before
        or balance_after_mc <> balance_before_mc + amount_mc or balance_after_mc < 0
"""
_CHARGED_TWICE = """
    select ref from ledger_entries where entry_type = 'usage' group by ref having count(*) > 1
"""
_UNTOLD = """
    select request_id::text
    from usage_records
    group by request_id
    having sum(posted_mc) <> coalesce(
        max(charge_mc) filter (where kind = 'settled'), max(charge_mc)
    )
"""
_SETTLED = """
    select charge_mc, status from usage_records
    where request_id::text = $1 and kind = 'settled'
"""


@dataclass(frozen=True)
class Books:
    """Both engines of a stack, only ever read."""

    database: asyncpg.Connection
    redis: Redis

    async def wait_until_quiet(self) -> None:
        """Waits until nothing is held, nothing waits to be written, and Redis was told all."""
        left: dict[str, int] = {}

        async def is_quiet() -> bool:
            left.update(await self._left())
            return not any(left.values())

        await until_answered(is_quiet, ("nothing is left", left))

    async def assert_agree(self) -> None:
        """G5, G6, G9: everything is written, once, and all sums tell the same."""
        await self.wait_until_quiet()
        for row in await self.database.fetch(_ACCOUNTS):
            told = dict(row)
            in_redis = await self.in_redis(row["id"])
            assert row["balance_mc"] == sum(in_redis.values()), (told, in_redis)
            assert row["balance_mc"] == row["entries_mc"], told
            assert row["balance_mc"] == row["granted_mc"] - row["posted_mc"], told
            assert (in_redis["held"], in_redis["unwritten"]) == (0, 0), in_redis
            assert in_redis["available"] >= 0, in_redis
        assert await self.database.fetch(_BROKEN_LINKS) == []
        assert await self.database.fetch(_CHARGED_TWICE) == []
        assert await self.database.fetch(_UNTOLD) == []
        assert await self.database.fetch("select * from rejected_records") == []

    async def assert_charged(self, answers: Iterable[Answer]) -> None:
        """G5: what clients have seen is written, once each, at the charge that they were told."""
        for answer in answers:
            rows = await self.database.fetch(_SETTLED, answer.request_id)
            assert [tuple(row) for row in rows] == [(answer.charge_mc, "completed")], answer

    async def in_redis(self, account_id: str) -> dict[str, int]:
        """What Redis has of an account, which must be there; in millicredits."""
        names = ("available", "held", "unwritten")
        values = await self.redis.hmget(account_keys(account_id).account, names)
        assert None not in values, f"Redis has lost {account_id}"
        return {name: int(value) for name, value in zip(names, values, strict=True)}

    async def held_mc(self, account_id: str) -> int:
        """What calls of an account hold; 0 until Redis knows of the account."""
        value = await self.redis.hget(account_keys(account_id).account, "held")
        return int(value or 0)

    async def spent_mc(self, account_id: str, key_id: str) -> int:
        """What Redis has counted of a key's monthly limit; 0 until it knows of one."""
        value = await self.redis.hget(account_keys(account_id).account, f"spent:{key_id}")
        return int(value or 0)

    async def waiting_records(self) -> int:
        """How many settlements wait for the writer; asks Redis only."""
        pipe = self.redis.pipeline(transaction=False)
        for number in range(PARTITIONS):
            pipe.xlen(partition_keys(number).settlements)
        return sum(await pipe.execute())

    async def _left(self) -> dict[str, int]:
        pipe = self.redis.pipeline(transaction=False)
        for number in range(PARTITIONS):
            pipe.zcard(partition_keys(number).deadlines)
        deadlines = await pipe.execute()
        rows = await self.database.fetch(_ACCOUNTS)
        holds = [await self.redis.hlen(account_keys(row["id"]).holds) for row in rows]
        return {
            "records": await self.waiting_records(),
            "deadlines": sum(deadlines),
            "holds": sum(holds),
            "syncs": sum(row["unapplied"] for row in rows),
        }


@asynccontextmanager
async def open_books(dev: dict[str, str]) -> AsyncIterator[Books]:
    """The books of the stack that `dev.json` tells of."""
    database = await asyncpg.connect(dev["database_url"])
    try:
        async with Redis.from_url(dev["redis_url"], **PATIENT) as redis:
            yield Books(database, redis)
    finally:
        await database.close()


class LowestBalance:
    """The least that was available on accounts, seen by looking as often as it goes."""

    def __init__(self, redis_url: str, accounts: Iterable[str]) -> None:
        self._redis_url = redis_url
        self._names = [account_keys(account_id).account for account_id in accounts]
        self.lowest_mc: int | None = None
        self.looks = 0

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Looks while the block runs. A Redis that is away is asked again."""
        stopping = asyncio.Event()
        looking = asyncio.create_task(self._look(stopping))
        try:
            yield
        finally:
            stopping.set()
            await looking

    async def _look(self, stopping: asyncio.Event) -> None:
        async with Redis.from_url(self._redis_url, **PATIENT) as redis:
            while not stopping.is_set():
                try:
                    for name in self._names:
                        self._note(await redis.hget(name, "available"))
                except (RedisError, OSError):
                    await asyncio.sleep(0.05)
                await asyncio.sleep(0.002)

    def _note(self, value: bytes | None) -> None:
        if value is None:
            return
        self.looks += 1
        available_mc = int(value)
        if self.lowest_mc is None or available_mc < self.lowest_mc:
            self.lowest_mc = available_mc
