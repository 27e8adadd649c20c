"""A worker's reservations: kept alive while its calls live, ended once whatever happens."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from ledger.errors import NotEnoughCreditsError, RedisUnavailableError
from ledger.holds import Holds, ReserveRequest
from ledger.reservations import Reservation, Reservations
from ledger.settlements import Settlements
from ledger.working_copy import WorkingBalance
from tests.support.books import Books, call_of
from tests.support.records import truth_of
from tests.support.waiting import PATIENCE_S, until


class RenewingHolds:
    """Holds whose renewals a test counts, breaks or lets hang, partition by partition."""

    def __init__(self, holds: Holds) -> None:
        self._holds = holds
        self.renewed: list[str] = []
        self.broken: set[int] = set()
        self.hanging: set[int] = set()
        self.reserve_error: Exception | None = None
        self.holds_before_it_fails = False

    async def reserve(self, request: ReserveRequest) -> int:
        if self.reserve_error and not self.holds_before_it_fails:
            raise self.reserve_error
        held_mc = await self._holds.reserve(request)
        if self.reserve_error:
            raise self.reserve_error
        return held_mc

    async def renew(self, partition: int, members: Sequence[str]) -> None:
        if partition in self.broken:
            raise RedisUnavailableError("away")
        if partition in self.hanging:
            await asyncio.Event().wait()
        await self._holds.renew(partition, members)
        self.renewed += members


class Worker:
    """A worker's part of the ledger."""

    def __init__(self, books: Books, ttl_s: float) -> None:
        self.holds = RenewingHolds(books.holds)
        self.settlements = Settlements(books.holds, books.pipeline, wait_s=PATIENCE_S)
        self.reservations = Reservations(self.holds, self.settlements, ttl_s=ttl_s)

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        keeping = asyncio.create_task(self.reservations.keep_alive())
        try:
            yield
        finally:
            keeping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await keeping


async def runs_until_stopped(reservation: Reservation) -> None:
    """A call that never ends by itself."""
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(TimeoutError):
            async with reservation.guard():
                await asyncio.Event().wait()
    assert reservation.is_stopped


async def test_a_call_that_lives_is_renewed_again_and_again_and_not_swept(books: Books) -> None:
    """Section 4a, 3: workers renew their calls' deadlines in one batch per partition."""
    worker = Worker(books, ttl_s=0.05)
    ada, bob = await books.customer(100), await books.customer(100)
    ended = await worker.reservations.reserve(call_of(bob, 10))
    living = await worker.reservations.reserve(call_of(ada, 10))
    await worker.reservations.settle(ended, truth_of(ended.request.orphan, 5))
    member = f"{ada.account_id}/{living.request.request_id}"
    async with worker.alive():
        await until(lambda: worker.holds.renewed.count(member) >= 4, worker.holds.renewed)
    assert set(worker.holds.renewed) == {member}
    await books.overdue(living.request)
    await worker.reservations._renew_all()
    assert not await books.holds.sweep(ada.account_id, living.request.request_id)


@pytest.mark.parametrize("way", ["broken", "hanging"])
async def test_a_call_that_cannot_be_renewed_is_stopped_and_others_go_on(
    books: Books, way: str
) -> None:
    """A renewal that fails, or that never ends: the call ends before its hold does."""
    worker = Worker(books, ttl_s=1.5)
    ada = await books.customer(100)
    bob = await books.customer(100, (ada.partition + 1) % 64)
    lost = await worker.reservations.reserve(call_of(ada, 10))
    kept = await worker.reservations.reserve(call_of(bob, 10))
    getattr(worker.holds, way).add(ada.partition)
    async with worker.alive():
        await runs_until_stopped(lost)
        late = await worker.reservations.reserve(call_of(bob, 10))
        assert not late.is_stopped
        if way == "broken":
            await until(lambda: kept.renewed_s > lost.renewed_s, worker.holds.renewed)
    settled = await worker.reservations.settle(lost, truth_of(lost.request.orphan, 3))
    assert settled.outcome == "taken"


