"""Settling and releasing holds."""

import asyncio

import pytest

from ledger.holds import Settled
from ledger.redis_keys import account_keys
from ledger.stream_entry import UNDELIVERED
from ledger.working_copy import WorkingBalance
from tests.support.books import Books, call_of
from tests.support.records import truth_of


async def test_a_hold_becomes_its_charge_and_the_rest_is_available_again(books: Books) -> None:
    """Section 4a, 2: available += ceiling - charge, a tombstone, a record as taken."""
    ada = await books.customer(100)
    request = await books.held(ada, 60)
    settled = await books.holds.settle(truth_of(request.orphan, 25))
    assert settled == Settled("taken", 1, 75)
    assert await books.in_redis(ada) == WorkingBalance(75, 0, 25)
    assert await books.filed(ada) == {request.request_id: "T settled 25 1"}
    (entry,) = await books.stream.read(ada.partition, 10)
    assert (entry.number, entry.kind, entry.taken_mc, entry.held_mc) == (1, "settled", 25, 60)
    shared = account_keys(ada.account_id).shared
    assert await books.redis.zcard(shared.deadlines) == 0


@pytest.mark.parametrize("charge_mc", [0, 1, 60, 61, 500])
async def test_g4_repeated_as_often_as_one_likes_a_settlement_is_taken_once(
    books: Books, charge_mc: int
) -> None:
    """G4: free, exact and dearer than its hold (recorded, not refused): once, same answer."""
    ada = await books.customer(100)
    request = await books.held(ada, 60)
    record = truth_of(request.orphan, charge_mc)
    first, *others = [await books.holds.settle(record) for _ in range(3)]
    assert first == Settled("taken", 1, 100 - charge_mc)
    assert others == [Settled("repeated", 1, 100 - charge_mc)] * 2
    assert await books.in_redis(ada) == WorkingBalance(100 - charge_mc, 0, charge_mc)
    assert await books.waiting(ada) == 1
    await books.write(ada)
    late = await books.holds.settle(record)
    assert (late.outcome, late.balance_mc) == ("late", 100 - charge_mc)
    await books.write(ada)
    await books.assert_at_rest(ada)
    assert await books.usage(request) == {"settled": (charge_mc, charge_mc)}


async def test_a_release_gives_everything_back_and_leaves_a_row(books: Books) -> None:
    """A release is a settlement of 0: a failed call has its usage row too."""
    ada = await books.customer(100)
    request = await books.held(ada, 60)
    await books.holds.settle(truth_of(request.orphan, 0, status="failed", basis="none"))
    assert await books.in_redis(ada) == WorkingBalance(100, 0, 0)
    await books.write(ada)
    assert await books.usage(request) == {"settled": (0, 0)}
    assert await books.amounts_mc(ada) == [100]
    await books.assert_at_rest(ada)


@pytest.mark.parametrize("truth_mc", [0, 12, 30, 45])
@pytest.mark.parametrize("is_written_between", [False, True])
async def test_a_settlement_after_the_sweep_touches_no_balance_and_is_made_right_in_the_ledger(
    books: Books, truth_mc: int, is_written_between: bool
) -> None:
    """G4: the orphan's charge stands until the truth is written; then the difference is posted."""
    ada = await books.customer(100)
    request = await books.held(ada, 60, orphan_mc=30)
    assert await books.sweep(request)
    if is_written_between:
        await books.write(ada)
    late = await books.holds.settle(truth_of(request.orphan, truth_mc))
    assert (late.outcome, late.balance_mc) == ("late", 70)
    await books.write(ada)
    assert await books.usage(request) == {
        "orphan": (30, 30),
        "settled": (truth_mc, truth_mc - 30),
    }
    correction = [30 - truth_mc] if truth_mc != 30 else []
    assert await books.amounts_mc(ada) == [100, -30, *correction]
    assert await books.balance_mc(ada) == 100 - truth_mc
    await books.assert_at_rest(ada)


async def test_a_settlement_of_a_lost_hold_is_posted_and_told_to_redis(books: Books) -> None:
    """Whatever Redis has not taken reaches it by sync number."""
    ada = await books.customer(100)
    request = await books.held(ada, 60)
    await books.redis.flushall()
    settled = await books.holds.settle(truth_of(request.orphan, 25))
    assert settled == Settled("late", 1, None)
    assert await books.in_redis(ada) is None
    await books.working_copy.ensure(ada.account_id)
    assert await books.in_redis(ada) == WorkingBalance(100, 0, 0)
    await books.write(ada)
    assert await books.in_redis(ada) == WorkingBalance(75, 0, 0)
    await books.assert_at_rest(ada)


