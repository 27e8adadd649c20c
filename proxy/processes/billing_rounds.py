"""What the writer process does for payments, beside writing: syncing, recharging, telling.

Nothing here can end or hold up who writes: it has connections of its own, and an error is logged
and tried again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import NamedTuple

import msgspec
import structlog

from billing.errors import StripeRefusedError, StripeUnavailableError
from billing.low_balance import LowBalance
from billing.notices import open_notices, outbox_of
from config.packages import Package
from config.secrets import Secrets
from config.settings import Settings
from ledger.database import DatabaseUnavailableError, connect_pool
from ledger.errors import RedisUnavailableError
from ledger.pipeline import open_pipeline
from ledger.redis_copy import RedisWorkingCopy
from proxy.payments import open_payments
from proxy.processes.listener import local_url

POOL_SIZE = 4
RECHARGE_EVERY_S = 1.0
LOW_BALANCE_EVERY_S = 2.0
SEND_EVERY_S = 1.0
LONGEST_PAUSE_S = 60.0

_AWAY = (
    DatabaseUnavailableError,
    RedisUnavailableError,
    StripeUnavailableError,
    StripeRefusedError,
)
_log = structlog.get_logger(__name__)


class Round(NamedTuple):
    """Work that is done again and again."""

    name: str
    work: Callable[[], Awaitable[object]]
    every_s: float


@asynccontextmanager
async def billing_rounds(
    settings: Settings, secrets: Secrets, packages: Mapping[str, Package]
) -> AsyncIterator[None]:
    """Goes the rounds for as long as it is open. It starts without Postgres and without Redis."""
    if settings.public_url is None:
        here = local_url(settings.host, settings.port)
        settings = msgspec.structs.replace(settings, public_url=here)
    async with AsyncExitStack() as stack:
        rounds = await _rounds(stack, settings, secrets, packages)
        tasks = [asyncio.create_task(go_round(one)) for one in rounds]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task


async def go_round(work: Round) -> None:
    """Does a work until it is cancelled, whatever it raises."""
    pause_s = work.every_s
    while True:
        try:
            await work.work()
            pause_s = work.every_s
        except _AWAY as error:
            pause_s = min(pause_s * 2, max(LONGEST_PAUSE_S, work.every_s))
            _log.warning("billing_waits", work=work.name, reason=str(error))
        except Exception:  # noqa: BLE001 - who sells must not end who writes
            pause_s = max(LONGEST_PAUSE_S, work.every_s)
            _log.exception("billing_failed", work=work.name)
        _end_if_cancelled()
        await asyncio.sleep(pause_s)


async def _rounds(
    stack: AsyncExitStack, settings: Settings, secrets: Secrets, packages: Mapping[str, Package]
) -> list[Round]:
    pipeline = await stack.enter_async_context(open_pipeline(secrets.redis_url))
    pool = await connect_pool(secrets.database_url, min_size=0, max_size=POOL_SIZE)
    stack.push_async_callback(pool.close)
    payments = await stack.enter_async_context(
        open_payments(
            *(settings, secrets, packages),
            pool=pool,
            working_copy=RedisWorkingCopy(pipeline, pool),
        )
    )
    notices = await stack.enter_async_context(open_notices(settings, secrets, pool))
    low_balance = LowBalance(
        pool,
        outbox_of(settings),
        default_credits=settings.low_balance_credits,
        top_up_url=settings.top_up_page,
    )
    rounds = [
        Round("low_balance", low_balance.run_once, LOW_BALANCE_EVERY_S),
        Round("notices", notices.send_due, SEND_EVERY_S),
    ]
    if payments.auto_recharge is not None:
        rounds.append(Round("recharge", payments.auto_recharge.run_once, RECHARGE_EVERY_S))
        if settings.billing_sync_every_s:
            rounds.append(Round("sync", payments.sync.run, settings.billing_sync_every_s))
    return rounds


def _end_if_cancelled() -> None:
    # A connection that breaks under a cancelled task puts its error in the cancellation's place.
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
