"""`rebuild`: Redis made anew out of the ledger, while calls are under way."""

import pytest

from ledger.errors import AccountUnknownError
from ledger.ids import new_id
from ledger.rebuilding import LedgerDamagedError, Rebuilder, Tidied
from ledger.redis_keys import account_keys
from ledger.working_copy import WorkingBalance
from tests.support.books import TTL_S, Books, call_of
from tests.support.records import truth_of


@pytest.fixture
def rebuilder(books: Books) -> Rebuilder:
    return Rebuilder(books.pipeline, books.pool, books.working_copy, ttl_s=TTL_S)


async def test_balances_that_are_off_are_put_right(books: Books, rebuilder: Rebuilder) -> None:
    """G9: and what was wrong is told."""
    ada = await books.customer(10_000)
    name = account_keys(ada.account_id).account
    for field, by in (("available", 7), ("held", -1), ("unwritten", 3)):
        await books.redis.hincrby(name, field, by)
    rebuilt = await rebuilder.rebuild(ada.account_id)
    assert {(one.what, one.expected, one.actual) for one in rebuilt.found} == {
        ("available in Redis", "10000", "10007"),
        ("held in Redis", "0", "-1"),
        ("unwritten in Redis", "0", "3"),
    }
    assert rebuilt.left == ()
    await books.assert_at_rest(ada)


async def test_calls_in_flight_keep_what_they_hold_and_are_charged_once(
    books: Books, rebuilder: Rebuilder
) -> None:
    """G4, G9: held, settled and not written, committed and not acknowledged."""
    ada = await books.customer(10_000)
    held = await books.held(ada, 300)
    settled = await books.held(ada, 300)
    await books.holds.settle(truth_of(settled.orphan, 120))
    rebuilt = await rebuilder.rebuild(ada.account_id)
    assert (rebuilt.found, rebuilt.left) == ((), ())
    assert await books.in_redis(ada) == WorkingBalance(9_580, 300, 120)

    entries = await books.stream.read(ada.partition, 10)
    await books.writer._commit(ada.partition, entries)
    assert (await rebuilder.rebuild(ada.account_id)).left == ()
    await books.stream.acknowledge(ada.partition, entries)
    assert await books.in_redis(ada) == WorkingBalance(9_580, 300, 0)

    await books.holds.settle(truth_of(held.orphan, 80))
    await books.write(ada)
    await books.assert_at_rest(ada)
    assert await books.balance_mc(ada) == 9_800


async def test_an_account_that_redis_has_lost_is_built(books: Books, rebuilder: Rebuilder) -> None:
    """G9: with the state of its keys."""
    ada = await books.customer(10_000)
    await books.lose_account(ada)
    rebuilt = await rebuilder.rebuild(ada.account_id)
    assert (rebuilt.before.is_there, rebuilt.after.available) == (False, "10000")
    assert await books.working_copy.key_is_active(ada.account_id, ada.key_id)


async def test_what_is_no_calls_is_taken_away(books: Books, rebuilder: Rebuilder) -> None:
    """G4: a hold whose call the ledger has, and a deadline of nothing."""
    ada = await books.customer(10_000)
    done = await books.held(ada, 300)
    await books.holds.settle(truth_of(done.orphan, 120))
    await books.write(ada)
    await books.holds.reserve(call_of(ada, 300, request_id=done.request_id))
    keys = account_keys(ada.account_id)
    await books.redis.zadd(keys.shared.deadlines, {f"{ada.account_id}/{new_id()}": 1e13})
    rebuilt = await rebuilder.rebuild(ada.account_id)
    assert {one.what for one in rebuilt.found} == {
        "hold of a call that is written",
        "deadline without a hold",
    }
    assert (rebuilt.left, rebuilt.tidied) == ((), Tidied(1, 0, 0))
    await books.assert_at_rest(ada)
    assert await books.redis.zcard(keys.shared.deadlines) == 0


async def test_a_hold_without_a_deadline_is_ended_by_the_sweeper(
    books: Books, rebuilder: Rebuilder
) -> None:
    """G4: and one that is too far away is brought nearer; a good one is left as it is."""
    ada = await books.customer(10_000)
    lost, far, good = [await books.held(ada, 300) for _ in range(3)]
    keys = account_keys(ada.account_id)
    names = [f"{ada.account_id}/{one.request_id}" for one in (lost, far, good)]
    before = await books.redis.zscore(keys.shared.deadlines, names[2])
    await books.redis.zrem(keys.shared.deadlines, names[0])
    await books.redis.zadd(keys.shared.deadlines, {names[1]: 1e14})
    rebuilt = await rebuilder.rebuild(ada.account_id)
    assert (rebuilt.left, rebuilt.tidied) == ((), Tidied(0, 1, 1))
    scores = [await books.redis.zscore(keys.shared.deadlines, name) for name in names]
    assert scores[0] == scores[1] >= scores[2] == before
    for request in (lost, far, good):
        assert await books.sweep(request)
    await books.write(ada)
    await books.assert_at_rest(ada)


async def test_a_damaged_ledger_is_not_copied(books: Books, rebuilder: Rebuilder) -> None:
    """G6: Redis keeps what it has, and it is said why."""
    ada = await books.customer(10_000)
    await books.execute(
        "update accounts set balance_mc = balance_mc + 1000 where id = $1", ada.account_id
    )
    with pytest.raises(LedgerDamagedError, match=r"leaves 10\.0 credits, the account says 11\.0"):
        await rebuilder.rebuild(ada.account_id)
    assert await books.in_redis(ada) == WorkingBalance(10_000, 0, 0)


async def test_all_accounts_are_found(books: Books, rebuilder: Rebuilder) -> None:
    """`--all`: in the order of their ids; one that does not exist is said to be unknown."""
    made = [(await books.customer(10)).account_id for _ in range(3)]
    found = [one async for one in rebuilder.all_accounts()]
    assert [one for one in found if one in made] == made
    for unknown in (new_id(), "nobody"):
        with pytest.raises(AccountUnknownError):
            await rebuilder.rebuild(unknown)
