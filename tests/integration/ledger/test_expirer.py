"""Credits that expire: taken in Redis first, then written, at most once and never from a call."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ledger.chart import EXPIRED_REVENUE, PAYMENTS, PROMOTION
from ledger.database import acquired
from ledger.errors import NotEnoughCreditsError
from ledger.expirer import Expirer
from ledger.lot_store import read_lots
from ledger.lots import Lots
from ledger.redis_keys import account_keys
from ledger.working_copy import WorkingBalance
from tests.support.books import Books, Customer
from tests.support.records import truth_of

TOMORROW = datetime.now(UTC) + timedelta(days=1)
LATER = TOMORROW + timedelta(days=1)
MUCH_LATER = TOMORROW + timedelta(days=9)


@pytest.fixture(autouse=True)
async def _no_other_lots(books: Books) -> None:
    """What another test has left open does not expire in this one."""
    await books.execute("update credit_lots set remaining_mc = 0")


async def lots_of(books: Books, customer: Customer) -> Lots:
    """What is left of each lot by now."""
    async with acquired(books.pool) as connection:
        return (await read_lots(connection, [customer.account_id]))[customer.account_id]


async def remaining_mc(books: Books, customer: Customer) -> list[int]:
    return [lot.remaining_mc for lot in await lots_of(books, customer)]


async def use(books: Books, customer: Customer, charge_mc: int) -> None:
    """A call from its hold to its entry."""
    request = await books.held(customer, charge_mc)
    await books.holds.settle(truth_of(request.orphan, charge_mc))
    await books.write(customer)


async def entries(books: Books, customer: Customer) -> list[tuple[str, int, str]]:
    rows = await books.rows(
        "select entry_type, amount_mc, counter_account from ledger_entries"
        " where account_id = $1 order by sequence",
        customer.account_id,
    )
    return [tuple(row) for row in rows]


async def funded(books: Books, *lots: tuple[int, datetime | None], **changes: object) -> Customer:
    """An account with grants that expire, or do not."""
    customer = await books.customer()
    for amount_mc, expires_at in lots:
        await books.post(
            customer.account_id, amount_mc, tell=True, expires_at=expires_at, **changes
        )
    return customer


async def test_what_expires_first_is_used_first_and_the_rest_leaves(books: Books) -> None:
    """Unused credits leave by an expiry entry, in the ledger and in Redis; others stay."""
    ada = await funded(books, (100, LATER), (50, TOMORROW), (1_000, None))
    await use(books, ada, 70)
    assert await remaining_mc(books, ada) == [0, 80]
    assert await books.expirer.expire(TOMORROW) == 0
    assert await books.expirer.expire(LATER) == 1
    assert await books.in_redis(ada) == WorkingBalance(1_000, 0, 80)
    await books.write(ada)
    await books.assert_at_rest(ada)
    assert (await entries(books, ada))[-1] == ("expiry", -80, PROMOTION)
    assert await books.balance_mc(ada) == 1_000
    assert await lots_of(books, ada) == ()
    assert await books.expirer.expire(MUCH_LATER) == 0


async def test_purchased_credits_that_expire_are_earned(books: Books) -> None:
    """The counter account of a purchase's expiry is revenue."""
    ada = await funded(books, (50, TOMORROW), entry_type="purchase", counter_account=PAYMENTS)
    assert await books.expirer.expire(TOMORROW) == 1
    await books.write(ada)
    assert await entries(books, ada) == [
        ("purchase", 50, PAYMENTS),
        ("expiry", -50, EXPIRED_REVENUE),
    ]


async def test_several_lots_expire_in_one_round(books: Books) -> None:
    """What is taken for one lot is not taken for use of the next."""
    ada = await funded(books, (30, TOMORROW), (20, TOMORROW), (50, LATER), (5, None))
    assert await books.expirer.expire(LATER) == 3
    await books.write(ada)
    assert await books.amounts_mc(ada) == [30, 20, 50, 5, -30, -20, -50]
    await books.assert_at_rest(ada)


async def test_what_a_call_holds_is_not_taken_and_what_it_gives_back_leaves_later(
    books: Books,
) -> None:
    """A hold is a promise: the lot stays open until the call has ended."""
    ada = await funded(books, (100, TOMORROW))
    request = await books.held(ada, 60)
    assert await books.expirer.expire(TOMORROW) == 1
    await books.write(ada)
    assert await books.in_redis(ada) == WorkingBalance(0, 60, 0)
    assert await books.expirer.expire(TOMORROW) == 0
    await books.holds.settle(truth_of(request.orphan, 25))
    assert await books.expirer.expire(TOMORROW) == 1
    await books.write(ada)
    assert await books.amounts_mc(ada) == [100, -40, -25, -35]
    await books.assert_at_rest(ada)


