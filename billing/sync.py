"""Asks Stripe for what it may not have told: payments, refunds, disputes, saved cards.

Everything goes the way that events go, so what is known already changes nothing.
"""

from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import asyncpg
import msgspec
import structlog

from billing import purchase_store
from billing.disputes import Disputes
from billing.errors import PaymentsNotConfiguredError, StripeRefusedError
from billing.purchases import Purchase, Purchases, read_purchase
from billing.queries import load_queries
from billing.saved_cards import take_found_card
from billing.stripe_client import StripeApi
from billing.stripe_objects import CheckoutSession
from billing.takings import Accounts, Takings
from ledger.database import Connection, acquired, transaction
from ledger.working_copy import WorkingCopy, tell

T = TypeVar("T")

# Stripe's clock is not ours, and what was begun before the last time may have been paid since.
OVERLAP = timedelta(hours=1)
FIRST_LOOK = timedelta(days=7)
# A page is open for a day; a payment by bank takes a week or two.
LONGEST_UNDER_WAY = timedelta(days=30)
# What was known before changes: banks decide disputes after months, and a refund that has gone out
# comes back for up to 30 days.
LONGEST_DISPUTE = timedelta(days=180)
LONGEST_REFUNDING = timedelta(days=30)
# A wish to save a card is as old as its page, which is open for a day.
LONGEST_SAVING = timedelta(days=1)

_QUERIES = load_queries("sync")
_log = structlog.get_logger(__name__)

TEST_IS_OVER = "It was begun with test payments, which are over: nothing was charged."
_COME_TO_NOTHING = ("requires_payment_method", "canceled")


class SyncReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at since `since`, and which purchases changed by it.

    `credited_mc` is by how much all of these purchases together changed balances.
    """

    since: datetime
    sessions: int
    payments: int
    refunds: int
    disputes: int
    cards: int
    changed: tuple[Purchase, ...]
    credited_mc: int


class _Seen(msgspec.Struct):
    sessions: int = 0
    payments: int = 0
    refunds: int = 0
    disputes: int = 0
    cards: int = 0
    changed: set[str] = msgspec.field(default_factory=set)
    credited_mc: int = 0


class BillingSync:
    """Brings the ledger to what Stripe knows. Several at once do no harm."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        stripe: StripeApi | None,
        takings: Takings,
        disputes: Disputes,
        working_copy: WorkingCopy,
    ) -> None:
        self._pool = pool
        self._purchases = Purchases(pool)
        self._stripe = stripe
        self._takings = takings
        self._disputes = disputes
        self._working_copy = working_copy

    async def run(self, since: datetime | None = None) -> SyncReport:
        """Looks at everything since `since`, by default since the last time with some overlap, and
        at every purchase that is still under way.

        Raises:
            PaymentsNotConfiguredError: there is no key for Stripe.
            StripeUnavailableError, StripeRefusedError: it is to be run again; nothing is lost.
            DatabaseUnavailableError: Postgres is away.
        """
        if self._stripe is None:
            raise PaymentsNotConfiguredError
        begun_at = datetime.now(UTC)
        start = since or await self._last_time(self._stripe)
        seen = _Seen()
        await self._look_at_purchases_under_way(self._stripe, seen)
        await self._look_at_what_is_new(self._stripe, start, seen)
        await self._look_at_cards(self._stripe, start - LONGEST_SAVING, seen)
        await self._judge_disputed()
        async with acquired(self._pool) as connection:
            if since is None:
                await connection.execute(_QUERIES["note_synced"], self._stripe.is_live, begun_at)
        changed = [await self._purchases.get(one) for one in sorted(seen.changed)]
        report = SyncReport(
            since=start,
            sessions=seen.sessions,
            payments=seen.payments,
            refunds=seen.refunds,
            disputes=seen.disputes,
            cards=seen.cards,
            changed=tuple(changed),
            credited_mc=seen.credited_mc,
        )
        _log.info("billing_synced", changed=len(changed), credited_mc=report.credited_mc)
        return report

    async def _last_time(self, stripe: StripeApi) -> datetime:
        # Of this mode, live or test: in the meantime the other one may have been asked.
        async with acquired(self._pool) as connection:
            synced_until: datetime | None = await connection.fetchval(
                _QUERIES["synced_until"], stripe.is_live
            )
        if synced_until is None:
            return datetime.now(UTC) - FIRST_LOOK
        return min(synced_until, datetime.now(UTC)) - OVERLAP

    async def _look_at_purchases_under_way(self, stripe: StripeApi, seen: _Seen) -> None:
        async with acquired(self._pool) as connection:
            rows = await connection.fetch(
                _QUERIES["purchases_under_way"], datetime.now(UTC) - LONGEST_UNDER_WAY
            )
        for purchase in map(read_purchase, rows):
            try:
                await self._look_at(stripe, purchase, seen)
            except StripeRefusedError as error:
                # One that Stripe does not know must not keep the others waiting.
                _log.warning(
                    "purchase_not_found", purchase_id=purchase.purchase_id, reason=str(error)
                )
                if error.is_unknown and purchase.is_test_checkout:
                    await self._end(purchase)

    async def _end(self, purchase: Purchase) -> None:
        # Nobody can pay there what we could be told of. One of live mode waits: it could be paid.
        async with transaction(self._pool) as connection:
            locked = await purchase_store.lock_purchase(connection, purchase.purchase_id)
            await purchase_store.fail(connection, locked, TEST_IS_OVER)

    async def _look_at(self, stripe: StripeApi, purchase: Purchase, seen: _Seen) -> None:
        if purchase.checkout_session_id is not None:
            session = await stripe.checkout_session(purchase.checkout_session_id)
            seen.sessions += 1
            await self._take(self._takings.take_session, session, seen)
            if session.status == "complete" and session.payment_intent_id is not None:
                await self._look_at_payment(stripe, session.payment_intent_id, session, seen)
        elif purchase.payment_intent_id is not None:
            await self._look_at_payment(stripe, purchase.payment_intent_id, None, seen)

    async def _look_at_payment(
        self, stripe: StripeApi, payment_id: str, session: CheckoutSession | None, seen: _Seen
    ) -> None:
        intent = await stripe.payment_intent(payment_id)
        seen.payments += 1
        await self._take(self._takings.take_intent, intent, seen)
        if session is not None and intent.status in _COME_TO_NOTHING:
            # A session does not say itself that its slow payment has failed.
            failed = partial(self._takings.take_session, has_failed=True)
            await self._take(failed, session, seen)

    async def _look_at_what_is_new(self, stripe: StripeApi, since: datetime, seen: _Seen) -> None:
        takings = self._takings
        sessions = stripe.checkout_sessions_since(since)
        seen.sessions += await self._take_all(takings.take_session, sessions, seen)
        payments = stripe.payment_intents_since(since)
        seen.payments += await self._take_all(takings.take_intent, payments, seen)
        refunds = stripe.refunds_since(since - LONGEST_REFUNDING)
        seen.refunds += await self._take_all(takings.take_refund, refunds, seen)
        disputes = stripe.disputes_since(since - LONGEST_DISPUTE)
        seen.disputes += await self._take_all(takings.take_dispute, disputes, seen)

    async def _look_at_cards(self, stripe: StripeApi, since: datetime, seen: _Seen) -> None:
        async for intent in stripe.setup_intents_since(since):
            seen.cards += 1
            async with transaction(self._pool) as connection:
                await take_found_card(connection, intent)

    async def _take_all(
        self,
        take: Callable[[Connection, T], Coroutine[Any, Any, Accounts]],
        things: AsyncIterator[T],
        seen: _Seen,
    ) -> int:
        count = 0
        async for thing in things:
            count += 1
            await self._take(take, thing, seen)
        return count

    async def _take(
        self,
        take: Callable[[Connection, T], Coroutine[Any, Any, Accounts]],
        thing: T,
        seen: _Seen,
    ) -> None:
        async with transaction(self._pool) as connection:
            before = await connection.fetchval(_QUERIES["now"])
            accounts = await take(connection, thing)
            for account_id in accounts:
                rows = await connection.fetch(_QUERIES["posted_since"], account_id, before)
                seen.changed |= {row["ref"] for row in rows}
                seen.credited_mc += sum(row["amount_mc"] for row in rows)
        for account_id in accounts:
            await tell(self._working_copy, account_id)

    async def _judge_disputed(self) -> None:
        async with acquired(self._pool) as connection:
            accounts = await self._disputes.to_judge(connection)
        for account_id in accounts:
            async with transaction(self._pool) as connection:
                await self._disputes.judge(connection, account_id)
            await tell(self._working_copy, account_id)
