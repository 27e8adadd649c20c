"""G9 under load: reconciliation again and again while calls go on and processes are killed."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil
import pytest

from ledger.database import DatabaseUnavailableError, connect_pool
from ledger.errors import RedisUnavailableError
from ledger.pipeline import open_pipeline
from ledger.rebuilding import Rebuilder
from ledger.reconciliation.difference import Difference, Scope
from ledger.reconciliation.reconciler import Reconciler
from ledger.reconciliation.redis_check import RedisCheck
from ledger.redis_copy import RedisWorkingCopy
from tests.support.live_books import open_books
from tests.support.live_clients import Load, ask, customer_of, question
from tests.support.live_family import (
    alarms,
    logged,
    postgres_mains,
    valkeys,
    workers,
    writers,
)
from tests.support.pretend import knobs
from tests.support.stack import Customer
from tests.support.up import Up, running_up
from tests.support.waiting import until

VICTIMS: dict[str, Callable[[Up], list[psutil.Process]]] = {
    "a worker": workers,
    "the writer": writers,
    "Valkey": valkeys,
    "Postgres": postgres_mains,
}
# More rounds take longer and meet rarer moments.
ROUNDS = int(os.environ.get("TOLLGATE_TEST_ROUNDS", "1"))
CLIENTS = 12
TTL_S = 3.0
SETTINGS = {
    "TOLLGATE_WORKERS": "2",
    "TOLLGATE_RESERVATION_TTL_S": "3",
    "TOLLGATE_RECONCILE_EVERY_S": "1",
}


@dataclass
class Auditor:
    """Reconciles without a pause, and rebuilds accounts, beside a running stack."""

    reconciler: Reconciler
    rebuilder: Rebuilder
    reports: int = 0
    rebuilt: int = 0
    named: list[Difference] = field(default_factory=list)

    async def reconcile(self) -> None:
        with suppress(RedisUnavailableError, DatabaseUnavailableError):
            report = await self.reconciler.run(Scope())
            self.reports += 1
            self.named += report.differences

    async def rebuild(self, account_id: str) -> None:
        with suppress(RedisUnavailableError, DatabaseUnavailableError):
            rebuilt = await self.rebuilder.rebuild(account_id)
            self.rebuilt += 1
            self.named += [*rebuilt.found, *rebuilt.left]


@pytest.mark.timeout(300 + 60 * ROUNDS)
@pytest.mark.parametrize("with_rebuilds", [False, True])
async def test_g9_calls_in_flight_are_no_differences(state: Path, with_rebuilds: bool) -> None:
    """G9: not one false alarm, whatever is under way or killed; rebuilding moves no money."""
    with running_up(state, **SETTINGS) as up:
        customers = [customer_of(up, "100000") for _ in range(4)]
        poor = customer_of(up, "1.5")
        load = Load(up.dev["base_url"], customers)
        async with _auditor(up) as auditor:
            ids = [one.account_id for one in (*customers, poor)] if with_rebuilds else []
            async with load.running(CLIENTS), _going_on(auditor, ids), _odd_clients(up, poor):
                for _ in range(ROUNDS):
                    for victims in VICTIMS.values():
                        await _some_more(load, auditor)
                        await _kill_one(up, victims)
                await _some_more(load, auditor)
            async with open_books(up.dev) as books:
                await books.assert_agree()
                await books.assert_charged(load.complete)
            await auditor.reconcile()
        assert up.stop() == 0
        said = up.said
    assert auditor.named == []
    assert auditor.reports > 5
    assert bool(auditor.rebuilt) == with_rebuilds
    assert load.strange == []
    assert logged(said, "reconciled")
    assert logged(said, "reconcile_differences") == []
    assert logged(said, "reconcile_failed") == []
    assert alarms(said) == []


async def _some_more(load: Load, auditor: Auditor) -> None:
    """Goes on until more calls were answered, and the books were looked at meanwhile."""
    await load.goes_on(60)
    aim = auditor.reports + 3
    await until(lambda: auditor.reports >= aim, "it reconciles")


async def _kill_one(up: Up, victims: Callable[[Up], list[psutil.Process]]) -> None:
    before = victims(up)
    before[0].kill()
    await until(
        lambda: len(victims(up)) == len(before) and before[0] not in victims(up),
        "it is started again",
    )


@asynccontextmanager
async def _auditor(up: Up) -> AsyncIterator[Auditor]:
    pool = await connect_pool(up.dev["database_url"], min_size=0, max_size=6)
    try:
        async with open_pipeline(up.dev["redis_url"]) as pipeline:
            redis_check = RedisCheck(pipeline, pool, ttl_s=TTL_S)
            working_copy = RedisWorkingCopy(pipeline, pool)
            yield Auditor(
                Reconciler(redis_check, pool),
                Rebuilder(pipeline, pool, working_copy, ttl_s=TTL_S),
            )
    finally:
        pool.terminate()


@asynccontextmanager
async def _going_on(auditor: Auditor, account_ids: list[str]) -> AsyncIterator[None]:
    stopping = asyncio.Event()

    async def reconcile() -> None:
        while not stopping.is_set():
            await auditor.reconcile()
            await asyncio.sleep(0.01)

    async def rebuild() -> None:
        while account_ids and not stopping.is_set():
            for account_id in account_ids:
                await auditor.rebuild(account_id)
                await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        group.create_task(reconcile())
        group.create_task(rebuild())
        yield
        stopping.set()


@asynccontextmanager
async def _odd_clients(up: Up, poor: Customer) -> AsyncIterator[None]:
    """Calls that are refused, and clients that leave in the middle."""
    stopping = asyncio.Event()

    async def call(number: int) -> None:
        wanted = knobs(output_tokens=40, chunk_delay_s=0.02)
        timeout = aiohttp.ClientTimeout(total=0.05 + number * 0.1)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while not stopping.is_set():
                body = question(stream=bool(number % 2), max_tokens=60)
                with suppress(aiohttp.ClientError, OSError, ValueError):
                    await ask(session, up.dev["base_url"], poor, body, wanted)
                await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(call(number))
        yield
        stopping.set()
