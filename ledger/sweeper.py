"""Settles holds whose worker has gone: past their deadline, by the orphan policy."""

import asyncio
import time

import structlog

from ledger.errors import RedisUnavailableError
from ledger.holds import Holds
from ledger.ids import PARTITIONS
from ledger.pipeline import Pipeline
from ledger.redis_keys import partition_keys

AT_ONCE = 200

_log = structlog.get_logger(__name__)


class Sweeper:
    """Looks for overdue holds in all partitions.

    While Redis was away, workers could not renew: nothing is swept within a deadline's length
    after it came back.
    """

    def __init__(self, pipeline: Pipeline, holds: Holds, *, ttl_s: float) -> None:
        self._pipeline = pipeline
        self._holds = holds
        self._ttl_s = ttl_s
        self._run_id = ""
        self._was_away = False
        self._quiet_until_s = 0.0

    async def sweep(self) -> int:
        """Settles what is overdue; returns how many holds that were.

        Raises:
            RedisUnavailableError: to be tried again.
        """
        try:
            if await self._must_wait():
                return 0
            return sum([await self._sweep_one(member) for member in await self._overdue()])
        except RedisUnavailableError:
            self._was_away = True
            raise

    async def _must_wait(self) -> bool:
        info = await self._pipeline.command("INFO", "server")
        is_other = info["run_id"] != self._run_id
        # Of the first one that is met, only its age says whether it came back a moment ago.
        is_young = info["uptime_in_seconds"] < 2 * self._ttl_s
        if self._was_away or (is_other and (self._run_id or is_young)):
            self._quiet_until_s = time.monotonic() + self._ttl_s
        self._was_away = False
        self._run_id = info["run_id"]
        return time.monotonic() < self._quiet_until_s

    async def _overdue(self) -> list[bytes]:
        now_s, _ = await self._pipeline.command("TIME")
        replies = [
            self._pipeline.command(
                "ZRANGEBYSCORE",
                *(partition_keys(partition).deadlines, "-inf", now_s * 1000, "LIMIT", 0, AT_ONCE),
            )
            for partition in range(PARTITIONS)
        ]
        return [member for reply in await asyncio.gather(*replies) for member in reply]

    async def _sweep_one(self, member: bytes) -> bool:
        account_id, _, request_id = member.decode().partition("/")
        swept = await self._holds.sweep(account_id, request_id)
        if swept:
            _log.warning("orphan_settled", account_id=account_id, request_id=request_id)
        return swept
