"""A Redis whose memory is full: nothing new is held, and everything that is can end."""

from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.local.valkey import LocalValkey
from ledger.errors import RedisUnavailableError
from ledger.working_copy import WorkingBalance
from tests.support.books import Books, call_of, open_books
from tests.support.engines import running_valkey
from tests.support.records import truth_of


@pytest.fixture
def valkey() -> Iterator[LocalValkey]:
    with running_valkey() as running:
        yield running


@pytest.fixture
async def small_books(database_url: str, valkey: LocalValkey) -> AsyncIterator[Books]:
    async with open_books(database_url, valkey.url) as opened:
        yield opened


async def fill(books: Books) -> None:
    await books.redis.set("large", "x" * 3_000_000)
    await books.redis.config_set("maxmemory", 2_000_000)


@pytest.mark.parametrize("scripts_are_known", [True, False])
async def test_g10_no_new_call_is_held_and_those_that_are_held_are_settled_and_written(
    small_books: Books, scripts_are_known: bool
) -> None:
    """G10: reserve is refused; settle, sweep, sync, renew, rebuild and acknowledge go on."""
    books = small_books
    ada = await books.customer(1_000)
    ends, dies, waits = [await books.held(ada, 100) for _ in range(3)]
    await fill(books)
    if not scripts_are_known:
        await books.redis.script_flush()
    with pytest.raises(RedisUnavailableError) as refused:
        await books.holds.reserve(call_of(ada, 10))
    assert refused.value.was_sent is False  # so no release has to follow

    settled = await books.holds.settle(truth_of(ends.orphan, 20), undelivered=True)
    assert (settled.outcome, settled.balance_mc) == ("taken", 980)
    await books.holds.renew(ada.partition, [f"{ada.account_id}/{waits.request_id}"])
    await books.holds.renew(ada.partition, [f"{ada.account_id}/{dies.request_id}"])
    assert not await books.holds.sweep(ada.account_id, dies.request_id)
    await books.lose_account(ada)
    assert await books.working_copy.balance(ada.account_id) == WorkingBalance(780, 200, 20)
    await books.post(ada.account_id, 50, tell=True)
    assert await books.write(ada) == 2
    assert await books.in_redis(ada) == WorkingBalance(830, 200, 0)
    for request in (dies, waits):
        await books.holds.settle(truth_of(request.orphan, 0))
    assert await books.write(ada) == 2
    await books.assert_at_rest(ada)
    await books.redis.config_set("maxmemory", 0)
    assert await books.holds.reserve(call_of(ada, 10)) == 10


async def test_g10_the_dead_are_swept_although_memory_is_full(small_books: Books) -> None:
    """G10: else what they hold would be held for ever."""
    books = small_books
    ada = await books.customer(1_000)
    dead = await books.held(ada, 100, orphan_mc=30)
    await books.overdue(dead)
    await fill(books)
    assert await books.holds.sweep(ada.account_id, dead.request_id)
    assert await books.write(ada) == 1
    assert await books.in_redis(ada) == WorkingBalance(970, 0, 0)
    await books.assert_at_rest(ada)
