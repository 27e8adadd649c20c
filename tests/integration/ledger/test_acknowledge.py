"""Acknowledging what is written."""

import msgspec

from ledger.holds import Settled
from ledger.redis_keys import partition_keys
from ledger.working_copy import WorkingBalance
from tests.support.books import Books, Customer
from tests.support.records import truth_of


async def written(books: Books, customer: Customer) -> int:
    """How far the partition is written, as workers read it."""
    shared = partition_keys(customer.partition)
    return int(await books.redis.hget(shared.position, "written") or 0)


async def test_entry_tombstone_and_unwritten_amount_go_together(books: Books) -> None:
    """Section 4a, 4: after the commit one script acknowledges; a second time changes nothing."""
    ada = await books.customer(100)
    first, second = await books.held(ada, 30), await books.held(ada, 30)
    for request in (first, second):
        await books.holds.settle(truth_of(request.orphan, 10))
    entries = await books.stream.read(ada.partition, 1)
    for _ in range(2):
        await books.stream.acknowledge(ada.partition, entries)
        assert await books.in_redis(ada) == WorkingBalance(80, 0, 10)
        assert await books.filed(ada) == {second.request_id: "T settled 10 2"}
        assert await books.waiting(ada) == 1
        assert await written(books, ada) == 1


async def test_a_rejected_record_leaves_the_stream_and_keeps_its_tombstone(books: Books) -> None:
    """What was taken stays taken, also after a rebuild; and a repeated settlement takes nothing."""
    ada = await books.customer(100)
    request = await books.held(ada, 30)
    await books.holds.settle(truth_of(request.orphan, 10))
    (entry,) = await books.stream.read(ada.partition, 1)
    rejected = msgspec.structs.replace(entry, is_rejected=True)
    await books.stream.acknowledge(ada.partition, [rejected])
    assert await books.waiting(ada) == 0
    assert await books.filed(ada) == {request.request_id: "T settled 10 1"}
    assert await books.in_redis(ada) == WorkingBalance(90, 0, 10)
    await books.lose_account(ada)
    assert await books.working_copy.balance(ada.account_id) == WorkingBalance(90, 0, 10)
    repeated = await books.holds.settle(truth_of(request.orphan, 10))
    assert repeated == Settled("repeated", 1, 90)
    assert await books.waiting(ada) == 0


async def test_the_tombstone_of_a_later_settlement_stays(books: Books) -> None:
    """An orphan's acknowledgement does not forget the truth that came after it."""
    ada = await books.customer(100)
    request = await books.held(ada, 30)
    await books.sweep(request)
    (orphan,) = await books.stream.read(ada.partition, 1)
    other = msgspec.structs.replace(orphan, kind="settled")
    await books.stream.acknowledge(ada.partition, [other])
    assert await books.filed(ada) == {request.request_id: "T orphan 15 1"}
    assert await books.waiting(ada) == 1


async def test_several_accounts_are_told_apart(books: Books) -> None:
    """One acknowledgement for a batch of a partition."""
    ada = await books.customer(100)
    bob = await books.customer(100, partition=ada.partition)
    for customer, charge_mc in ((ada, 1), (bob, 2), (ada, 4)):
        request = await books.held(customer, 30)
        await books.holds.settle(truth_of(request.orphan, charge_mc))
    entries = await books.stream.read(ada.partition, 10)
    await books.stream.acknowledge(ada.partition, entries[:2])
    assert await books.in_redis(ada) == WorkingBalance(95, 0, 4)
    assert await books.in_redis(bob) == WorkingBalance(98, 0, 0)
    assert (len(await books.filed(ada)), await books.filed(bob)) == (1, {})


async def test_an_acknowledgement_that_comes_late_does_not_take_the_position_back(
    books: Books,
) -> None:
    """Two writers: the slower one acknowledges what the faster has passed long ago."""
    ada = await books.customer(100)
    for _ in range(3):
        request = await books.held(ada, 30)
        await books.holds.settle(truth_of(request.orphan, 10))
    entries = await books.stream.read(ada.partition, 10)
    await books.stream.acknowledge(ada.partition, entries)
    await books.stream.acknowledge(ada.partition, entries[:1])
    assert await written(books, ada) == 3


async def test_g5_a_stream_that_was_lost_and_begun_again_loses_no_record_to_an_old_acknowledgement(
    books: Books,
) -> None:
    """G5: Redis lost everything between the writer's read and its acknowledgement."""
    ada = await books.customer(100)
    bob = await books.customer(100, partition=ada.partition)
    for customer in (ada, ada, bob):
        request = await books.held(customer, 30)
        await books.holds.settle(truth_of(request.orphan, 10))
    old = await books.stream.read(ada.partition, 10)

    await books.redis.flushall()
    await books.stream.acknowledge(ada.partition, old)
    assert await written(books, ada) == 0  # or workers would forget what comes now

    fresh = await books.held(ada, 30)
    await books.holds.settle(truth_of(fresh.orphan, 7))
    await books.stream.acknowledge(ada.partition, old)
    assert await written(books, ada) == 0
    (entry,) = await books.stream.read(ada.partition, 10)
    assert (entry.number, entry.request_id) == (1, fresh.request_id)
    for _ in range(3):
        late = await books.held(bob, 30)
        await books.holds.settle(truth_of(late.orphan, 7))
    await books.stream.acknowledge(ada.partition, old)
    assert await written(books, ada) == 0
    assert await books.waiting(ada) == 4
    await books.write(ada)
    assert await books.amounts_mc(ada) == [100, -7]
    assert await books.amounts_mc(bob) == [100, -7, -7, -7]
    assert await written(books, ada) == 4
