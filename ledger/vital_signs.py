"""How the books are doing, for who watches from afar: the same whichever worker is asked."""

import asyncio
import time
from collections.abc import Mapping

import asyncpg
import msgspec

from ledger.database import DatabaseUnavailableError, acquired
from ledger.errors import RedisUnavailableError
from ledger.ids import PARTITIONS
from ledger.pipeline import Pipeline
from ledger.queries import load_queries
from ledger.reconciliation.report import Result
from ledger.reconciliation.results import Results
from ledger.redis_keys import partition_keys

FRESH_S = 3.0
PATIENCE_S = 2.0

_QUERIES = load_queries("reconciliation")


class LedgerSigns(msgspec.Struct, frozen=True, kw_only=True):
    """What Postgres knows; `alerts` are numbers by kind."""

    reconciled: Result | None
    unapplied_syncs: int
    rejected_records: int
    alerts: Mapping[str, int]


class VitalSigns(msgspec.Struct, frozen=True):
    """What both engines know; None of one that did not answer in time."""

    ledger: LedgerSigns | None
    waiting_records: int | None


class Pulse:
    """Asks the engines, at most every few seconds."""

    def __init__(self, pool: asyncpg.Pool, pipeline: Pipeline) -> None:
        self._pool = pool
        self._pipeline = pipeline
        self._results = Results(pool)
        self._asking = asyncio.Lock()
        self._asked_s = 0.0
        self._last: VitalSigns | None = None

    async def feel(self) -> VitalSigns:
        """The signs as of now, or of a few seconds ago."""
        async with self._asking:
            if self._last is None or time.monotonic() - self._asked_s > FRESH_S:
                ledger, waiting = await asyncio.gather(self._ask_postgres(), self._ask_redis())
                self._last = VitalSigns(ledger, waiting)
                self._asked_s = time.monotonic()
            return self._last

    async def _ask_postgres(self) -> LedgerSigns | None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                last = await self._results.last()
                async with acquired(self._pool) as connection:
                    matters = await connection.fetch(_QUERIES["open_matters"])
                    alerts = await connection.fetch(_QUERIES["alerts_by_kind"])
        except (DatabaseUnavailableError, TimeoutError, asyncpg.PostgresError):
            return None
        return LedgerSigns(
            reconciled=last.newest,
            unapplied_syncs=matters[0]["unapplied_syncs"],
            rejected_records=matters[0]["rejected_records"],
            alerts={row["kind"]: row["alerts"] for row in alerts},
        )

    async def _ask_redis(self) -> int | None:
        lengths = [
            self._pipeline.command("XLEN", partition_keys(number).settlements)
            for number in range(PARTITIONS)
        ]
        try:
            async with asyncio.timeout(PATIENCE_S):
                counts: list[int] = await asyncio.gather(*lengths)
        except (RedisUnavailableError, TimeoutError):
            return None
        return sum(counts)
