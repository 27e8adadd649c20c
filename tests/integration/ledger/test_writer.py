"""Writing settlements into the ledger."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from config.rates import MILLIONTHS, Rate
from ledger.database import DatabaseUnavailableError
from ledger.pipeline import open_pipeline
from ledger.redis_copy import RedisWorkingCopy
from ledger.stream import SettlementStream
from ledger.stream_entry import StreamEntry
from ledger.working_copy import WorkingBalance
from ledger.writer import BATCH_SIZE, Writer
from pricing.charge import charge_mc
from tests.support.books import Books, Customer, call_of
from tests.support.records import truth_of


class DeadWriterError(Exception):
    """A writer was killed here."""


class DeafStream(SettlementStream):
    """A stream whose writer dies after the commit, before it acknowledges."""

    async def acknowledge(self, partition: int, entries: Sequence[StreamEntry]) -> None:
        raise DeadWriterError


async def settled(books: Books, customer: Customer, charges_mc: Sequence[int]) -> None:
    """Calls that were held and settled, many at once."""
    requests = [call_of(customer, 100) for _ in charges_mc]
    await asyncio.gather(*(books.holds.reserve(request) for request in requests))
    await asyncio.gather(
        *(
            books.holds.settle(truth_of(request.orphan, charge))
            for request, charge in zip(requests, charges_mc, strict=True)
        )
    )


async def position(books: Books, partition: int) -> int:
    query = "select last_number from stream_positions where redis_partition = $1"
    return int(await books.value(query, partition))


async def test_more_than_a_batch_of_several_accounts_is_written_in_order(books: Books) -> None:
    """Every call has its entry; each account's are one chain that ends at its balance."""
    ada = await books.customer(100_000)
    customers = [ada, *[await books.customer(100_000, ada.partition) for _ in range(3)]]
    count = BATCH_SIZE // 2 + 10
    await asyncio.gather(*(settled(books, one, range(1, count + 1)) for one in customers))
    assert await books.write(ada) == 4 * count > 2 * BATCH_SIZE - 100
    spent_mc = count * (count + 1) // 2
    for customer in customers:
        entries = await books.rows(
            "select sequence, amount_mc, balance_before_mc, balance_after_mc, posted_at, ref"
            " from ledger_entries where account_id = $1 order by posted_at, id",
            customer.account_id,
        )
        assert [entry["sequence"] for entry in entries] == list(range(1, count + 2))
        afters = [entry["balance_after_mc"] for entry in entries]
        assert [entry["balance_before_mc"] for entry in entries] == [0, *afters[:-1]]
        assert sorted(-entry["amount_mc"] for entry in entries[1:]) == list(range(1, count + 1))
        assert afters[-1] == await books.balance_mc(customer) == 100_000 - spent_mc
        await books.assert_at_rest(customer)
    assert await position(books, ada.partition) == 4 * count
    assert await books.waiting(ada) == 0


async def test_g5_a_writer_that_dies_before_it_acknowledges_writes_nothing_twice(
    books: Books,
) -> None:
    """G5: what is committed and still in the stream is read again, and found to be written."""
    ada = await books.customer(1_000)
    await settled(books, ada, [1, 2, 3])
    dying = Writer(DeafStream(books.pipeline), books.pool, books.working_copy)
    for _ in range(2):
        with pytest.raises(DeadWriterError):
            await dying.write_partition(ada.partition)
    assert await books.amounts_mc(ada) == [1_000, -1, -2, -3]
    assert await books.in_redis(ada) == WorkingBalance(994, 0, 6)
    await settled(books, ada, [4])
    assert await books.write(ada) == 4
    assert await books.amounts_mc(ada) == [1_000, -1, -2, -3, -4]
    await books.assert_at_rest(ada)


