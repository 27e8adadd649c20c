"""A worker's settlements: tried until Redis has them, remembered until Postgres has them."""

import asyncio
import time

import pytest

from ledger.errors import RedisUnavailableError, SettlementUnavailableError
from ledger.holds import ReserveRequest, Settled
from ledger.redis_keys import partition_keys
from ledger.settlements import Settlements
from ledger.working_copy import WorkingBalance
from tests.support.books import Books, call_of
from tests.support.records import truth_of
from tests.support.rough_redis import NamedRedis, RoughHolds
from tests.support.waiting import PATIENCE_S, until

# Of a worker that gives up soon; the others are patient: a busy machine has them wait.
SHORT_S = 0.5


class Worker:
    """A worker's settlements, and the Redis around it."""

    def __init__(self, books: Books, wait_s: float = PATIENCE_S) -> None:
        self.holds = RoughHolds(books.holds)
        self.redis = NamedRedis(books.pipeline)
        self.settlements = Settlements(self.holds, self.redis, wait_s=wait_s)

    def remembered(self) -> set[str]:
        kept = self.settlements._remembered.values()
        return {request_id for records in kept for request_id in records}


@pytest.fixture
async def worker(books: Books) -> Worker:
    return Worker(books)


@pytest.fixture
async def hasty(books: Books) -> Worker:
    """One that gives up soon."""
    return Worker(books, SHORT_S)


async def undelivered(books: Books, request: ReserveRequest) -> int:
    query = "select count(*) from alerts where request_id = $1 and kind = 'undelivered'"
    return int(await books.value(query, request.request_id))


async def test_a_settlement_is_remembered_until_it_is_written(books: Books, worker: Worker) -> None:
    """Section 4a, 7: the writer publishes how far it is; the worker reads that."""
    ada = await books.customer(1_000)
    requests = [await books.held(ada, 50) for _ in range(2)]
    for request in requests:
        await worker.settlements.settle(truth_of(request.orphan, 20))
    await worker.settlements._look()
    assert worker.remembered() == {request.request_id for request in requests}
    entries = await books.stream.read(ada.partition, 1)
    await books.writer._commit(ada.partition, entries)
    await worker.settlements._look()
    assert len(worker.remembered()) == 2  # committed is not yet acknowledged
    await books.stream.acknowledge(ada.partition, entries)
    await worker.settlements._look()
    assert worker.remembered() == {requests[1].request_id}
    await books.write(ada)
    await worker.settlements._look()
    assert worker.remembered() == set()


@pytest.mark.parametrize("has_looked", [False, True])
async def test_g5_all_that_is_not_written_is_sent_again_to_a_redis_that_lost_it(
    books: Books, worker: Worker, has_looked: bool
) -> None:
    """G5: a total loss loses only what a worker that died with it knew; young workers too."""
    ada = await books.customer(1_000)
    requests = [await books.held(ada, 50) for _ in range(5)]
    if has_looked:
        await worker.settlements._look()
    for request in requests[:2]:
        await worker.settlements.settle(truth_of(request.orphan, 20))
    await books.write(ada)
    for request in requests[2:]:
        await worker.settlements.settle(truth_of(request.orphan, 20))
    await books.redis.flushall()
    worker.redis.run_id = "second"
    await worker.settlements._look()
    await books.write(ada)
    assert await books.amounts_mc(ada) == [1_000, *[-20] * 5]
    await books.assert_at_rest(ada)
    await worker.settlements._look()
    assert worker.remembered() == set()


async def test_g5_a_stream_that_begins_again_under_the_same_name_is_seen_by_its_numbers(
    books: Books, worker: Worker
) -> None:
    """G5: numbers lower than Redis has told before: it was emptied without a restart."""
    ada = await books.customer(1_000)
    request = await books.held(ada, 50)
    await worker.settlements.settle(truth_of(request.orphan, 20))
    await worker.settlements._look()
    await books.redis.flushall()
    await worker.settlements._look()
    assert await books.waiting(ada) == 1
    await books.write(ada)
    await books.assert_at_rest(ada)
    assert await books.balance_mc(ada) == 980


async def test_what_could_not_be_sent_again_is_sent_at_the_next_look(
    books: Books, worker: Worker
) -> None:
    """The new name is not taken for known before all was sent."""
    ada = await books.customer(1_000)
    await worker.settlements._look()
    request = await books.held(ada, 50)
    await worker.settlements.settle(truth_of(request.orphan, 20))
    await books.redis.flushall()
    worker.redis.run_id, worker.holds.is_away = "second", True
    with pytest.raises(RedisUnavailableError):
        await worker.settlements._look()
    worker.holds.is_away = False
    await worker.settlements._look()
    await books.write(ada)
    assert await books.usage(request) == {"settled": (20, 20)}


async def test_a_settlement_whose_answer_got_lost_is_the_same_when_it_is_tried_again(
    books: Books, worker: Worker
) -> None:
    """Charge and id are fixed at the first try; the hold is taken once."""
    ada = await books.customer(1_000)
    request = await books.held(ada, 50)
    worker.holds.loses_answers = True
    settling = asyncio.create_task(worker.settlements.settle(truth_of(request.orphan, 20)))
    await until(lambda: len(worker.holds.asked) >= 3, worker.holds.asked)
    worker.holds.loses_answers = False
    assert await settling == Settled("repeated", 1, 980)
    first, *others = worker.holds.asked
    assert all(asked == first for asked in others)
    assert await books.in_redis(ada) == WorkingBalance(980, 0, 20)
    await books.write(ada)
    await books.assert_at_rest(ada)


