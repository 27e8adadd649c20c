"""A small world for the protocol of holds: two accounts, two workers, writers, and what goes wrong.

Everything that happens is done by the ledger's own code on real engines. The world remembers only
what each call must cost in the end, and whether credits may have been overspent by then.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ledger.errors import (
    KeyLimitReachedError,
    KeyRevokedError,
    NotEnoughCreditsError,
    ReservationClosedError,
)
from ledger.holds import ReserveRequest
from ledger.settlements import Settlements
from ledger.stream_entry import StreamEntry
from tests.support.books import Books, Customer, call_of
from tests.support.records import truth_of
from tests.support.rough_redis import NamedRedis

FUNDS_MC = 300
KEY_LIMIT_MC = 500
EXPIRES_AT = datetime.now(UTC) + timedelta(days=365)


@dataclass
class Call:
    """A call that was held, by one of the workers."""

    customer: Customer
    worker: int
    request: ReserveRequest
    ceiling_mc: int
    truth_mc: int
    is_answered: bool = False
    is_dead: bool = False  # its worker has died, and remembers nothing
    is_lost_by_redis: bool = False  # perhaps; its worker has not looked since
    may_be_lost: bool = False  # Redis lost what only a dead worker knew

    @property
    def is_held_by_a_worker(self) -> bool:
        return not self.is_answered and not self.is_dead


@dataclass
class World:
    """What has happened so far."""

    books: Books
    redis: NamedRedis
    customers: list[Customer]
    workers: list[Settlements]
    calls: list[Call] = field(default_factory=list)
    funded_mc: dict[str, int] = field(default_factory=dict)
    old_acknowledgements: list[list[StreamEntry]] = field(default_factory=list)
    rebuilds: list[tuple[Customer, list[str | int]]] = field(default_factory=list)
    snapshot: dict[bytes, bytes] = field(default_factory=dict)
    may_be_overspent: bool = False
    highest_limit_mc: int = KEY_LIMIT_MC
    was_set_back: bool = False

    @classmethod
    async def begin(cls, books: Books) -> "World":
        """Two accounts of one partition, in an empty Redis."""
        await books.redis.flushall()
        await books.execute("update stream_positions set last_number = 0, epoch = 0")
        await books.execute("update credit_lots set remaining_mc = 0")  # of worlds before
        ada = await books.customer(FUNDS_MC)
        bob = await books.customer(FUNDS_MC, partition=ada.partition)
        await books.keys.set_monthly_limit(ada.key_id, KEY_LIMIT_MC)
        await books.working_copy.apply_syncs(ada.account_id)
        redis = NamedRedis(books.pipeline)
        world = cls(books, redis, [ada, bob], [])
        world.workers = [world.new_worker(), world.new_worker()]
        world.funded_mc = dict.fromkeys((ada.account_id, bob.account_id), FUNDS_MC)
        return world

    def new_worker(self) -> Settlements:
        return Settlements(self.books.holds, self.redis, wait_s=5)

    async def reserve(
        self, place: int, worker: int, bounds_mc: tuple[int, int], truth: int
    ) -> None:
        """A new call; `truth` is what it will really use, of 100 parts of what it holds."""
        customer = self.customers[place]
        request = call_of(customer, *bounds_mc)
        try:
            ceiling_mc = await self.books.holds.reserve(request)
        except (NotEnoughCreditsError, KeyRevokedError, KeyLimitReachedError):
            return
        truth_mc = ceiling_mc * truth // 100
        self.calls.append(Call(customer, worker, request, ceiling_mc, truth_mc))

    async def settle(self, call: Call) -> None:
        self.may_be_overspent |= call.truth_mc > call.ceiling_mc
        await self.workers[call.worker].settle(truth_of(call.request.orphan, call.truth_mc))
        call.is_answered = True
        call.is_lost_by_redis = False

    async def release(self, call: Call) -> None:
        call.truth_mc = 0
        await self.settle(call)

    async def ask_again(self, call: Call) -> None:
        """A reserve that is repeated while its hold is there, or its tombstone."""
        if call.request.request_id not in await self.books.filed(call.customer):
            return
        try:
            assert await self.books.holds.reserve(call.request) == call.ceiling_mc
        except ReservationClosedError:
            assert self.may_be_overspent, "it was not swept, and has ended"

    async def look(self, worker: int) -> None:
        """A worker forgets what is written, or sends all again."""
        await self.workers[worker]._look()
        for call in self.calls:
            if call.worker == worker and not call.is_held_by_a_worker:
                call.is_lost_by_redis = False

    async def worker_dies(self, worker: int) -> None:
        self.workers[worker] = self.new_worker()
        for call in self.calls:
            if call.worker == worker:
                call.is_dead = True
                call.may_be_lost |= call.is_lost_by_redis

    async def sweep(self, call: Call) -> None:
        self.may_be_overspent |= call.is_held_by_a_worker
        await self.books.sweep(call.request)

    async def post(self, place: int, amount_mc: int) -> None:
        self.may_be_overspent |= amount_mc < 0
        account_id = self.customers[place].account_id
        await self.books.post(account_id, amount_mc)
        self.funded_mc[account_id] += amount_mc

    async def grant_until_then(self, place: int, amount_mc: int) -> None:
        """Credits that expire."""
        account_id = self.customers[place].account_id
        await self.books.post(account_id, amount_mc, expires_at=EXPIRES_AT)
        self.funded_mc[account_id] += amount_mc

    async def expire(self) -> int:
        """The time has come for all that expires."""
        return await self.books.expirer.expire(EXPIRES_AT)

    async def change_key(self, place: int) -> None:
        """The account's key is revoked; it gets a new one, of the first account with a limit."""
        customer = self.customers[place]
        await self.books.keys.revoke(customer.key_id)
        created = await self.books.keys.create(
            customer.account_id, "next", monthly_limit_mc=None if place else KEY_LIMIT_MC
        )
        self.customers[place] = Customer(customer.account_id, created.api_key.key_id, created.text)

    async def change_limit(self, limit_mc: int) -> None:
        """The first account's key gets another limit; what is spent stays spent."""
        self.highest_limit_mc = max(self.highest_limit_mc, limit_mc)
        await self.books.keys.set_monthly_limit(self.customers[0].key_id, limit_mc)

    async def commit(self, count: int) -> None:
        """A writer commits a batch, and is not heard of for a while, or for ever."""
        partition = self.customers[0].partition
        entries = await self.books.stream.read(partition, count)
        if entries:
            await self.books.writer._commit(partition, entries)
            self.old_acknowledgements.append(entries)

    async def acknowledge(self, entries: list[StreamEntry]) -> None:
        self.old_acknowledgements.remove(entries)
        await self.books.stream.acknowledge(self.customers[0].partition, entries)

    async def begin_rebuild(self, place: int) -> None:
        customer = self.customers[place]
        draft = await self.books.working_copy._begin_rebuild(customer.account_id)
        if draft is not None:
            self.rebuilds.append((customer, draft))

    async def finish_rebuild(self, customer: Customer, draft: list[str | int]) -> None:
        self.rebuilds.remove((customer, draft))
        await self.books.working_copy._finish_rebuild(customer.account_id, draft)

    async def lose_everything(self) -> None:
        """Redis comes back empty."""
        await self.books.redis.flushall()
        self.has_lost()

    async def take_snapshot(self) -> None:
        names = await self.books.redis.keys("*")
        self.snapshot = {name: await self.books.redis.dump(name) for name in names}

    async def set_back(self) -> None:
        """A replica takes over that lags: it is as Redis was at the snapshot."""
        await self.books.redis.flushall()
        for name, value in self.snapshot.items():
            await self.books.redis.restore(name, 0, value)
        self.was_set_back = True
        self.has_lost()

    def has_lost(self) -> None:
        """What only Redis and dead workers knew may be gone; what live ones know is sent again."""
        self.redis.run_id += "+"
        self.may_be_overspent = True
        for call in self.calls:
            call.may_be_lost |= call.is_dead
            call.is_lost_by_redis = not call.is_dead
