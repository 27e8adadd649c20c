"""Tells Postgres which rates came into force, in the background, for as long as it takes."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import structlog

from ledger.database import DatabaseUnavailableError
from ledger.rate_versions import RateApplication, RateVersions
from proxy.rates.current import CurrentRates

LOOK_EVERY_S = 0.5
LONGEST_PAUSE_S = 5.0

_log = structlog.get_logger(__name__)


class RateRecorder:
    """Works off the switches of `CurrentRates`, the oldest first."""

    def __init__(self, versions: RateVersions, switches: deque[RateApplication]) -> None:
        self._versions = versions
        self._switches = switches
        self._is_failing = False

    async def record(self) -> None:
        """Works until it is cancelled."""
        pause_s = LOOK_EVERY_S
        while True:
            if await self._record_all():
                pause_s = LOOK_EVERY_S
            else:
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            _end_if_cancelled()
            await asyncio.sleep(pause_s)

    async def _record_all(self) -> bool:
        while self._switches:
            oldest = self._switches[0]
            try:
                await self._versions.remember(oldest)
            except (DatabaseUnavailableError, asyncpg.PostgresError) as error:
                self._note_failure(oldest, error)
                return False
            self._is_failing = False
            # Where too many came meanwhile, the oldest has left by itself.
            if self._switches and self._switches[0] is oldest:
                self._switches.popleft()
        return True

    def _note_failure(self, application: RateApplication, error: Exception) -> None:
        if not self._is_failing:  # once: it is tried again and again
            _log.warning("rates_recorded_later", version=application.version, reason=str(error))
        self._is_failing = True


@asynccontextmanager
async def recording(rates: CurrentRates, pool: asyncpg.Pool) -> AsyncIterator[None]:
    """Records while the block runs."""
    task = asyncio.create_task(RateRecorder(RateVersions(pool), rates.switches).record())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _end_if_cancelled() -> None:
    # A connection that breaks under a cancelled task puts its error in the cancellation's place.
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
