"""Rebuilding the balance of an account that Redis has lost."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ledger.holds import ReserveRequest
from ledger.redis_keys import account_keys
from ledger.working_copy import WorkingBalance
from tests.support.books import Books, Customer, call_of
from tests.support.records import truth_of


async def begin(books: Books, customer: Customer) -> list[str | int]:
    draft = await books.working_copy._begin_rebuild(customer.account_id)
    assert draft is not None
    return draft


async def finish(books: Books, customer: Customer, draft: list[str | int]) -> bool:
    return await books.working_copy._finish_rebuild(customer.account_id, draft)


async def test_holds_and_unwritten_tombstones_are_not_available_and_written_ones_are_gone(
    books: Books,
) -> None:
    """Section 4a, 6: available = balance - held - charges of unwritten tombstones."""
    ada = await books.customer(1_000)
    await books.held(ada, 100)
    unwritten = await books.held(ada, 100)
    written = await books.held(ada, 100)
    await books.holds.settle(truth_of(written.orphan, 7))
    entries = await books.stream.read(ada.partition, 10)
    await books.writer._commit(ada.partition, entries)  # the writer dies before it acknowledges
    await books.holds.settle(truth_of(unwritten.orphan, 30))
    await books.lose_account(ada)
    await books.working_copy.ensure(ada.account_id)
    assert await books.in_redis(ada) == WorkingBalance(863, 100, 30)
    filed = await books.filed(ada)
    assert filed[written.request_id] == "W settled 7 1"
    assert filed[unwritten.request_id] == "T settled 30 2"
    await books.write(ada)
    assert await books.in_redis(ada) == WorkingBalance(863, 100, 0)


async def test_an_orphans_tombstone_counts_until_the_orphan_is_written(books: Books) -> None:
    """Kinds are told apart: the truth's row does not make an orphan's charge a written one."""
    ada = await books.customer(100)
    request = await books.held(ada, 60, orphan_mc=30)
    await books.sweep(request)
    await books.lose_account(ada)
    await books.working_copy.ensure(ada.account_id)
    assert await books.in_redis(ada) == WorkingBalance(70, 0, 30)
    await books.write(ada)
    await books.assert_at_rest(ada)


async def test_a_hold_whose_call_has_a_usage_row_is_no_hold(books: Books) -> None:
    """Section 4a, 8: a Redis that was set back still shows calls that have ended."""
    ada = await books.customer(100)
    request = await books.held(ada, 60)
    keys = account_keys(ada.account_id)
    old = {key: await books.redis.dump(key) for key in (keys.holds, keys.shared.deadlines)}
    await books.holds.settle(truth_of(request.orphan, 25))
    await books.write(ada)
    for key, value in old.items():
        await books.redis.restore(key, 0, value, replace=True)
    await books.lose_account(ada)
    await books.working_copy.ensure(ada.account_id)
    assert await books.in_redis(ada) == WorkingBalance(75, 0, 0)
    assert await books.redis.zcard(keys.shared.deadlines) == 0
    await books.assert_at_rest(ada)


async def settle(books: Books, request: ReserveRequest) -> None:
    await books.holds.settle(truth_of(request.orphan, 25))


async def settle_late(books: Books, request: ReserveRequest) -> None:
    await books.redis.hdel(account_keys(request.account_id).holds, request.request_id)
    await books.holds.settle(truth_of(request.orphan, 25))


async def sweep(books: Books, request: ReserveRequest) -> None:
    await books.sweep(request)


async def acknowledge(books: Books, request: ReserveRequest) -> None:
    partition = account_keys(request.account_id).partition
    await books.stream.acknowledge(partition, await books.stream.read(partition, 1))


@pytest.mark.parametrize("change", [settle, settle_late, sweep, acknowledge])
async def test_whatever_changes_the_account_makes_a_rebuild_begin_again(
    books: Books, change: Callable[[Books, ReserveRequest], Awaitable[None]]
) -> None:
    """Settle, sweep and acknowledge take the token away: what was read is old."""
    ada = await books.customer(200)
    first, second = await books.held(ada, 60), await books.held(ada, 60)
    await settle(books, first)
    await books.lose_account(ada)
    draft = await begin(books, ada)
    await change(books, second)
    assert not await finish(books, ada, draft)
    assert await books.in_redis(ada) is None
    await books.redis.delete(account_keys(ada.account_id).rebuild)
    await books.working_copy.ensure(ada.account_id)
    for request in (first, second):
        await settle(books, request)
    await books.write(ada)
    await books.assert_at_rest(ada)
    assert await books.balance_mc(ada) == 150


async def test_a_batch_that_is_committed_and_acknowledged_amid_a_rebuild_is_not_taken_twice(
    books: Books,
) -> None:
    """The balance was read before the commit, the tombstone is gone after it: begin again."""
    ada = await books.customer(100)
    request = await books.held(ada, 60)
    await settle(books, request)
    await books.lose_account(ada)
    draft = await begin(books, ada)
    await books.write(ada)
    assert not await finish(books, ada, draft)
    await books.assert_at_rest(ada)


async def test_a_batch_that_is_committed_amid_a_rebuild_and_not_acknowledged_is_counted_once(
    books: Books,
) -> None:
    """The tombstone still stands for what the balance that was read does not have."""
    ada = await books.customer(100)
    request = await books.held(ada, 60)
    await settle(books, request)
    await books.lose_account(ada)
    draft = await begin(books, ada)
    entries = await books.stream.read(ada.partition, 10)
    await books.writer._commit(ada.partition, entries)
    assert await finish(books, ada, draft)
    assert await books.in_redis(ada) == WorkingBalance(75, 0, 25)
    await books.write(ada)
    await books.assert_at_rest(ada)


async def test_only_the_last_of_two_rebuilds_may_finish(books: Books) -> None:
    """Two workers rebuild at once: the token is of one of them; the other finds it there."""
    ada = await books.customer(100)
    await books.lose_account(ada)
    first = await begin(books, ada)
    second = await begin(books, ada)
    assert not await finish(books, ada, first)
    assert await finish(books, ada, second)
    assert await finish(books, ada, first)  # there
    assert await books.in_redis(ada) == WorkingBalance(100, 0, 0)
    assert await books.working_copy._begin_rebuild(ada.account_id) is None


async def test_a_rebuild_does_not_overwrite_an_account_that_is_there(books: Books) -> None:
    """Its token has outlived another worker's rebuild."""
    ada = await books.customer(100)
    await books.lose_account(ada)
    draft = await begin(books, ada)
    keys = account_keys(ada.account_id)
    token = await books.redis.get(keys.rebuild)
    await books.working_copy.ensure(ada.account_id)
    await books.held(ada, 60)
    await books.redis.set(keys.rebuild, token)
    assert await finish(books, ada, draft)
    assert await books.in_redis(ada) == WorkingBalance(40, 60, 0)


