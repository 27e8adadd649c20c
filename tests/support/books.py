"""The protocol of holds on real engines, without HTTP: accounts, holds, settlements, the writer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec
from redis.asyncio import Redis

from ledger.api_keys import ApiKeys
from ledger.database import acquired, connect_pool
from ledger.entries import Entries, Entry
from ledger.expirer import Expirer
from ledger.holds import Holds, ReserveRequest
from ledger.ids import new_id, partition_of
from ledger.keys import KeyHasher
from ledger.pipeline import Pipeline, open_pipeline
from ledger.posting import Posting
from ledger.redis_copy import RedisWorkingCopy
from ledger.redis_keys import account_keys, partition_keys
from ledger.stream import SettlementStream
from ledger.sweeper import Sweeper
from ledger.working_copy import WorkingBalance
from ledger.writer import Writer
from tests.support.records import orphan_record
from tests.support.waiting import PATIENCE_S, PATIENT

TTL_S = 60.0
MOST_UNWRITTEN = 1_000
HASHER = KeyHasher(b"a key secret for tests")


@dataclass
class Customer:
    """An account with a key."""

    account_id: str
    key_id: str
    key: str

    @property
    def partition(self) -> int:
        return partition_of(self.account_id)


@dataclass
class Books:
    """All collaborators of the ledger's side, on one database and one Redis."""

    pool: asyncpg.Pool
    redis: Redis
    pipeline: Pipeline
    working_copy: RedisWorkingCopy
    holds: Holds
    stream: SettlementStream
    writer: Writer
    sweeper: Sweeper
    expirer: Expirer
    entries: Entries
    keys: ApiKeys

    async def customer(self, amount_mc: int = 0, partition: int | None = None) -> Customer:
        """A new account with a key; the grant has reached Redis."""
        account_id = new_id()
        while partition is not None and partition_of(account_id) != partition:
            account_id = new_id()
        await self.execute(
            "insert into accounts (id, name, redis_partition) values ($1, 'Ada', $2)",
            *(account_id, partition_of(account_id)),
        )
        key = await self.keys.create(account_id, "test")
        if amount_mc:
            await self.post(account_id, amount_mc)
        await self.working_copy.ensure(account_id)
        await self.working_copy.apply_syncs(account_id)
        return Customer(account_id, key.api_key.key_id, key.text)

    async def post(
        self, account_id: str, amount_mc: int, *, tell: bool = False, **changes: Any
    ) -> Entry:
        """A grant, or an adjustment where it takes credits; Redis is told if so wished."""
        posting = Posting(
            account_id=account_id,
            entry_type="grant" if amount_mc > 0 else "adjustment",
            amount_mc=amount_mc,
            description="For a test",
            idempotency_key=new_id(),
            actor="tests",
        )
        posted = await self.entries.post(msgspec.structs.replace(posting, **changes))
        if tell:
            await self.working_copy.apply_syncs(account_id)
        return posted.entry

    async def held(
        self, customer: Customer, maximum_mc: int, minimum_mc: int | None = None, **changes: object
    ) -> ReserveRequest:
        """A call that holds credits."""
        request = call_of(customer, maximum_mc, minimum_mc, **changes)
        await self.holds.reserve(request)
        return request

    async def write(self, customer: Customer) -> int:
        """Writes what waits in the customer's partition; how many records that were."""
        return await self.writer.write_partition(customer.partition)

    async def overdue(self, request: ReserveRequest) -> None:
        """Lets a hold's deadline be long past, if it has one."""
        keys = account_keys(request.account_id)
        member = f"{request.account_id}/{request.request_id}"
        await self.redis.zadd(keys.shared.deadlines, {member: 1}, xx=True)

    async def sweep(self, request: ReserveRequest) -> bool:
        """Sweeps a call as if its worker had died long ago."""
        await self.overdue(request)
        return await self.holds.sweep(request.account_id, request.request_id)

    async def in_redis(self, customer: Customer) -> WorkingBalance | None:
        """The account as it stands in Redis; None where it does not."""
        names = ("available", "held", "unwritten")
        found = await self.redis.hmget(account_keys(customer.account_id).account, names)
        return None if found[0] is None else WorkingBalance(*(int(value) for value in found))

    async def filed(self, customer: Customer) -> dict[str, str]:
        """Holds and tombstones of an account, by request id."""
        filed = await self.redis.hgetall(account_keys(customer.account_id).holds)
        return {name.decode(): value.decode() for name, value in filed.items()}

    async def waiting(self, customer: Customer) -> int:
        """How many records wait for the writer in the customer's partition."""
        return int(await self.redis.xlen(partition_keys(customer.partition).settlements))

    async def lose_account(self, customer: Customer) -> None:
        """Takes the balance out of Redis; holds and tombstones stay."""
        await self.redis.delete(account_keys(customer.account_id).account)

    async def balance_mc(self, customer: Customer) -> int:
        """What the ledger says."""
        query = "select balance_mc from accounts where id = $1"
        return int(await self.value(query, customer.account_id))

    async def usage(self, request: ReserveRequest) -> dict[str, tuple[int, int]]:
        """The rows of a request: charge and what it has moved, by kind."""
        rows = await self.rows(
            "select kind, charge_mc, posted_mc from usage_records where request_id = $1",
            request.request_id,
        )
        return {row["kind"]: (row["charge_mc"], row["posted_mc"]) for row in rows}

    async def amounts_mc(self, customer: Customer) -> list[int]:
        """What the account's entries have moved, in order."""
        query = "select amount_mc from ledger_entries where account_id = $1 order by sequence"
        return [row["amount_mc"] for row in await self.rows(query, customer.account_id)]

    async def assert_at_rest(self, customer: Customer) -> None:
        """Redis and ledger agree, nothing is held, nothing is on its way."""
        await self.working_copy.ensure(customer.account_id)
        await self.working_copy.apply_syncs(customer.account_id)
        balance_mc = await self.balance_mc(customer)
        assert await self.in_redis(customer) == WorkingBalance(balance_mc, 0, 0)
        assert await self.filed(customer) == {}
        assert sum(await self.amounts_mc(customer)) == balance_mc

    async def rows(self, query: str, *values: object) -> list[asyncpg.Record]:
        async with acquired(self.pool) as connection:
            return list(await connection.fetch(query, *values))

    async def value(self, query: str, *values: object) -> Any:
        async with acquired(self.pool) as connection:
            return await connection.fetchval(query, *values)

    async def execute(self, query: str, *values: object) -> None:
        async with acquired(self.pool) as connection:
            await connection.execute(query, *values)


