"""A worker's settlements: sent until Redis has them, remembered until Postgres has them."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable

import msgspec
import structlog

from ledger.errors import RedisUnavailableError, SettlementUnavailableError
from ledger.holds import Holds, Settled
from ledger.ids import partition_of
from ledger.pipeline import Pipeline
from ledger.records import UsageRecord
from ledger.redis_keys import partition_keys

SHORTEST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
LOOK_EVERY_S = 1.0

_log = structlog.get_logger(__name__)


class _Pending:
    """A settlement that Redis has not confirmed."""

    def __init__(self, record: UsageRecord) -> None:
        self.record = record
        self.is_undelivered = False
        self.confirmed: asyncio.Future[Settled] = asyncio.get_running_loop().create_future()


class _Confirmed(msgspec.Struct, frozen=True):
    """A settlement that Redis has filed under a number, and Postgres may not have."""

    record: UsageRecord
    number: int
    is_undelivered: bool


class Settlements:
    """Charge and settlement id are fixed at the first try; each repetition is the same."""

    def __init__(self, holds: Holds, pipeline: Pipeline, *, wait_s: float) -> None:
        self._holds = holds
        self._pipeline = pipeline
        self._wait_s = wait_s
        self._pending: dict[str, _Pending] = {}
        self._retrying: asyncio.Task[None] | None = None
        self._remembered: dict[int, dict[str, _Confirmed]] = defaultdict(dict)
        self._run_id = ""

    def __len__(self) -> int:
        """How many settlements Redis has not confirmed."""
        return len(self._pending)

    async def settle(self, record: UsageRecord) -> Settled:
        """Settles, trying again for as long as an answer's end may be withheld.

        Raises:
            SettlementUnavailableError: not confirmed in time. It is tried on, as undelivered.
        """
        started_s = asyncio.get_running_loop().time()
        try:
            settled = await self._holds.settle(record)
        except RedisUnavailableError:
            pending = self.settle_later(record)
        except asyncio.CancelledError:
            self.settle_later(record)
            raise
        else:
            self._remember(record, settled)
            return settled
        try:
            async with asyncio.timeout_at(started_s + self._wait_s):
                return await asyncio.shield(pending.confirmed)
        except TimeoutError:
            if pending.confirmed.done():  # in this very moment: it is not tried again
                return pending.confirmed.result()
            pending.is_undelivered = record.charge_mc > 0  # what is free needs no refund
            raise SettlementUnavailableError(record.request_id) from None

    def settle_later(self, record: UsageRecord) -> _Pending:
        """Settles in the background, however long it takes."""
        pending = self._pending.setdefault(record.request_id, _Pending(record))
        if self._retrying is None or self._retrying.done():
            self._retrying = asyncio.get_running_loop().create_task(self._retry())
        return pending

    async def flush(self, timeout_s: float) -> int:
        """Waits until Redis has everything; returns how many it still lacks at the end."""
        if self._retrying and self._pending:
            await asyncio.wait((self._retrying,), timeout=timeout_s)
        return len(self._pending)

    async def watch(self) -> None:
        """Forgets what is written, and sends all again to a Redis that has lost it."""
        while True:
            # First at once: what is settled before it is known which Redis that was is sent again.
            try:
                await self._look()
            except RedisUnavailableError as error:
                _log.warning("redis_away", reason=str(error), unconfirmed=len(self._pending))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _retry(self) -> None:
        pause_s = SHORTEST_PAUSE_S
        while self._pending:
            await asyncio.gather(*(self._try(pending) for pending in list(self._pending.values())))
            if self._pending:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _try(self, pending: _Pending) -> None:
        is_undelivered = pending.is_undelivered
        try:
            settled = await self._holds.settle(pending.record, undelivered=is_undelivered)
        except RedisUnavailableError:
            return
        if pending.is_undelivered and not is_undelivered:
            return  # given up while this was under way: once more, to say so
        self._remember(pending.record, settled, is_undelivered=is_undelivered)
        self._pending.pop(pending.record.request_id, None)
        if not pending.confirmed.done():
            pending.confirmed.set_result(settled)

    def _remember(
        self, record: UsageRecord, settled: Settled, *, is_undelivered: bool = False
    ) -> None:
        of_partition = self._remembered[partition_of(record.account_id)]
        of_partition[record.request_id] = _Confirmed(record, settled.number, is_undelivered)

    async def _look(self) -> None:
        # What Redis has told, taken before it is asked: it must have come at least as far.
        told = {
            partition: max(kept.number for kept in records.values())
            for partition, records in self._remembered.items()
            if records
        }
        asked = [
            self._pipeline.command("HMGET", partition_keys(partition).position, "number", "written")
            for partition in told
        ]
        # Asked last: if it is still the same Redis, all answers before were of the same one too.
        *answers, info = await asyncio.gather(*asked, self._pipeline.command("INFO", "server"))
        positions = [(int(number or 0), int(written or 0)) for number, written in answers]
        if info["run_id"] != self._run_id or _is_behind(positions, told.values()):
            await self._send_again()
        else:
            for partition, (_, written) in zip(told, positions, strict=True):
                self._forget(partition, written)
        self._run_id = info["run_id"]

    def _forget(self, partition: int, last_written: int) -> None:
        self._remembered[partition] = {
            request_id: kept
            for request_id, kept in self._remembered[partition].items()
            if kept.number > last_written
        }

    async def _send_again(self) -> None:
        confirmed = [kept for records in self._remembered.values() for kept in records.values()]
        if confirmed:
            _log.warning("redis_restarted", sent_again=len(confirmed))
        await asyncio.gather(*(self._settle_again(kept) for kept in confirmed))

    async def _settle_again(self, kept: _Confirmed) -> None:
        settled = await self._holds.settle(kept.record, undelivered=kept.is_undelivered)
        self._remember(kept.record, settled, is_undelivered=kept.is_undelivered)


def _is_behind(positions: Iterable[tuple[int, int]], told: Iterable[int]) -> bool:
    """Whether Redis numbers its records lower than it did: it has been set back."""
    return any(number < before for (number, _), before in zip(positions, told, strict=True))