async def test_g5_a_batch_that_is_not_committed_is_not_acknowledged(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G5: Postgres goes away in the middle of the transaction: all of it or nothing."""
    ada = await books.customer(1_000)
    await settled(books, ada, [1, 2, 3])
    with monkeypatch.context() as patched:

        async def lost(*_: object) -> None:
            raise ConnectionResetError

        patched.setattr("ledger.writer._update_accounts", lost)
        with pytest.raises(DatabaseUnavailableError):
            await books.write(ada)
    assert await books.amounts_mc(ada) == [1_000]
    assert await books.waiting(ada) == 3
    assert await books.write(ada) == 3
    await books.assert_at_rest(ada)


async def test_two_writers_at_once_write_each_record_once(books: Books, redis_url: str) -> None:
    """Section 4a, 4: the partition's row is a lock; the second finds all of it written."""
    ada = await books.customer(100_000)
    async with open_pipeline(redis_url) as pipeline:
        copy = RedisWorkingCopy(pipeline, books.pool)
        other = Writer(SettlementStream(pipeline), books.pool, copy)
        for round_number in range(5):
            await settled(books, ada, [1] * 50)
            writing = [
                writer.write_partition(ada.partition) for writer in (books.writer, other) * 2
            ]
            await asyncio.gather(*writing)
            assert await books.balance_mc(ada) == 100_000 - 50 * (round_number + 1)
    assert await position(books, ada.partition) == 250
    assert await books.in_redis(ada) == WorkingBalance(99_750, 0, 0)  # and was never dropped
    await books.assert_at_rest(ada)


async def test_grants_and_writers_at_once_keep_the_chain(books: Books) -> None:
    """G6: entries of people and of the writer take the same lock."""
    ada = await books.customer(10_000)
    await settled(books, ada, [1] * 100)
    grants = [books.post(ada.account_id, 7) for _ in range(20)]
    await asyncio.gather(*grants, books.write(ada))
    await books.working_copy.apply_syncs(ada.account_id)
    assert await books.balance_mc(ada) == 10_000 - 100 + 140
    await books.assert_at_rest(ada)


async def test_g8_from_every_row_its_charge_can_be_computed_again(books: Books) -> None:
    """G8: a row keeps units and rates as they were applied: truths, orphans, clamped orphans."""
    ada = await books.customer(1_000)
    texts = {"input": "0.333333", "cached_input": "0.1", "output": "2.5"}
    rates = {name: Rate(text, millionths(text)) for name, text in texts.items()}
    units = {"input": 100, "cached_input": 50, "output": 33}
    for rounding in ("millicredit", "credit"):
        charge = charge_mc(units, rates, rounding)
        applied = {"units": units, "rates": rates, "rounding": rounding}
        for held_mc in (20, 120):
            await books.sweep(await books.held(ada, held_mc, orphan_mc=charge, **applied))
        dear = await books.held(ada, 50, **applied)
        await books.holds.settle(truth_of(dear.orphan, charge, **applied))
    await books.write(ada)
    rows = await books.rows("select * from usage_records where account_id = $1", ada.account_id)
    for row in rows:
        table = {name: Rate(text, millionths(text)) for name, text in read(row["rates"]).items()}
        charge = charge_mc(read(row["units"]), table, row["rounding"])
        assert charge == row["charge_mc"] == row["posted_mc"]
    assert sorted(row["charge_mc"] for row in rows) == [0, 0, 20, 119, 121, 1_000]
    await books.assert_at_rest(ada)


def read(text: str) -> dict[str, Any]:
    found = msgspec.json.decode(text)
    assert isinstance(found, dict)
    return found


def millionths(text: str) -> int:
    return int(Decimal(text) * MILLIONTHS)


async def test_a_redis_that_was_set_back_is_rebuilt_from_the_ledger(books: Books) -> None:
    """Section 4a, 8: a replica that lags took over: numbers come back with something new."""
    ada = await books.customer(1_000)
    bob = await books.customer(1_000, ada.partition)
    await settled(books, ada, [10])
    await books.write(ada)
    old = {name: await books.redis.dump(name) for name in await books.redis.keys("*")}
    await settled(books, ada, [20, 30])
    open_call = await books.held(bob, 100)
    await books.write(ada)
    await set_back(books.redis, old)
    assert await books.in_redis(ada) == WorkingBalance(990, 0, 0)
    await settled(books, ada, [40])
    await books.write(ada)
    assert await books.in_redis(bob) is None  # dropped: rebuilt before its next call
    assert await books.working_copy.balance(ada.account_id) == WorkingBalance(900, 0, 0)
    await books.holds.settle(truth_of(open_call.orphan, 50))
    await books.write(ada)
    for customer in (ada, bob):
        await books.assert_at_rest(customer)
    assert await position(books, ada.partition) == 4  # numbered on: no number is given twice


async def test_a_set_back_is_seen_although_a_rejected_record_came_first(books: Books) -> None:
    """A record that cannot be written does not hide that its number is old."""
    ada = await books.customer(1_000)
    old = {name: await books.redis.dump(name) for name in await books.redis.keys("*")}
    await settled(books, ada, [20, 30, 40])
    await books.write(ada)
    await set_back(books.redis, old)
    broken = await books.held(ada, 100)
    await books.holds.settle(truth_of(broken.orphan, 5, basis="no such basis"))
    await books.write(ada)
    assert await position(books, ada.partition) == 3
    assert await books.in_redis(ada) is not None
    await settled(books, ada, [50])
    await books.write(ada)
    assert await books.in_redis(ada) is None
    balance = await books.working_copy.balance(ada.account_id)
    assert balance == WorkingBalance(1_000 - 20 - 30 - 40 - 5 - 50, 0, 5)


async def set_back(redis: Redis, old: dict[bytes, bytes]) -> None:
    await redis.flushall()
    for name, value in old.items():
        await redis.restore(name, 0, value)