@asynccontextmanager
async def open_books(
    database_url: str,
    redis_url: str,
    *,
    ttl_s: float = TTL_S,
    max_unwritten: int = MOST_UNWRITTEN,
) -> AsyncIterator[Books]:
    """The ledger's side on these engines; an empty Redis is one in which nothing was numbered."""
    pool = await connect_pool(database_url, min_size=0, max_size=10)
    redis = Redis.from_url(redis_url, **PATIENT)
    try:
        async with open_pipeline(redis_url, timeout_s=PATIENCE_S) as pipeline:
            working_copy = RedisWorkingCopy(pipeline, pool)
            holds = Holds(pipeline, working_copy, ttl_s=ttl_s, max_unwritten=max_unwritten)
            stream = SettlementStream(pipeline)
            books = Books(
                pool=pool,
                redis=redis,
                pipeline=pipeline,
                working_copy=working_copy,
                holds=holds,
                stream=stream,
                writer=Writer(stream, pool, working_copy),
                sweeper=Sweeper(pipeline, holds, ttl_s=ttl_s),
                expirer=Expirer(pipeline, pool, working_copy),
                entries=Entries(pool),
                keys=ApiKeys(pool, HASHER),
            )
            await books.execute("update stream_positions set last_number = 0, epoch = 0")
            yield books
    finally:
        await redis.aclose()
        await pool.close()


def call_of(
    customer: Customer, maximum_mc: int, minimum_mc: int | None = None, **changes: object
) -> ReserveRequest:
    """A call that has not been held; `orphan_mc` is what it costs if its worker dies."""
    orphan_mc = changes.pop("orphan_mc", maximum_mc // 2)
    values = {"key_id": customer.key_id, "ceiling_mc": maximum_mc, **changes}
    orphan = orphan_record(customer.account_id, orphan_mc, **values)
    return ReserveRequest(
        account_id=customer.account_id,
        request_id=orphan.request_id,
        key_id=customer.key_id,
        maximum_mc=maximum_mc,
        minimum_mc=maximum_mc if minimum_mc is None else minimum_mc,
        orphan=orphan,
    )
