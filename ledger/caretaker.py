"""The writer's daily round: writing, sweeping, syncing, expiring, reconciling, making months."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ledger.database import DatabaseUnavailableError, acquired
from ledger.errors import RedisUnavailableError
from ledger.expirer import Expirer
from ledger.ids import PARTITIONS
from ledger.queries import load_queries
from ledger.reconciliation.watch import ReconciliationWatch
from ledger.redis_copy import RedisWorkingCopy
from ledger.redis_keys import partition_keys
from ledger.stream import SettlementStream
from ledger.sweeper import Sweeper
from ledger.writer import Writer

PARTITIONS_AT_ONCE = 4
BELL_S = 1.0
SYNC_EVERY_S = 0.2
EXPIRE_EVERY_S = 2.0
MONTHS_EVERY_S = 3600.0
RECONCILE_LOOK_S = 5.0
MONTHS_AHEAD = 3
LONGEST_PAUSE_S = 2.0

_WRITER = load_queries("writer")
_log = structlog.get_logger(__name__)


class Caretaker:
    """Runs all loops of a writer process. Each goes on by itself when an engine was away."""

    def __init__(
        self,
        writer: Writer,
        stream: SettlementStream,
        sweeper: Sweeper,
        expirer: Expirer,
        *,
        bell: Redis,
        working_copy: RedisWorkingCopy,
        pool: asyncpg.Pool,
        sweep_every_s: float,
        watch: ReconciliationWatch | None = None,
    ) -> None:
        self._writer = writer
        self._stream = stream
        self._sweeper = sweeper
        self._expirer = expirer
        self._bell = bell
        self._working_copy = working_copy
        self._pool = pool
        self._sweep_every_s = sweep_every_s
        self._watch = watch

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_repeat("write", self._write_when_called, 0))
            group.create_task(_repeat("sweep", self._sweeper.sweep, self._sweep_every_s))
            group.create_task(_repeat("sync", self._working_copy.apply_all_syncs, SYNC_EVERY_S))
            group.create_task(_repeat("expire", self._expirer.expire, EXPIRE_EVERY_S))
            group.create_task(_repeat("months", self._make_months, MONTHS_EVERY_S))
            if self._watch is not None:
                group.create_task(_repeat("reconcile", self._watch.run_if_due, RECONCILE_LOOK_S))

    async def write_all(self) -> int:
        """Writes what waits in any partition; returns how many records that were.

        Raises:
            RedisUnavailableError, DatabaseUnavailableError: to be tried again.
        """
        at_once = asyncio.Semaphore(PARTITIONS_AT_ONCE)

        async def write(partition: int) -> int:
            async with at_once:
                return await self._writer.write_partition(partition)

        waiting = await self._stream.waiting_partitions()
        # Each to its end: a partition that cannot be written is not to be met by itself.
        writing = (write(partition) for partition in waiting)
        written = await asyncio.gather(*writing, return_exceptions=True)
        for outcome in written:
            if isinstance(outcome, BaseException):
                raise outcome
        return sum(count for count in written if isinstance(count, int))

    async def _write_when_called(self) -> None:
        streams: dict[bytes | str | memoryview, int | bytes | str | memoryview] = {
            partition_keys(number).settlements: "0" for number in range(PARTITIONS)
        }
        try:
            called = await self._bell.xread(streams, count=1, block=int(BELL_S * 1000))
        except (RedisError, OSError) as error:
            raise RedisUnavailableError(str(error)) from error
        if called:
            await self.write_all()

    async def _make_months(self) -> None:
        async with acquired(self._pool) as connection:
            await connection.execute(_WRITER["ensure_partitions"], MONTHS_AHEAD)


async def _repeat(name: str, work: Callable[[], Awaitable[object]], every_s: float) -> None:
    pause_s = every_s
    while True:
        try:
            await work()
            pause_s = every_s
        except (RedisUnavailableError, DatabaseUnavailableError) as error:
            pause_s = min(max(pause_s * 2, SYNC_EVERY_S), max(LONGEST_PAUSE_S, every_s))
            _log.warning("engine_away", work=name, reason=str(error))
        except asyncpg.PostgresError as error:
            pause_s = LONGEST_PAUSE_S
            _log.error("database_error", work=name, reason=f"{type(error).__name__}: {error}")
        _end_if_cancelled()
        await asyncio.sleep(pause_s)


def _end_if_cancelled() -> None:
    # A connection that breaks under a cancelled task puts its error in the cancellation's place.
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
