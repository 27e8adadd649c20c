"""A worker's reservations: made, kept alive, and ended once, whatever happens to Redis."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import structlog

from ledger.errors import RedisUnavailableError
from ledger.holds import Holds, ReserveRequest, Settled
from ledger.ids import partition_of
from ledger.records import SETTLED, UsageRecord
from ledger.settlements import Settlements
from pricing.usage import NOTHING

_log = structlog.get_logger(__name__)


class Reservation:
    """The hold of one call; what runs under its guard ends where the hold cannot be kept."""

    def __init__(self, request: ReserveRequest, ceiling_mc: int, renewed_s: float) -> None:
        self.request = request
        self.ceiling_mc = ceiling_mc
        self.renewed_s = renewed_s
        self.is_settled = False
        self.is_stopped = False
        self._guard: asyncio.Timeout | None = None

    @asynccontextmanager
    async def guard(self) -> AsyncIterator[None]:
        """A scope that ends with a TimeoutError when the call is stopped."""
        async with asyncio.timeout(0 if self.is_stopped else None) as scope:
            self._guard = scope
            try:
                yield
            finally:
                self._guard = None

    def stop(self) -> None:
        """Ends what runs under the guard, and whatever will."""
        self.is_stopped = True
        self.end_after(0)

    def end_after(self, wait_s: float) -> None:
        """Ends what runs under the guard in a while, if it is still running then."""
        end_s = asyncio.get_running_loop().time() + wait_s
        if self._guard is not None and (self._guard.when() or end_s) >= end_s:
            self._guard.reschedule(end_s)


class Reservations:
    """All reservations of a worker that are under way."""

    def __init__(self, holds: Holds, settlements: Settlements, *, ttl_s: float) -> None:
        self._holds = holds
        self._settlements = settlements
        self._ttl_s = ttl_s
        # A worker that could not renew must stop before the sweeper takes over.
        self._give_up_s = ttl_s - min(10, ttl_s / 6)
        self._under_way: dict[str, Reservation] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    async def reserve(self, request: ReserveRequest) -> Reservation:
        """Holds credits for a call; see `Holds.reserve` for what it raises."""
        now_s = asyncio.get_running_loop().time()
        try:
            ceiling_mc = await self._holds.reserve(request)
        except RedisUnavailableError as error:
            if error.was_sent:
                self._settlements.settle_later(released(request.orphan))
            raise
        except asyncio.CancelledError:
            self._settlements.settle_later(released(request.orphan))
            raise
        reservation = Reservation(request, ceiling_mc, now_s)
        self._under_way[request.request_id] = reservation
        return reservation

    async def settle(self, reservation: Reservation, record: UsageRecord) -> Settled:
        """Ends a reservation with its charge; once it was called, that charge stands.

        Raises:
            SettlementUnavailableError: Redis has not confirmed in time; tried on and on.
        """
        reservation.is_settled = True
        self._under_way.pop(record.request_id, None)
        return await self._settlements.settle(record)

    def release_later(self, reservation: Reservation) -> None:
        """Ends a reservation with nothing charged, without waiting for it."""
        reservation.is_settled = True
        self._under_way.pop(reservation.request.request_id, None)
        self._settlements.settle_later(released(reservation.request.orphan))

    def stop_all(self) -> None:
        """Stops every call that is under way."""
        for reservation in list(self._under_way.values()):
            reservation.stop()

    async def keep_alive(self) -> None:
        """Renews all deadlines every third of their length, until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew_on_time())
            group.create_task(self._stop_in_time())

    async def _renew_on_time(self) -> None:
        pause_s = self._ttl_s / 3
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self._renew_all()
                pause_s = self._ttl_s / 3
            except RedisUnavailableError as error:
                _log.warning("holds_not_renewed", reason=str(error))
                pause_s = self._ttl_s / 20

    async def _stop_in_time(self) -> None:
        """Sleeps until the next call would be lost, however long a renewal takes to fail."""
        while True:
            now_s = asyncio.get_running_loop().time()
            living = [one.renewed_s for one in self._under_way.values() if not one.is_stopped]
            await asyncio.sleep(min(living, default=now_s) + self._give_up_s - now_s)
            self._stop_what_is_lost()

    async def _renew_all(self) -> None:
        by_partition: dict[int, list[Reservation]] = defaultdict(list)
        for reservation in self._under_way.values():
            by_partition[partition_of(reservation.request.account_id)].append(reservation)
        now_s = asyncio.get_running_loop().time()
        await asyncio.gather(
            *(self._renew(number, batch, now_s) for number, batch in by_partition.items())
        )

    async def _renew(self, partition: int, batch: list[Reservation], now_s: float) -> None:
        requests = [reservation.request for reservation in batch]
        members = [f"{request.account_id}/{request.request_id}" for request in requests]
        await self._holds.renew(partition, members)
        for reservation in batch:
            reservation.renewed_s = now_s

    def _stop_what_is_lost(self) -> None:
        oldest_s = asyncio.get_running_loop().time() - self._give_up_s
        for reservation in list(self._under_way.values()):
            if reservation.renewed_s <= oldest_s and not reservation.is_stopped:
                _log.error("call_stopped", request_id=reservation.request.request_id)
                reservation.stop()


def released(orphan: UsageRecord) -> UsageRecord:
    """The record of a call that came to nothing and costs nothing."""
    return msgspec.structs.replace(
        orphan, kind=SETTLED, status="failed", basis="none", usage=NOTHING, units={}, charge_mc=0
    )