async def test_a_lost_account_is_rebuilt_exactly_under_load(books: Books) -> None:
    """Exact under load: it is lost again and again while calls begin, end and are written."""
    ada = await books.customer(100_000)
    spent_mc = 0

    async def call(number: int) -> None:
        nonlocal spent_mc
        request = call_of(ada, 60)
        await books.holds.reserve(request)
        await asyncio.sleep(0.001 * (number % 7))
        await books.holds.settle(truth_of(request.orphan, number))
        spent_mc += number

    async def harm() -> None:
        for _ in range(40):
            await books.lose_account(ada)
            await asyncio.sleep(0.003)
            await books.write(ada)

    for round_number in range(5):
        calls = (call(round_number * 20 + number) for number in range(20))
        await asyncio.gather(*calls, harm() if round_number % 2 else asyncio.sleep(0))
    await books.write(ada)
    assert spent_mc == sum(range(100))
    assert await books.balance_mc(ada) == 100_000 - spent_mc
    await books.assert_at_rest(ada)


async def test_states_of_keys_are_rebuilt_too(books: Books) -> None:
    """A revoked key is not good again because Redis has lost it."""
    ada = await books.customer(100)
    await books.keys.revoke(ada.key_id)
    second = (await books.keys.create(ada.account_id, "second")).api_key
    await books.lose_account(ada)
    assert not await books.working_copy.key_is_active(ada.account_id, ada.key_id)
    assert await books.working_copy.key_is_active(ada.account_id, second.key_id)


@pytest.mark.parametrize("balance_mc", [-1, 0, 2**53 - 1, -(2**53 - 1)])
async def test_any_balance_is_rebuilt_as_it_is(books: Books, balance_mc: int) -> None:
    """Negative, nothing, and as large as the ledger has them."""
    ada = await books.customer(1)
    if balance_mc != 1:
        await books.post(ada.account_id, balance_mc - 1)
    await books.redis.flushall()
    assert await books.working_copy.balance(ada.account_id) == WorkingBalance(balance_mc, 0, 0)
    raw = await books.redis.hgetall(account_keys(ada.account_id).account)
    assert raw[b"available"] == str(balance_mc).encode()
