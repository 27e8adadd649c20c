"""Holds a call's ceiling: the cheap one first, an exact one where the cheap is not affordable."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
import structlog

from config.settings import Settings
from console.errors import ApiError
from ledger.errors import (
    KeyLimitReachedError,
    NotEnoughCreditsError,
    SettlementUnavailableError,
)
from ledger.holds import ReserveRequest, Settled
from ledger.records import UsageRecord
from ledger.reservations import Reservation, Reservations
from pricing.quote import Quote, affordable_limit, quote
from proxy.calls.call import Call
from proxy.charges import Charges, Outcome
from proxy.refusals import key_limit_reached, out_of_credits
from proxy.relay.transcript import Transcript

_log = structlog.get_logger(__name__)


class Receipt(msgspec.Struct, frozen=True):
    """What a call was charged, and the balance after it where Redis knows it."""

    charge_mc: int
    balance_mc: int | None


class HeldCall:
    """A call with its hold. `limit` is the output limit that the balance imposes, if it does."""

    def __init__(
        self,
        call: Call,
        quoted: Quote,
        reservation: Reservation,
        limit: int | None,
        *,
        charges: Charges,
        reservations: Reservations,
    ) -> None:
        self.call = call
        self.quoted = quoted
        self.reservation = reservation
        self.limit = limit
        self.record: UsageRecord | None = None
        self._unsettled = Outcome(status="failed")
        self._charges = charges
        self._reservations = reservations

    async def settle(self, outcome: Outcome) -> Receipt:
        """Charges what the call used; once, before the last byte of its answer.

        Raises:
            SettlementUnavailableError: the charge stands, and the answer's end must be withheld.
        """
        record = await self._charges.settled(self.call, self.quoted, outcome)
        self.record = record
        if record.charge_mc > record.ceiling_mc:  # the provider's word stands
            _log.warning(
                "charge_over_ceiling",
                request_id=record.request_id,
                account_id=record.account_id,
                ceiling_mc=record.ceiling_mc,
                charge_mc=record.charge_mc,
            )
        settled: Settled = await self._reservations.settle(self.reservation, record)
        return Receipt(record.charge_mc, settled.balance_mc)

    def abandon(self) -> None:
        """The client has left, and no answer is waited for any more: its question is charged."""
        self._unsettled = Outcome(status="abandoned", transcript=Transcript())

    async def settle_as_it_is(self) -> Receipt:
        """Ends a call of which nothing came; raises as `settle` does."""
        return await self.settle(self._unsettled)


class Reserving:
    """Quotes and holds."""

    def __init__(self, reservations: Reservations, charges: Charges, settings: Settings) -> None:
        self._reservations = reservations
        self._charges = charges
        self._settings = settings
        self._top_up_url = settings.top_up_page

    @asynccontextmanager
    async def hold(self, call: Call, cheap: Quote) -> AsyncIterator[HeldCall]:
        """Credits held for a call; released where the call ends without being settled.

        Raises:
            ApiError: 402, the account or the key's limit can't carry the call.
            KeyRevokedError, BacklogFullError, RedisUnavailableError: nothing was held.
        """
        held = await self._reserve(call, cheap)
        try:
            yield held
        finally:
            if not held.reservation.is_settled:
                await self._release(held)

    async def _release(self, held: HeldCall) -> None:
        with suppress(SettlementUnavailableError):  # it goes on; the call's own error is told
            await held.settle_as_it_is()

    async def _reserve(self, call: Call, cheap: Quote) -> HeldCall:
        # Only where the cheap ceiling is not affordable is it worth counting.
        with suppress(NotEnoughCreditsError, KeyLimitReachedError):
            return await self._try(call, cheap, cheap.ceiling_mc)
        text_tokens = await self._charges.text_tokens(call)
        bounds = msgspec.structs.replace(call.bounds, text_tokens=text_tokens)
        call = msgspec.structs.replace(call, bounds=bounds)
        rounding = self._settings.rounding
        exact = quote(call.model, bounds, rounding)
        least = quote(call.model, bounds, rounding, limit=self._least_limit(call))
        try:
            return await self._try(call, exact, least.ceiling_mc)
        except NotEnoughCreditsError as error:
            raise self._out_of_credits(call, least.ceiling_mc, error) from None
        except KeyLimitReachedError as error:
            raise key_limit_reached(least.ceiling_mc, error) from None

    async def _try(self, call: Call, quoted: Quote, minimum_mc: int) -> HeldCall:
        reservation = await self._reservations.reserve(
            ReserveRequest(
                account_id=call.identity.account_id,
                request_id=call.request_id,
                key_id=call.identity.key_id,
                maximum_mc=quoted.ceiling_mc,
                minimum_mc=minimum_mc,
                orphan=self._charges.orphan(call, quoted),
            )
        )
        limit = None
        if reservation.ceiling_mc < quoted.ceiling_mc:
            limit = affordable_limit(
                call.model, call.bounds, self._settings.rounding, reservation.ceiling_mc
            )
            bounded = quote(call.model, call.bounds, self._settings.rounding, limit=limit)
            quoted = msgspec.structs.replace(bounded, ceiling_mc=reservation.ceiling_mc)
        return HeldCall(
            call,
            quoted,
            reservation,
            limit,
            charges=self._charges,
            reservations=self._reservations,
        )

    def _least_limit(self, call: Call) -> int:
        return call.bounds.output_limit or min(
            self._settings.min_clamp_tokens, call.model.max_output_tokens
        )

    def _out_of_credits(
        self, call: Call, required_mc: int, error: NotEnoughCreditsError
    ) -> ApiError:
        limit = affordable_limit(
            call.model, call.bounds, self._settings.rounding, error.available_mc
        )
        return out_of_credits(
            required_mc, error, affordable_tokens=limit, top_up_url=self._top_up_url
        )