@pytest.mark.parametrize(("ttl_s", "stops_after_s"), [(60, 50), (600, 590), (6, 5), (1, 5 / 6)])
async def test_calls_are_stopped_with_time_left_before_the_sweeper_may_come(
    books: Books, ttl_s: float, stops_after_s: float
) -> None:
    """Until 10 s before their end; of short holds a sixth of their length."""
    worker = Worker(books, ttl_s)
    reservation = await worker.reservations.reserve(call_of(await books.customer(100), 10))
    now_s = asyncio.get_running_loop().time()
    reservation.renewed_s = now_s - stops_after_s + 0.2 * ttl_s
    worker.reservations._stop_what_is_lost()
    assert not reservation.is_stopped
    reservation.renewed_s = now_s - stops_after_s - 0.001
    worker.reservations._stop_what_is_lost()
    assert reservation.is_stopped


async def test_what_is_stopped_before_it_began_does_not_begin(books: Books) -> None:
    """A stop is not lost between two of a call's guarded steps."""
    worker = Worker(books, ttl_s=60)
    reservation = await worker.reservations.reserve(call_of(await books.customer(100), 10))
    worker.reservations.stop_all()
    await runs_until_stopped(reservation)


async def test_a_reserve_without_an_answer_is_followed_by_a_release(books: Books) -> None:
    """Whether it was held or not: nothing stays held, and nothing is charged."""
    worker = Worker(books, ttl_s=60)
    ada = await books.customer(100)
    worker.holds.reserve_error = RedisUnavailableError("no answer")
    for holds_before_it_fails in (False, True):
        worker.holds.holds_before_it_fails = holds_before_it_fails
        with pytest.raises(RedisUnavailableError):
            await worker.reservations.reserve(call_of(ada, 10))
        assert await worker.settlements.flush(PATIENCE_S) == 0
        assert await books.in_redis(ada) == WorkingBalance(100, 0, 0)
    assert len(worker.reservations) == 0
    assert await books.write(ada) == 2
    await books.assert_at_rest(ada)


async def test_a_reserve_that_was_not_sent_needs_no_release(books: Books) -> None:
    """It is known not to have happened: it leaves no row."""
    worker = Worker(books, ttl_s=60)
    ada = await books.customer(100)
    for error in (
        RedisUnavailableError("away", was_sent=False),
        NotEnoughCreditsError(available_mc=5, held_mc=0),
    ):
        worker.holds.reserve_error = error
        with pytest.raises(type(error)):
            await worker.reservations.reserve(call_of(ada, 10))
    assert len(worker.settlements) == 0
    assert await books.waiting(ada) == 0


@pytest.mark.parametrize("turns", range(6))
@pytest.mark.parametrize("scripts_are_known", [True, False])
async def test_a_caller_that_leaves_while_credits_are_being_held_leaves_nothing_held(
    books: Books, turns: int, scripts_are_known: bool
) -> None:
    """A client that is gone again: at whatever moment its handler is cancelled."""
    worker = Worker(books, ttl_s=60)
    ada = await books.customer(100)
    if scripts_are_known:
        await books.held(ada, 0)
    else:
        await books.redis.script_flush()
    warm = await books.held(ada, 0)
    await books.holds.settle(truth_of(warm.orphan, 0))
    if not scripts_are_known:
        await books.redis.script_flush()
        await books.holds.settle(truth_of(warm.orphan, 0))  # reserve alone is forgotten
    reserving = asyncio.create_task(worker.reservations.reserve(call_of(ada, 10)))
    for _ in range(turns):
        await asyncio.sleep(0)
    reserving.cancel()
    try:
        reservation = await reserving
    except asyncio.CancelledError:
        assert await worker.settlements.flush(PATIENCE_S) == 0
    else:
        worker.reservations.release_later(reservation)
        assert await worker.settlements.flush(PATIENCE_S) == 0
    there = await books.in_redis(ada)
    assert there == WorkingBalance(100, 0, 0)
    await books.write(ada)
    assert await books.balance_mc(ada) == 100


async def test_a_release_gives_back_in_the_background(books: Books) -> None:
    """Nobody waits for it."""
    worker = Worker(books, ttl_s=60)
    ada = await books.customer(100)
    reservation = await worker.reservations.reserve(call_of(ada, 60))
    worker.reservations.release_later(reservation)
    assert (reservation.is_settled, len(worker.reservations)) == (True, 0)
    assert await worker.settlements.flush(PATIENCE_S) == 0
    await books.write(ada)
    await books.assert_at_rest(ada)
    row = (
        await books.rows(
            "select status, basis, units from usage_records where request_id = $1",
            reservation.request.request_id,
        )
    )[0]
    assert tuple(row) == ("failed", "none", "{}")
