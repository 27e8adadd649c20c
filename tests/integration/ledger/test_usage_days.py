"""Daily sums of usage: written with the rows that they are made of, and read."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from ledger.database import DatabaseUnavailableError, acquired, connect_pool
from ledger.ids import new_id
from ledger.spending import DaySpending, Spending
from ledger.writer import Writer
from tests.support.books import Books, Customer
from tests.support.records import truth_of

LONG_AGO = date(2000, 1, 1)


async def call(books: Books, whose: Customer, charge_mc: int, **changes: object) -> None:
    request = await books.held(whose, max(charge_mc, 1), **changes)
    await books.holds.settle(truth_of(request.orphan, charge_mc))


async def days_of(books: Books, whose: Customer) -> list[tuple[str, str, int, int]]:
    rows = await books.rows(
        "select * from usage_days where account_id = $1 order by day, model, key_id",
        whose.account_id,
    )
    return [(str(r["key_id"]), r["model"], r["calls"], r["charged_mc"]) for r in rows]


async def test_a_batch_is_summed_by_day_key_and_model(books: Books) -> None:
    """Days tie to the ledger exactly: they are written with the rows."""
    ada = await books.customer(1_000)
    second = await books.keys.create(ada.account_id, "second")
    await books.working_copy.apply_syncs(ada.account_id)
    other = Customer(ada.account_id, second.api_key.key_id, second.text)
    for charge_mc in (30, 5):
        await call(books, ada, charge_mc)
    await call(books, ada, 7, model="gpt-4o")
    await call(books, other, 0)
    await books.write(ada)
    await call(books, ada, 100)
    await books.write(ada)
    assert await days_of(books, ada) == [
        (ada.key_id, "gpt-4o", 1, 7),
        (ada.key_id, "gpt-4o-mini", 3, 135),
        (other.key_id, "gpt-4o-mini", 1, 0),
    ]
    total_mc = sum(charged_mc for *_, charged_mc in await days_of(books, ada))
    assert total_mc == -sum((await books.amounts_mc(ada))[1:])


async def test_an_estimate_and_its_late_truth_are_one_call(books: Books) -> None:
    """What is charged is what was posted: the truth, and its difference to the estimate."""
    ada = await books.customer(1_000)
    request = await books.held(ada, 100, orphan_mc=40)
    await books.sweep(request)
    await books.write(ada)
    assert await days_of(books, ada) == [(ada.key_id, "gpt-4o-mini", 1, 40)]
    await books.holds.settle(truth_of(request.orphan, 25))
    await books.write(ada)
    assert await days_of(books, ada) == [(ada.key_id, "gpt-4o-mini", 1, 25)]


async def test_a_batch_that_is_written_again_counts_once(books: Books) -> None:
    """G5: a writer dies after its commit, before it could acknowledge; the next one reads again."""
    ada = await books.customer(1_000)
    await call(books, ada, 30)
    entries = await books.stream.read(ada.partition, 10)
    await books.writer._commit(ada.partition, entries)
    await Writer(books.stream, books.pool, books.working_copy).write_partition(ada.partition)
    assert await days_of(books, ada) == [(ada.key_id, "gpt-4o-mini", 1, 30)]


async def test_the_newest_call_is_the_last_one_made_not_the_last_one_written(books: Books) -> None:
    """`last_at` is a call's own time, whatever the order of settling."""
    ada = await books.customer(1_000)
    for second in (30, 10, 20):
        await call(books, ada, 1, created_at_ms=1_790_000_000_000 + second * 1000)
        await books.write(ada)
    [row] = await books.rows("select * from usage_days where account_id = $1", ada.account_id)
    assert row["last_at"] == datetime.fromtimestamp(1_790_000_030, UTC)
    [key] = await books.keys.of_account(ada.account_id)
    assert (key.last_used_at, key.spent_this_month_mc) == (row["last_at"], 3)


async def test_writers_of_all_partitions_do_not_wait_for_each_other_in_vain(books: Books) -> None:
    """No deadlock: an account's days change under its lock, in one order."""
    customers = [await books.customer(1_000) for _ in range(6)]
    for number in range(30):
        await call(books, customers[number % 6], 1, model=f"model-{number % 4}")
    writers = [Writer(books.stream, books.pool, books.working_copy) for _ in range(2)]
    await asyncio.gather(
        *(one.write_partition(customer.partition) for customer in customers for one in writers)
    )
    for customer in customers:
        assert sum(calls for _, _, calls, _ in await days_of(books, customer)) == 5


async def test_a_recount_and_writers_do_not_wait_for_each_other_in_vain(
    books: Books, migration_database_url: str
) -> None:
    """The owner recounts while calls are written: no deadlock, and each row is counted once."""
    ada = await books.customer(100_000)
    owner = await asyncpg.connect(migration_database_url)

    async def recount() -> None:
        for _ in range(20):
            await owner.execute("select recount_usage_days('-infinity')")

    async def serve() -> None:
        for _ in range(40):
            await call(books, ada, 1)
            await books.write(ada)

    await asyncio.gather(recount(), serve())
    await owner.close()
    assert await days_of(books, ada) == [(ada.key_id, "gpt-4o-mini", 40, 40)]


async def plant(books: Books, whose: Customer, day: date, model: str, charged_mc: int) -> None:
    """A day of a key that is none of the customer's other ones."""
    await books.execute(
        "insert into usage_days values ($1, $2, $3, $4, 2, $5, now())",
        *(whose.account_id, day, new_id(), model, charged_mc),
    )


async def test_spending_is_by_day_and_model_oldest_first_over_all_keys(books: Books) -> None:
    """From a day on; nobody else's."""
    ada, bob = await books.customer(), await books.customer()
    spending = Spending(books.pool)
    first = date(2026, 3, 1)
    for whose, day, model, charged_mc in (
        (ada, first + timedelta(days=1), "gpt-4o", 7),
        (ada, first, "o3", 5),
        (ada, first, "gpt-4o", 1),
        (ada, first, "gpt-4o", -3),
        (ada, first - timedelta(days=1), "ancient", 1),
        (bob, first, "gpt-4o", 100),
    ):
        await plant(books, whose, day, model, charged_mc)
    assert await spending.by_day(ada.account_id, since=first) == [
        DaySpending(day=first, model="gpt-4o", calls=4, charged_mc=-2),
        DaySpending(day=first, model="o3", calls=2, charged_mc=5),
        DaySpending(day=first + timedelta(days=1), model="gpt-4o", calls=2, charged_mc=7),
    ]
    assert await spending.models(ada.account_id) == ["ancient", "gpt-4o", "o3"]
    assert await spending.models(bob.account_id) == ["gpt-4o"]
    assert await spending.models(new_id()) == []
    assert await spending.by_day(new_id(), since=LONG_AGO) == []


async def test_without_postgres_nobody_knows_what_was_spent() -> None:
    """G10: it is said, not guessed."""
    pool = await connect_pool("postgres://nobody@127.0.0.1:1/none", min_size=0, max_size=1)
    spending = Spending(pool)
    with pytest.raises(DatabaseUnavailableError):
        await spending.models(new_id())
    with pytest.raises(DatabaseUnavailableError):
        await spending.by_day(new_id(), since=LONG_AGO)
    await pool.close()


async def test_the_application_can_take_no_day_away(books: Books) -> None:
    """Sums may grow and be corrected; only the owner recounts them."""
    async with acquired(books.pool) as connection:
        for statement in (
            "delete from usage_days",
            "truncate usage_days",
            "select recount_usage_days('2026-01-01')",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
