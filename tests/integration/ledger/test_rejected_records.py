"""Records that cannot be written are isolated, kept, and hold up nobody."""

import asyncio
from typing import Any

import msgspec
import pytest

from ledger.ids import new_id
from ledger.redis_keys import partition_keys
from ledger.stream import SettlementStream
from ledger.working_copy import WorkingBalance
from ledger.writer import BATCH_SIZE, Writer
from tests.support.books import Books, Customer
from tests.support.records import orphan_record, truth_of

HUGE = 2**70

# What is wrong with a record that a worker has settled.
POISON: dict[str, dict[str, Any]] = {
    "a basis that is none": {"basis": "no such basis"},
    "a kind that is none": {"kind": "no such kind"},
    "an id that is none": {"key_id": "not a uuid"},
    "a character that Postgres has not": {"model": "a\0b"},
    "a charge below nothing": {"charge_mc": -1},
    "a charge that Postgres cannot hold": {"charge_mc": HUGE},
    "a count that Postgres cannot hold": {"latency_ms": HUGE},
    "a time that no calendar has": {"created_at_ms": 2**62},
    "a balance that Redis could not count": {"charge_mc": 2**53 + 1_000},
    "no model": {"model": None},
}


async def file(books: Books, customer: Customer, record: bytes, **fields: Any) -> str:
    """Files a record as the scripts do, whatever is in it; returns its request id."""
    shared = partition_keys(customer.partition)
    number = await books.redis.hincrby(shared.position, "number", 1)
    request_id = fields.pop("request", None) or new_id()
    entry = {"kind": "settled", "account": customer.account_id, "request": request_id}
    amounts = {"taken": 5, "held": 10, "record": record}
    await books.redis.xadd(shared.settlements, {**entry, **amounts, **fields}, f"{number}-0")
    return str(request_id)


async def settle(books: Books, customer: Customer, charge_mc: int) -> None:
    request = await books.held(customer, charge_mc)
    await books.holds.settle(truth_of(request.orphan, charge_mc))


async def rejected(books: Books, customer: Customer) -> list[tuple[str, int, str]]:
    rows = await books.rows(
        "select record->>'request_id' as request_id, number, reason from rejected_records"
        " where record->>'account_id' = $1 order by number",
        customer.account_id,
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("changes", POISON.values(), ids=POISON)
async def test_a_record_that_cannot_be_written_is_kept_and_the_others_are_written(
    books: Books, changes: dict[str, Any]
) -> None:
    """Section 4a, 4: isolated by halving, kept with the reason; the partition goes on."""
    ada = await books.customer(1_000)
    await settle(books, ada, 10)
    good = truth_of(orphan_record(ada.account_id, 5), 5)
    fields = {**msgspec.to_builtins(good), **changes}
    poison = await file(books, ada, msgspec.json.encode(fields), request=good.request_id)
    await settle(books, ada, 20)
    assert await books.write(ada) == 3
    assert await books.waiting(ada) == 0
    assert await books.amounts_mc(ada) == [1_000, -10, -20]
    ((request_id, number, reason),) = await rejected(books, ada)
    assert (request_id, number) == (poison, 2)
    assert reason
    await settle(books, ada, 30)
    assert await books.write(ada) == 1
    assert await books.balance_mc(ada) == 940


@pytest.mark.parametrize(
    "record", [b"", b"{}", b"not json", b"\xff\xfe\x00\x01", b"[" * 10_000, b"null"]
)
async def test_what_is_no_record_at_all_is_kept_as_it_is(books: Books, record: bytes) -> None:
    """Garbage too, with what Postgres cannot store replaced."""
    ada = await books.customer(1_000)
    poison = await file(books, ada, record)
    await settle(books, ada, 20)
    assert await books.write(ada) == 2
    ((request_id, _, _),) = await rejected(books, ada)
    assert request_id == poison
    assert await books.amounts_mc(ada) == [1_000, -20]


@pytest.mark.parametrize("account_id", ["01a20af7-882a-734e-a0ec-469e45551128", "nobody", "", "\0"])
async def test_a_record_of_an_unknown_account_is_kept(books: Books, account_id: str) -> None:
    """Such an account has no lock and no balance: nothing is made up."""
    ada = await books.customer(1_000)
    record = truth_of(orphan_record(account_id, 5), 5)
    await file(
        books, ada, msgspec.json.encode(record), account=account_id, request=record.request_id
    )
    await settle(books, ada, 20)
    assert await books.write(ada) == 2
    assert await books.waiting(ada) == 0
    query = "select count(*) from rejected_records where record->>'request_id' = $1"
    assert await books.value(query, record.request_id) == 1


async def test_an_orphan_with_units_that_have_no_rate_is_kept(books: Books) -> None:
    """It cannot be cut to its hold without a price."""
    ada = await books.customer(1_000)
    request = await books.held(ada, 10, 1, orphan_mc=50, units={"audio": 50})
    await books.sweep(request)
    assert await books.write(ada) == 1
    assert len(await rejected(books, ada)) == 1


async def test_what_was_taken_for_a_rejected_record_stays_taken(books: Books) -> None:
    """Its tombstone stays: no credit is given back, no settlement is taken twice."""
    ada = await books.customer(1_000)
    request = await books.held(ada, 100)
    broken = truth_of(request.orphan, 60, basis="no such basis")
    await books.holds.settle(broken)
    await books.write(ada)
    assert await books.in_redis(ada) == WorkingBalance(940, 0, 60)
    await books.lose_account(ada)
    assert await books.working_copy.balance(ada.account_id) == WorkingBalance(940, 0, 60)
    assert (await books.holds.settle(broken)).outcome == "repeated"
    assert await books.waiting(ada) == 0
    assert await books.balance_mc(ada) == 1_000


async def test_few_among_many_are_found(books: Books) -> None:
    """Halving: the others of a full batch are written, each once."""
    ada = await books.customer(100_000)
    bad = {0, 17, 18, 255, BATCH_SIZE - 1, BATCH_SIZE + 3}
    for number in range(BATCH_SIZE + 10):
        good = truth_of(orphan_record(ada.account_id, 5), 5)
        basis = "none such" if number in bad else "provider"
        record = msgspec.json.encode({**msgspec.to_builtins(good), "basis": basis})
        await file(books, ada, record, request=good.request_id)
    assert await books.write(ada) == BATCH_SIZE + 10
    assert [number - 1 for _, number, _ in await rejected(books, ada)] == sorted(bad)
    assert await books.amounts_mc(ada) == [100_000, *[-5] * (BATCH_SIZE + 10 - len(bad))]
    query = "select last_number from stream_positions where redis_partition = $1"
    assert await books.value(query, ada.partition) == BATCH_SIZE + 10


async def test_g5_a_record_is_kept_once_although_two_writers_reject_it(books: Books) -> None:
    """G5: also where a writer dies before it has acknowledged that it rejected a record."""
    ada = await books.customer(1_000)
    await file(books, ada, b"not json")

    class DeafStream(SettlementStream):
        async def acknowledge(self, partition: int, entries: object) -> None:
            raise InterruptedError

    dying = Writer(DeafStream(books.pipeline), books.pool, books.working_copy)
    with pytest.raises(InterruptedError):
        await dying.write_partition(ada.partition)
    other = Writer(books.stream, books.pool, books.working_copy)
    await asyncio.gather(books.write(ada), other.write_partition(ada.partition))
    assert len(await rejected(books, ada)) == 1
    assert await books.waiting(ada) == 0
    await settle(books, ada, 20)
    await books.write(ada)
    assert await books.in_redis(ada) == WorkingBalance(980, 0, 0)
