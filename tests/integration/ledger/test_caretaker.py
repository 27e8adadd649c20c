"""The writer's daily round on real engines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from ledger.caretaker import Caretaker
from ledger.database import DatabaseUnavailableError
from ledger.errors import RedisUnavailableError
from ledger.sweeper import Sweeper
from ledger.working_copy import WorkingBalance
from ledger.writer import Writer
from tests.support.books import TTL_S, Books
from tests.support.records import truth_of
from tests.support.rough_redis import NamedRedis
from tests.support.waiting import PATIENCE_S, until, until_answered


class FailingWriter:
    """A writer that fails in some partitions, or a few times."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.errors: dict[int, list[Exception]] = {}

    async def write_partition(self, partition: int) -> int:
        if self.errors.get(partition):
            raise self.errors[partition].pop()
        return await self._writer.write_partition(partition)


@pytest.fixture
async def writer(books: Books) -> FailingWriter:
    return FailingWriter(books.writer)


@pytest.fixture
async def caretaker(books: Books, writer: FailingWriter) -> Caretaker:
    return Caretaker(
        writer,
        books.stream,
        Sweeper(NamedRedis(books.pipeline), books.holds, ttl_s=TTL_S),
        books.expirer,
        bell=books.redis,
        working_copy=books.working_copy,
        pool=books.pool,
        sweep_every_s=0.01,
    )


@asynccontextmanager
async def running(caretaker: Caretaker) -> AsyncIterator[None]:
    work = asyncio.create_task(caretaker.run())
    try:
        yield
        assert not work.done()
    finally:
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work


async def test_what_is_settled_swept_and_granted_arrives_by_itself(
    books: Books, caretaker: Caretaker
) -> None:
    """Records into the ledger, dead calls by the orphan policy, grants into Redis."""
    ada = await books.customer(1_000)
    async with running(caretaker):
        ends, dies = await books.held(ada, 100), await books.held(ada, 100, orphan_mc=30)
        await books.holds.settle(truth_of(ends.orphan, 20))
        await books.overdue(dies)
        await books.post(ada.account_id, 500)

        async def all_has_arrived() -> bool:
            return await books.in_redis(ada) == WorkingBalance(1_450, 0, 0)

        await until_answered(all_has_arrived, ada)
    assert await books.balance_mc(ada) == 1_450
    assert await books.usage(dies) == {"orphan": (30, 30)}
    await books.assert_at_rest(ada)


async def test_what_expires_leaves_by_itself(books: Books, caretaker: Caretaker) -> None:
    """Out of Redis, and by an entry out of the ledger; what does not expire stays."""
    ada = await books.customer(1_000)
    soon = datetime.now(UTC) + timedelta(seconds=3)
    await books.post(ada.account_id, 500, tell=True, expires_at=soon)
    assert await books.in_redis(ada) == WorkingBalance(1_500, 0, 0)
    async with running(caretaker):

        async def has_left() -> bool:
            return await books.in_redis(ada) == WorkingBalance(1_000, 0, 0)

        await until_answered(has_left, ada)
    assert await books.amounts_mc(ada) == [1_000, 500, -500]
    await books.assert_at_rest(ada)


async def test_a_partition_that_cannot_be_written_keeps_no_other_from_being_written(
    books: Books, caretaker: Caretaker, writer: FailingWriter
) -> None:
    """Each is written for itself; that one failed is said when all have ended."""
    customers = [await books.customer(1_000, partition) for partition in range(0, 60, 5)]
    for customer in customers:
        request = await books.held(customer, 100)
        await books.holds.settle(truth_of(request.orphan, 20))
    writer.errors = {0: [DatabaseUnavailableError("lost")], 25: [RedisUnavailableError("lost")]}
    with pytest.raises(DatabaseUnavailableError):
        await caretaker.write_all()
    waiting = await books.stream.waiting_partitions()
    assert waiting == [0, 25]
    assert await caretaker.write_all() == 2
    for customer in customers:
        await books.assert_at_rest(customer)


@pytest.mark.parametrize(
    "error",
    [
        DatabaseUnavailableError("away"),
        RedisUnavailableError("away"),
        asyncpg.DeadlockDetectedError("deadlock detected"),
    ],
)
async def test_g10_the_round_goes_on_when_an_engine_was_away(
    books: Books, caretaker: Caretaker, writer: FailingWriter, error: Exception
) -> None:
    """G10: what could not be written is written later, by the same process."""
    ada = await books.customer(1_000)
    writer.errors = {ada.partition: [error]}
    async with running(caretaker):
        request = await books.held(ada, 100)
        await books.holds.settle(truth_of(request.orphan, 20))
        await until(lambda: not writer.errors[ada.partition], writer.errors)

        async def is_written() -> bool:
            return await books.waiting(ada) == 0

        await until_answered(is_written, ada)
    await books.assert_at_rest(ada)


async def test_a_mistake_ends_the_round_for_all_to_see(
    books: Books, caretaker: Caretaker, writer: FailingWriter
) -> None:
    """What nobody has thought of is not tried for ever in silence: the process ends."""
    ada = await books.customer(1_000)
    writer.errors = {ada.partition: [ZeroDivisionError()]}
    request = await books.held(ada, 100)
    await books.holds.settle(truth_of(request.orphan, 20))
    with pytest.raises(ExceptionGroup) as ended:
        await asyncio.wait_for(caretaker.run(), PATIENCE_S)
    assert ended.group_contains(ZeroDivisionError)