async def test_a_settlement_while_the_account_is_lost_is_in_the_rebuilt_balance(
    books: Books,
) -> None:
    """Hold and tombstone outlive the account; the rebuild counts them."""
    ada = await books.customer(100)
    first, second = await books.held(ada, 30), await books.held(ada, 30)
    await books.lose_account(ada)
    settled = await books.holds.settle(truth_of(first.orphan, 10))
    assert settled == Settled("taken", 1, None)
    assert await books.in_redis(ada) is None
    await books.working_copy.ensure(ada.account_id)
    assert await books.in_redis(ada) == WorkingBalance(60, 30, 10)
    await books.holds.settle(truth_of(second.orphan, 10))
    await books.write(ada)
    assert await books.in_redis(ada) == WorkingBalance(80, 0, 0)
    await books.assert_at_rest(ada)


async def test_an_undelivered_charge_stands_and_is_listed_once(books: Books) -> None:
    """Section 3, 7: the charge stands, marked `undelivered`, listed for a refund."""
    ada = await books.customer(100)
    request = await books.held(ada, 60)
    record = truth_of(request.orphan, 25)
    for _ in range(3):
        await books.holds.settle(record, undelivered=True)
    kinds = [entry.kind for entry in await books.stream.read(ada.partition, 10)]
    assert kinds == ["settled", *[UNDELIVERED] * 3]
    assert await books.in_redis(ada) == WorkingBalance(75, 0, 25)
    await books.write(ada)
    alerts = await books.rows(
        "select kind, request_id::text, amount_mc from alerts where account_id = $1", ada.account_id
    )
    assert [tuple(alert) for alert in alerts] == [("undelivered", request.request_id, 25)]
    await books.assert_at_rest(ada)


async def test_a_charge_that_no_double_can_carry_is_taken_exactly(books: Books) -> None:
    """Amounts are moved by HINCRBY as they are written: no rounding on the way, none after it."""
    ada = await books.customer(100)
    request = await books.held(ada, 60)
    absurd_mc = 2**53 + 1
    await books.holds.settle(truth_of(request.orphan, absurd_mc))
    assert await books.in_redis(ada) == WorkingBalance(100 - absurd_mc, 0, absurd_mc)


async def test_g4_settle_release_and_sweep_at_once_take_once(books: Books) -> None:
    """G4: the race of settle against expiry: exactly one of them takes, in any order."""
    ada = await books.customer(10_000)
    takers = {"settled": 0, "orphan": 0}
    for number in range(150):
        request = await books.held(ada, 60, orphan_mc=7)
        await books.overdue(request)
        ends = [
            books.holds.settle(truth_of(request.orphan, 5)),
            books.holds.sweep(request.account_id, request.request_id),
            books.holds.settle(truth_of(request.orphan, 5)),
        ]
        await asyncio.gather(*(ends[(number + turn) % 3] for turn in range(3)))
        kind = (await books.filed(ada))[request.request_id].split()[1]
        takers[kind] += 1
    assert min(takers.values()) > 0
    taken_mc = takers["settled"] * 5 + takers["orphan"] * 7
    assert await books.in_redis(ada) == WorkingBalance(10_000 - taken_mc, 0, taken_mc)
    await books.write(ada)
    assert await books.balance_mc(ada) == 10_000 - 150 * 5
    await books.assert_at_rest(ada)


async def test_a_script_that_redis_has_forgotten_is_loaded_again(books: Books) -> None:
    """The script cache is gone after a restart."""
    ada = await books.customer(100)
    await books.redis.script_flush()
    request = await books.held(ada, 60)
    await books.redis.script_flush()
    await asyncio.gather(
        books.holds.settle(truth_of(request.orphan, 25)), books.holds.reserve(call_of(ada, 10))
    )
    assert await books.in_redis(ada) == WorkingBalance(65, 10, 25)


async def test_if_the_record_cannot_be_filed_nothing_else_has_happened(books: Books) -> None:
    """A script is not undone when it fails half way: what can fail comes first."""
    ada = await books.customer(100)
    request = await books.held(ada, 60)
    keys = account_keys(ada.account_id)
    await books.redis.set(keys.shared.settlements, "not a stream")
    with pytest.raises(Exception, match="WRONGTYPE"):
        await books.holds.settle(truth_of(request.orphan, 25))
    assert await books.in_redis(ada) == WorkingBalance(40, 60, 0)
    await books.redis.delete(keys.shared.settlements)
    settled = await books.holds.settle(truth_of(request.orphan, 25))
    assert (settled.outcome, settled.balance_mc) == ("taken", 75)
