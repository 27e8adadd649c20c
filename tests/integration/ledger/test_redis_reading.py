"""Both sides of an account as of one moment, however fast it moves."""

import asyncio
from uuid import UUID

import pytest

from ledger.reconciliation import redis_reading
from ledger.reconciliation.redis_reading import BothSides, RedisReading
from ledger.reconciliation.redis_rules import differences
from tests.support.books import Books, Customer
from tests.support.records import truth_of


@pytest.fixture(params=[0, 1, 4])
def reading(
    books: Books, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> RedisReading:
    """With so many tries before the account is locked."""
    monkeypatch.setattr(redis_reading, "TRIES", request.param)
    return RedisReading(books.pipeline, books.pool)


async def read(reading: RedisReading, customer: Customer) -> BothSides:
    (sides,) = [one async for one in reading.read([UUID(customer.account_id)], {})]
    return sides


async def test_an_account_that_never_rests_is_read_all_the_same(
    books: Books, reading: RedisReading
) -> None:
    """G9: settled, written and told without a pause meanwhile, and not one false alarm."""
    ada = await books.customer(1_000_000)
    stopping = asyncio.Event()
    written = 0

    async def call() -> None:
        nonlocal written
        while not stopping.is_set():
            request = await books.held(ada, 300)
            await books.holds.settle(truth_of(request.orphan, 120))
            written += await books.write(ada)

    async def post() -> None:
        while not stopping.is_set():
            await books.post(ada.account_id, 5, tell=True)

    async with asyncio.TaskGroup() as group:
        for work in (call, call, post):
            group.create_task(work())
        for _ in range(60):
            assert list(differences(*await read(reading, ada))) == []
        stopping.set()
    assert written > 5
    await books.write(ada)
    await books.assert_at_rest(ada)


async def test_who_is_not_in_the_ledger_is_left_out(books: Books, reading: RedisReading) -> None:
    """Accounts can be asked for that are not there."""
    assert [one async for one in reading.read([UUID(int=1)], {})] == []
