"""Engines that are killed while calls are held, settled and written."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.local.engine import Engine
from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_server import OWNER
from deploy.local.valkey import LocalValkey
from ledger.database import DatabaseUnavailableError
from ledger.errors import RedisUnavailableError
from ledger.holds import ReserveRequest
from ledger.migrate import migrate
from ledger.reservations import Reservations
from ledger.settlements import Settlements
from tests.support.books import Books, Customer, call_of, open_books
from tests.support.engine_checks import StartEngine, wait_until_dead
from tests.support.engines import run_apart
from tests.support.records import truth_of
from tests.support.waiting import PATIENCE_S

FUNDS_MC = 10_000_000
CHARGE_MC = 7
# Far more than twenty clients fill, however long a busy machine takes to start an engine.
BACKLOG = 1_000_000


@dataclass
class Traffic:
    """A worker with many calls at once, and what it was told about each."""

    books: Books
    customers: list[Customer]
    settlements: Settlements
    reservations: Reservations
    answered: list[ReserveRequest] = field(default_factory=list)
    unanswered: list[ReserveRequest] = field(default_factory=list)
    is_over: bool = False

    @classmethod
    async def begin(cls, books: Books) -> "Traffic":
        customers = [await books.customer(FUNDS_MC) for _ in range(3)]
        settlements = Settlements(books.holds, books.pipeline, wait_s=PATIENCE_S)
        reservations = Reservations(books.holds, settlements, ttl_s=60)
        return cls(books, customers, settlements, reservations)

    async def client(self, number: int) -> None:
        """Calls one after the other, as clients make them."""
        customer = self.customers[number % len(self.customers)]
        while not self.is_over:
            request = call_of(customer, 100)
            try:
                held = await self.reservations.reserve(request)
            except RedisUnavailableError:
                self.unanswered.append(request)
                await asyncio.sleep(0.01)
                continue
            await self.reservations.settle(held, truth_of(request.orphan, CHARGE_MC))
            self.answered.append(request)

    async def more(self, count: int) -> None:
        """Waits until so many more calls have been answered."""
        enough = len(self.answered) + count
        async with asyncio.timeout(PATIENCE_S):
            while len(self.answered) < enough:  # noqa: ASYNC110 - the clients' list
                await asyncio.sleep(0.005)

    async def end(self) -> None:
        assert await self.settlements.flush(PATIENCE_S) == 0
        for customer in self.customers:
            await self.books.write(customer)
        for request in self.answered:
            assert await self.books.usage(request) == {"settled": (CHARGE_MC, CHARGE_MC)}
        for request in self.unanswered:
            assert await self.books.usage(request) in ({}, {"settled": (0, 0)})
        spent_mc = 0
        for customer in self.customers:
            await self.books.assert_at_rest(customer)
            spent_mc += FUNDS_MC - await self.books.balance_mc(customer)
        assert spent_mc == CHARGE_MC * len(self.answered)


@asynccontextmanager
async def traffic_on(books: Books) -> AsyncIterator[Traffic]:
    """Twenty clients, until the block ends; then every promise is looked at."""
    traffic = await Traffic.begin(books)
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(traffic.client(number))
        try:
            yield traffic
        finally:
            traffic.is_over = True
    await traffic.end()


def kill(engine: Engine) -> None:
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    wait_until_dead(engine)


async def test_g5_a_killed_valkey_has_every_hold_and_settlement_that_it_acknowledged(
    engine_folder: Path, start_engine: StartEngine, database_url: str
) -> None:
    """G5: kill -9 under load, three times: every answered call is charged, once; no other is."""
    valkey = LocalValkey(engine_folder)
    start_engine(valkey)
    async with (
        open_books(database_url, valkey.url, max_unwritten=BACKLOG) as books,
        traffic_on(books) as traffic,
    ):
        for _ in range(3):
            await traffic.more(60)
            kill(valkey)
            await asyncio.sleep(0.05)
            valkey.start()
        await traffic.more(60)


async def write_on(books: Books, customers: list[Customer], stopping: asyncio.Event) -> None:
    """A writer that goes on when Postgres is back.

    Not to be cancelled: what a connection raises that breaks just then would take that place.
    """
    while not stopping.is_set():
        for customer in customers:
            with suppress(DatabaseUnavailableError):
                await books.write(customer)
        await asyncio.sleep(0.005)


@pytest.fixture
def postgres(engine_folder: Path, start_engine: StartEngine) -> LocalPostgres:
    """A PostgreSQL of this test's own, migrated."""
    engine = LocalPostgres(engine_folder)
    start_engine(engine)
    run_apart(migrate(engine.url(user=OWNER)))
    return engine


async def test_g5_a_killed_postgres_under_the_writer_loses_no_charge_and_doubles_none(
    postgres: LocalPostgres, redis_url: str
) -> None:
    """G5, G10: calls go on without Postgres; what was written is not written again."""
    async with (
        open_books(postgres.url(), redis_url, max_unwritten=BACKLOG) as books,
        traffic_on(books) as traffic,
    ):
        stopping = asyncio.Event()
        writing = asyncio.create_task(write_on(books, traffic.customers, stopping))
        for _ in range(2):
            await traffic.more(60)
            kill(postgres)
            await traffic.more(60)
            postgres.start()
        await traffic.more(60)
        traffic.is_over = True  # what goes on filling a partition keeps its writer
        stopping.set()
        await writing


async def test_g10_a_rebuild_waits_for_postgres_and_says_so(
    postgres: LocalPostgres, redis_url: str
) -> None:
    """G10: an account that Redis has lost cannot be served without Postgres; others can."""
    async with open_books(postgres.url(), redis_url) as books:
        lost, kept = await books.customer(100), await books.customer(100)
        await books.lose_account(lost)
        kill(postgres)
        with pytest.raises(DatabaseUnavailableError):
            await books.holds.reserve(call_of(lost, 10))
        assert await books.holds.reserve(call_of(kept, 10)) == 10
        postgres.start()
        assert await books.holds.reserve(call_of(lost, 10)) == 10
