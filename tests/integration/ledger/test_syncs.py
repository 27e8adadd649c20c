"""What Redis has not taken itself reaches it by number."""

import asyncio

import pytest

from ledger import redis_copy
from ledger.errors import KeyRevokedError
from ledger.ids import new_id
from ledger.redis_copy import RedisWorkingCopy
from ledger.redis_keys import account_keys
from ledger.scripts import load_script
from ledger.working_copy import WorkingBalance
from tests.support.books import Books, Customer, call_of
from tests.support.records import truth_of
from tests.support.rough_redis import NamedRedis


async def run_sync(books: Books, customer: Customer, *changes: object) -> int:
    """Changes as number and amount, and nothing of a key."""
    keys = account_keys(customer.account_id)
    arguments: list[object] = []
    for number, amount_mc in zip(changes[::2], changes[1::2], strict=True):
        arguments += [number, amount_mc, "", "", "", "", "202603"]
    names = (keys.account, keys.rebuild, keys.holds)
    return int(await books.pipeline.run(load_script("sync"), names, arguments))


async def applied(books: Books, customer: Customer) -> tuple[int, int]:
    """The last number that Redis has, and the last that Postgres knows it to have."""
    in_redis = await books.redis.hget(account_keys(customer.account_id).account, "sync")
    query = "select applied_sync_number from accounts where id = $1"
    return int(in_redis or -1), await books.value(query, customer.account_id)


async def test_a_number_is_applied_once_and_in_order(books: Books) -> None:
    """Section 4a, 5: twice is once; a gap waits for what is missing."""
    ada = await books.customer(100)
    _, at = await applied(books, ada)
    one, two, three = ((at + n, amount) for n, amount in ((1, 5), (2, -7), (3, 11)))
    assert await run_sync(books, ada, *one) == at + 1
    assert await run_sync(books, ada, *one) == at + 1
    assert await run_sync(books, ada, *three) == at + 1
    assert await books.in_redis(ada) == WorkingBalance(105, 0, 0)
    assert await run_sync(books, ada, *one, *two, *three) == at + 3
    assert await books.in_redis(ada) == WorkingBalance(109, 0, 0)


async def test_syncs_may_take_a_balance_below_zero_and_to_the_limit(books: Books) -> None:
    """Amounts are moved as they are written, whatever their sign and size."""
    ada = await books.customer(100)
    _, at = await applied(books, ada)
    await run_sync(books, ada, at + 1, -(2**53 - 1))
    assert await books.in_redis(ada) == WorkingBalance(100 - (2**53 - 1), 0, 0)
    await run_sync(books, ada, at + 2, 0, at + 3, 2**53 - 1)
    assert await books.in_redis(ada) == WorkingBalance(100, 0, 0)


async def test_grants_adjustments_and_keys_arrive_in_the_order_of_their_commits(
    books: Books,
) -> None:
    """All of them are numbered together, under the account's lock."""
    ada = await books.customer(100)
    second = (await books.keys.create(ada.account_id, "second")).api_key
    await books.post(ada.account_id, 50)
    await books.keys.revoke(ada.key_id)
    await books.post(ada.account_id, -120)
    await books.working_copy.apply_syncs(ada.account_id)
    assert await books.in_redis(ada) == WorkingBalance(30, 0, 0)
    in_redis, known = await applied(books, ada)
    assert in_redis == known
    with pytest.raises(KeyRevokedError):
        await books.holds.reserve(call_of(ada, 10))
    assert await books.holds.reserve(call_of(Customer(ada.account_id, second.key_id, ""), 30)) == 30


async def test_many_at_once_apply_each_number_once(books: Books) -> None:
    """Workers, operators and the writer all tell Redis of the same changes."""
    ada = await books.customer(100)
    for _ in range(5):
        await books.post(ada.account_id, 10)
    await asyncio.gather(*(books.working_copy.apply_syncs(ada.account_id) for _ in range(20)))
    assert await books.in_redis(ada) == WorkingBalance(150, 0, 0)


async def test_more_than_fit_into_one_message_are_all_applied(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that was made after many syncs is found nevertheless."""
    monkeypatch.setattr(redis_copy, "SYNCS_AT_ONCE", 3)
    ada = await books.customer(100)
    for _ in range(7):
        await books.post(ada.account_id, 10)
    second = (await books.keys.create(ada.account_id, "second")).api_key
    assert await books.working_copy.learn_key(ada.account_id, second.key_id)
    assert await books.in_redis(ada) == WorkingBalance(170, 0, 0)


async def test_an_account_that_redis_lost_has_all_syncs_behind_it(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is rebuilt with them; Postgres does not go on offering them."""
    monkeypatch.setattr(redis_copy, "SYNCS_AT_ONCE", 3)
    ada = await books.customer(100)
    for _ in range(7):
        await books.post(ada.account_id, 10)
    await books.lose_account(ada)
    await books.working_copy.apply_syncs(ada.account_id)
    assert await books.in_redis(ada) is None
    query = "select last_sync_number - applied_sync_number from accounts where id = $1"
    assert await books.value(query, ada.account_id) == 0
    await books.assert_at_rest(ada)


async def test_of_an_account_that_nobody_has_nothing_is_applied(books: Books) -> None:
    """A record may name one; it is rejected elsewhere."""
    nobody = Customer(new_id(), new_id(), "")
    await books.working_copy.apply_syncs(nobody.account_id)
    assert await books.in_redis(nobody) is None


async def test_what_the_writer_posts_otherwise_than_redis_took_is_told_by_it(books: Books) -> None:
    """Section 4a, 4: the difference gets the account's next sync number, and arrives."""
    ada = await books.customer(100)
    request = await books.held(ada, 60, orphan_mc=30)
    await books.sweep(request)
    await books.holds.settle(truth_of(request.orphan, 50))
    _, before = await applied(books, ada)
    await books.write(ada)
    assert await applied(books, ada) == (before + 1, before + 1)
    await books.assert_at_rest(ada)


async def test_a_sync_that_arrives_amid_a_rebuild_makes_it_begin_again(books: Books) -> None:
    """The rebuild may have read Postgres before the change was committed."""
    ada = await books.customer(100)
    await books.lose_account(ada)
    draft = await books.working_copy._begin_rebuild(ada.account_id)
    await books.post(ada.account_id, 10)
    await books.working_copy.apply_syncs(ada.account_id)
    assert not await books.working_copy._finish_rebuild(ada.account_id, draft)
    await books.assert_at_rest(ada)
    assert await books.in_redis(ada) == WorkingBalance(110, 0, 0)


async def test_what_a_replica_has_missed_is_told_again_when_it_takes_over(books: Books) -> None:
    """A payment is not lost to a failover, although no later sync would show the gap."""
    redis = NamedRedis(books.pipeline)
    writers_copy = RedisWorkingCopy(redis, books.pool)
    ada, bob = await books.customer(100), await books.customer(100)
    await writers_copy.apply_all_syncs()
    old = {name: await books.redis.dump(name) for name in await books.redis.keys("*")}
    await books.post(ada.account_id, 50)
    await writers_copy.apply_all_syncs()
    assert await books.in_redis(ada) == WorkingBalance(150, 0, 0)
    for name, value in old.items():
        await books.redis.restore(name, 0, value, replace=True)
    await writers_copy.apply_all_syncs()
    assert await books.in_redis(ada) == WorkingBalance(100, 0, 0)
    redis.run_id = "the replica"
    await writers_copy.apply_all_syncs()
    for customer in (ada, bob):
        await books.assert_at_rest(customer)
    assert await books.in_redis(ada) == WorkingBalance(150, 0, 0)