async def test_an_answer_is_given_when_redis_comes_back_in_time(
    books: Books, worker: Worker
) -> None:
    """With the end withheld, the client waits; then it has been charged, and nothing is listed."""
    ada = await books.customer(1_000)
    request = await books.held(ada, 50)
    worker.holds.is_away = True
    settling = asyncio.create_task(worker.settlements.settle(truth_of(request.orphan, 20)))
    await until(lambda: len(worker.holds.asked) >= 3, worker.holds.asked)
    assert len(worker.settlements) == 1
    worker.holds.is_away = False
    settled = await settling
    assert (settled.outcome, settled.balance_mc) == ("taken", 980)
    assert len(worker.settlements) == 0
    await books.write(ada)
    assert await undelivered(books, request) == 0


@pytest.mark.parametrize("loses_answers", [False, True])
async def test_a_charge_whose_answer_was_withheld_stands_and_is_listed(
    books: Books, hasty: Worker, loses_answers: bool
) -> None:
    """Not confirmed in time: 503; the charge stands, marked `undelivered`, whatever had arrived."""
    ada = await books.customer(1_000)
    request = await books.held(ada, 50)
    hasty.holds.is_away, hasty.holds.loses_answers = not loses_answers, loses_answers
    with pytest.raises(SettlementUnavailableError):
        await hasty.settlements.settle(truth_of(request.orphan, 20))
    hasty.holds.is_away = hasty.holds.loses_answers = False
    assert await hasty.settlements.flush(PATIENCE_S) == 0
    await books.write(ada)
    assert await books.usage(request) == {"settled": (20, 20)}
    assert await undelivered(books, request) == 1
    await books.assert_at_rest(ada)


async def test_g5_that_a_charge_is_undelivered_outlives_a_loss_of_redis(
    books: Books, hasty: Worker
) -> None:
    """G5: what is sent again says again that the answer was withheld."""
    ada = await books.customer(1_000)
    request = await books.held(ada, 50)
    hasty.holds.is_away = True
    with pytest.raises(SettlementUnavailableError):
        await hasty.settlements.settle(truth_of(request.orphan, 20))
    hasty.holds.is_away = False
    assert await hasty.settlements.flush(PATIENCE_S) == 0
    await books.redis.flushall()
    hasty.redis.run_id = "second"
    await hasty.settlements._look()
    await books.write(ada)
    assert await undelivered(books, request) == 1
    assert await books.balance_mc(ada) == 980


async def test_a_confirmation_in_the_very_moment_of_giving_up_counts(
    books: Books, hasty: Worker
) -> None:
    """Else a 503 would be answered that is listed nowhere: it is not tried again."""
    ada = await books.customer(1_000)
    request = await books.held(ada, 50)
    hasty.holds.is_away = True
    settling = asyncio.create_task(hasty.settlements.settle(truth_of(request.orphan, 20)))
    await until(lambda: len(hasty.settlements) == 1, hasty.holds.asked)
    (pending,) = hasty.settlements._pending.values()
    confirmed = Settled("taken", 1, 980)
    pending.confirmed.set_result(confirmed)
    stall(2 * SHORT_S)  # the deadline's timer is due when the loop runs again
    assert await settling == confirmed
    hasty.holds.is_away = False
    assert await hasty.settlements.flush(PATIENCE_S) == 0


def stall(stall_s: float) -> None:
    """Lets time pass, and nothing else happen."""
    time.sleep(stall_s)


async def test_a_caller_that_is_cancelled_leaves_its_settlement_to_be_finished(
    books: Books, worker: Worker
) -> None:
    """The client's connection ends; its charge does not."""
    ada = await books.customer(1_000)
    request = await books.held(ada, 50)
    worker.holds.lets_answers_pass.clear()
    settling = asyncio.create_task(worker.settlements.settle(truth_of(request.orphan, 20)))
    await until(lambda: bool(worker.holds.asked), worker.holds.asked)
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    worker.holds.lets_answers_pass.set()
    assert await worker.settlements.flush(PATIENCE_S) == 0
    await books.write(ada)
    assert await books.usage(request) == {"settled": (20, 20)}
    await books.assert_at_rest(ada)


async def test_one_that_cannot_be_filed_holds_up_no_other(books: Books, worker: Worker) -> None:
    """Each is tried for itself, and goes on being tried."""
    ada = await books.customer(1_000)
    bob = await books.customer(1_000, (ada.partition + 1) % 64)
    stuck, fine = await books.held(ada, 50), await books.held(bob, 50)
    broken = partition_keys(ada.partition).settlements
    await books.redis.set(broken, "no stream")
    for request in (stuck, fine):
        worker.settlements.settle_later(truth_of(request.orphan, 20))
    await until(lambda: len(worker.settlements) == 1, worker.holds.asked)
    assert await books.in_redis(bob) == WorkingBalance(980, 0, 20)
    await books.redis.delete(broken)
    assert await worker.settlements.flush(PATIENCE_S) == 0
    assert await books.in_redis(ada) == WorkingBalance(980, 0, 20)


async def test_a_release_of_a_reserve_that_never_arrived_leaves_no_trace_in_the_balance(
    books: Books, worker: Worker
) -> None:
    """A reserve that got no answer is always followed by a release."""
    ada = await books.customer(1_000)
    request = call_of(ada, 50)
    worker.settlements.settle_later(truth_of(request.orphan, 0))
    assert await worker.settlements.flush(PATIENCE_S) == 0
    await books.write(ada)
    assert await books.usage(request) == {"settled": (0, 0)}
    await books.assert_at_rest(ada)
