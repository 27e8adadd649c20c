"""The writer process: drains settlements into the ledger until it is told to end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import asyncpg
import structlog
import uvloop
from redis.asyncio import Redis

from config.packages import Package
from config.secrets import Secrets
from config.settings import Settings
from ledger.caretaker import BELL_S, Caretaker
from ledger.database import DatabaseUnavailableError, connect_pool
from ledger.errors import RedisUnavailableError
from ledger.expirer import Expirer
from ledger.holds import Holds
from ledger.pipeline import open_pipeline
from ledger.reconciliation.reconciler import Reconciler
from ledger.reconciliation.redis_check import RedisCheck
from ledger.reconciliation.results import Results
from ledger.reconciliation.watch import ReconciliationWatch
from ledger.redis_copy import RedisWorkingCopy
from ledger.stream import SettlementStream
from ledger.sweeper import Sweeper
from ledger.writer import Writer
from proxy.logs import configure_logs
from proxy.processes.billing_rounds import billing_rounds
from proxy.processes.loop_signals import handle_signals
from proxy.rates.current import CurrentRates
from proxy.rates.following import RateFollower
from proxy.rates.recording import recording

POOL_SIZE = 8
LAST_WRITE_S = 10.0

_log = structlog.get_logger(__name__)


def run_writer(
    settings: Settings, secrets: Secrets, rates: RateFollower, packages: Mapping[str, Package]
) -> int:
    """Writes until SIGTERM or SIGINT; the process's exit code."""
    configure_logs()
    uvloop.run(_write(settings, secrets, rates, packages))
    return 0


async def _write(
    settings: Settings, secrets: Secrets, rates: RateFollower, packages: Mapping[str, Package]
) -> None:
    stopping = asyncio.Event()
    handle_signals(stopping, rates)
    async with (
        rates.following(stopping.set),
        open_caretaker(settings, secrets, rates.rates) as caretaker,
        billing_rounds(settings, secrets, packages),
    ):
        _log.info("writing")
        running = asyncio.create_task(caretaker.run())
        stopped = asyncio.create_task(stopping.wait())
        await asyncio.wait((running, stopped), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()  # a loop that ends is a mistake: its error ends the process
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await _write_what_is_left(caretaker)
    _log.info("stopped")


@asynccontextmanager
async def open_caretaker(
    settings: Settings, secrets: Secrets, rates: CurrentRates
) -> AsyncIterator[Caretaker]:
    """A caretaker with its connections. It starts without Postgres and without Redis."""
    async with AsyncExitStack() as stack:
        pipeline = await stack.enter_async_context(open_pipeline(secrets.redis_url))
        pool = await connect_pool(secrets.database_url, min_size=0, max_size=POOL_SIZE)
        stack.push_async_callback(pool.close)
        bell = Redis.from_url(secrets.redis_url, socket_timeout=BELL_S * 5)
        stack.push_async_callback(bell.aclose)
        working_copy = RedisWorkingCopy(pipeline, pool)
        holds = Holds(
            pipeline,
            working_copy,
            ttl_s=settings.reservation_ttl_s,
            max_unwritten=settings.max_unwritten_records,
        )
        stream = SettlementStream(pipeline)
        await stack.enter_async_context(recording(rates, pool))
        yield Caretaker(
            Writer(stream, pool, working_copy),
            stream,
            Sweeper(pipeline, holds, ttl_s=settings.reservation_ttl_s),
            Expirer(pipeline, pool, working_copy),
            bell=bell,
            working_copy=working_copy,
            pool=pool,
            sweep_every_s=min(settings.reservation_ttl_s / 6, 5),
            watch=await _watch(stack, settings, secrets, pool),
        )


async def _watch(
    stack: AsyncExitStack, settings: Settings, secrets: Secrets, pool: asyncpg.Pool
) -> ReconciliationWatch | None:
    if not settings.reconcile_every_s:
        return None
    # A connection of its own: nothing that is written waits behind what is only looked at.
    pipeline = await stack.enter_async_context(open_pipeline(secrets.redis_url))
    redis_check = RedisCheck(pipeline, pool, ttl_s=settings.reservation_ttl_s)
    reconciler = Reconciler(redis_check, pool)
    return ReconciliationWatch(reconciler, Results(pool), every_s=settings.reconcile_every_s)


async def _write_what_is_left(caretaker: Caretaker) -> None:
    try:
        async with asyncio.timeout(LAST_WRITE_S):
            written = await caretaker.write_all()
            _log.info("last_records_written", count=written)
    except (TimeoutError, RedisUnavailableError, DatabaseUnavailableError) as error:
        _log.warning("records_left_for_later", reason=str(error))