async def test_charges_that_are_not_written_yet_use_the_lot_before_it_expires(
    books: Books,
) -> None:
    """The stream's order decides; nothing is taken of the permanent credits meanwhile."""
    ada = await funded(books, (100, TOMORROW), (1_000, None))
    request = await books.held(ada, 70)
    await books.holds.settle(truth_of(request.orphan, 70))
    assert await books.expirer.expire(TOMORROW) == 1
    assert await books.in_redis(ada) == WorkingBalance(1_000, 0, 100)
    await books.write(ada)
    assert await books.amounts_mc(ada) == [100, 1_000, -70, -30]
    await books.assert_at_rest(ada)


async def test_what_was_taken_of_a_lot_that_is_used_up_by_then_is_given_back(
    books: Books,
) -> None:
    """min(taken, what is left of the lot), the rest by sync: an adjustment came in between."""
    ada = await funded(books, (100, TOMORROW), (1_000, None))
    assert await books.expirer.expire(TOMORROW) == 1
    await books.post(ada.account_id, -80, tell=True)
    await books.write(ada)
    assert await books.amounts_mc(ada) == [100, 1_000, -80, -20]
    [expiry] = await books.rows(
        "select taken_mc, posted_mc from expiries where account_id = $1", ada.account_id
    )
    assert tuple(expiry) == (100, 20)
    await books.assert_at_rest(ada)


async def test_an_expiry_that_comes_to_nothing_is_remembered(books: Books) -> None:
    """Its id is known also where 0 was posted, so that a rebuild does not wait for it."""
    ada = await funded(books, (100, TOMORROW), (1_000, None))
    await books.expirer.expire(TOMORROW)
    await books.post(ada.account_id, -100, tell=True)
    await books.writer._commit(ada.partition, await books.stream.read(ada.partition, 10))
    await books.lose_account(ada)
    await books.working_copy.ensure(ada.account_id)
    assert await books.in_redis(ada) == WorkingBalance(1_000, 0, 0)
    await books.write(ada)
    await books.assert_at_rest(ada)
    assert await books.amounts_mc(ada) == [100, 1_000, -100]


async def test_g5_a_writer_that_dies_between_commit_and_acknowledge_posts_once(
    books: Books,
) -> None:
    """G5: the next one reads the record again, and takes it for nothing else."""
    ada = await funded(books, (100, TOMORROW))
    await books.expirer.expire(TOMORROW)
    batch = await books.writer._commit(ada.partition, await books.stream.read(ada.partition, 10))
    assert not batch.is_set_back
    again = await books.writer._commit(ada.partition, await books.stream.read(ada.partition, 10))
    assert not again.is_set_back
    assert (again.entry_rows, again.expiry_rows, again.sync_rows) == ([], [], [])
    await books.write(ada)
    assert await books.amounts_mc(ada) == [100, -100]
    await books.assert_at_rest(ada)


async def test_g5_a_round_that_got_no_answer_is_repeated_without_harm(books: Books) -> None:
    """G5: it was taken, the writer process died; the next round takes nothing more."""
    ada = await funded(books, (100, TOMORROW), (1_000, None))
    assert await books.expirer.expire(TOMORROW) == 1
    assert await books.expirer.expire(TOMORROW) == 0
    reborn = Expirer(books.pipeline, books.pool, books.working_copy)
    assert await reborn.expire(TOMORROW) == 0
    await books.write(ada)
    assert await reborn.expire(TOMORROW) == 0
    assert await books.amounts_mc(ada) == [100, 1_000, -100]
    await books.assert_at_rest(ada)


async def test_g5_a_try_that_arrives_late_is_given_back(books: Books) -> None:
    """G5: the ledger was read, the lot expired by another's try, and only then this one arrives."""
    ada = await funded(books, (100, TOMORROW), (1_000, None))
    [lot] = await lots_of(books, ada)
    await books.expirer.expire(TOMORROW)
    await books.write(ada)
    assert await books.expirer._take(ada.account_id, lot, 0) == 100
    assert await books.in_redis(ada) == WorkingBalance(900, 0, 100)
    await books.write(ada)
    assert await books.amounts_mc(ada) == [100, 1_000, -100]
    await books.assert_at_rest(ada)


@pytest.mark.parametrize("is_written", [False, True])
async def test_g5_an_account_that_redis_loses_amid_its_expiry_is_rebuilt_exactly(
    books: Books, is_written: bool
) -> None:
    """G5: the tombstone counts until its id is among the expiries."""
    ada = await funded(books, (100, TOMORROW), (1_000, None))
    await books.expirer.expire(TOMORROW)
    if is_written:
        await books.writer._commit(ada.partition, await books.stream.read(ada.partition, 10))
    await books.lose_account(ada)
    await books.working_copy.ensure(ada.account_id)
    assert await books.in_redis(ada) == WorkingBalance(1_000, 0, 0 if is_written else 100)
    await books.write(ada)
    await books.assert_at_rest(ada)
    assert await books.amounts_mc(ada) == [100, 1_000, -100]


async def test_g5_a_redis_that_lost_everything_is_asked_again(books: Books) -> None:
    """G5: what was taken and not written is forgotten; the lot is still due."""
    ada = await funded(books, (100, TOMORROW), (1_000, None))
    await books.expirer.expire(TOMORROW)
    await books.redis.flushall()
    assert await books.write(ada) == 0
    assert await books.expirer.expire(TOMORROW) == 1
    await books.write(ada)
    await books.assert_at_rest(ada)
    assert await books.amounts_mc(ada) == [100, 1_000, -100]


async def test_an_expiry_takes_the_token_of_a_rebuild_away(books: Books) -> None:
    """Section 4a, 6: what a rebuild has read before is old."""
    ada = await funded(books, (100, TOMORROW))
    await books.lose_account(ada)
    draft = await books.working_copy._begin_rebuild(ada.account_id)
    assert draft is not None
    await books.working_copy.ensure(ada.account_id)
    await books.expirer.expire(TOMORROW)
    await books.lose_account(ada)
    assert not await books.working_copy._finish_rebuild(ada.account_id, draft)
    await books.redis.delete(account_keys(ada.account_id).rebuild)
    await books.write(ada)
    await books.assert_at_rest(ada)


async def test_g1_an_expiry_and_many_calls_at_once_never_take_the_same_credits(
    books: Books,
) -> None:
    """G1: credits are held, or expire, not both."""
    ada = await funded(books, (500, TOMORROW))

    async def call() -> int:
        try:
            request = await books.held(ada, 10)
        except NotEnoughCreditsError:
            return 0
        await books.holds.settle(truth_of(request.orphan, 10))
        return 10

    calls = [asyncio.create_task(call()) for _ in range(25)]
    rounds = [asyncio.create_task(books.expirer.expire(TOMORROW)) for _ in range(3)]
    calls += [asyncio.create_task(call()) for _ in range(25)]
    used_mc = sum(await asyncio.gather(*calls))
    await asyncio.gather(*rounds)
    await books.write(ada)
    while await books.expirer.expire(TOMORROW):
        await books.write(ada)
    expired_mc = await books.value(
        "select coalesce(sum(posted_mc), 0)::bigint from expiries where account_id = $1",
        ada.account_id,
    )
    assert used_mc + expired_mc == 500
    assert await books.balance_mc(ada) == 0
    await books.assert_at_rest(ada)


async def test_a_grant_to_an_account_in_debt_pays_the_debt_first(books: Books) -> None:
    """Only what is left after the debt can expire."""
    ada = await books.customer(100)
    await books.post(ada.account_id, -160, entry_type="refund")
    await books.post(ada.account_id, 100, tell=True, expires_at=TOMORROW)
    assert await remaining_mc(books, ada) == [40]
    await books.expirer.expire(TOMORROW)
    await books.write(ada)
    assert await books.balance_mc(ada) == 0
    await books.assert_at_rest(ada)


async def test_taking_back_a_grant_takes_its_own_lot_first(books: Books) -> None:
    """A correction that names a grant is no use of another one."""
    ada = await funded(books, (50, TOMORROW))
    wrong = await books.post(ada.account_id, 100, tell=True, expires_at=LATER)
    await books.post(ada.account_id, -100, tell=True, corrects=wrong.entry_id)
    assert [lot.expires_at for lot in await lots_of(books, ada) if lot.remaining_mc] == [TOMORROW]


async def test_taking_back_what_never_expires_leaves_the_lots_alone(books: Books) -> None:
    """As far as the permanent credits go; what they lack, the lots pay."""
    ada = await funded(books, (50, TOMORROW))
    wrong = await books.post(ada.account_id, 100, tell=True)
    await books.post(ada.account_id, -80, tell=True, corrects=wrong.entry_id)
    assert await remaining_mc(books, ada) == [50]
    await use(books, ada, 30)
    await books.post(ada.account_id, -20, tell=True, corrects=wrong.entry_id)
    assert await remaining_mc(books, ada) == [20]
    await books.post(ada.account_id, -20, tell=True, entry_type="refund")
    assert await remaining_mc(books, ada) == []
    await books.assert_at_rest(ada)


async def test_a_lot_that_cannot_be_taken_now_keeps_no_other_waiting(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Due lots are walked to their end, however many there are at a time."""
    monkeypatch.setattr("ledger.expirer.AT_ONCE", 2)
    stuck = [await funded(books, (10, TOMORROW)) for _ in range(3)]
    for customer in stuck:
        await books.held(customer, 10)
    free = [await funded(books, (10, LATER)) for _ in range(3)]
    assert await books.expirer.expire(LATER) == 3
    for customer in free:
        await books.write(customer)
        assert await books.balance_mc(customer) == 0


async def test_lots_that_calls_have_used_up_are_closed_without_an_entry(books: Books) -> None:
    """Nothing is left to expire; the next round does not look at them again."""
    ada = await funded(books, (100, TOMORROW), (1_000, None))
    await use(books, ada, 100)
    assert await books.expirer.expire(TOMORROW) == 0
    still_open = "select count(*) from credit_lots where account_id = $1 and remaining_mc > 0"
    assert await books.value(still_open, ada.account_id) == 0
    assert await books.waiting(ada) == 0
