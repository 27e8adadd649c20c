"""What each of Stripe's objects says of a purchase, taken down and settled. Whether an event has
brought it, or we have asked for it: this is the one way to credits.

Each method works in the caller's transaction and returns the accounts that Redis is to be told of.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from billing import payments, purchase_store
from billing.alerts import raise_mismatch
from billing.crediting import Crediting
from billing.payments import lock_payment, payment_of
from billing.purchases import Purchase
from billing.stripe_objects import (
    CURRENCY,
    Charge,
    CheckoutSession,
    Dispute,
    PaymentIntent,
    Refund,
    claim_of,
)
from ledger.database import Connection

_log = structlog.get_logger(__name__)

FREE = "no_payment_required"

Accounts = frozenset[str]
NONE: Accounts = frozenset()


class Takings:
    """Takes down what Stripe says, and settles what follows from it."""

    def __init__(self, crediting: Crediting) -> None:
        self._crediting = crediting

    async def take_session(
        self, connection: Connection, session: CheckoutSession, *, has_failed: bool = False
    ) -> Accounts:
        """A visit to the checkout page; `has_failed` where a slow way to pay came to nothing."""
        if session.mode != "payment":
            return NONE
        if session.payment_intent_id is not None:
            await lock_payment(connection, session.payment_intent_id)
        purchase = await purchase_store.find_purchase(
            connection,
            payment_intent_id=session.payment_intent_id,
            session_id=session.id,
            claims=(session.purchase_id,),
        )
        if purchase is None:
            _log.info("not_a_purchase_of_ours", session_id=session.id)
            return NONE
        if purchase.checkout_session_id not in (None, session.id):
            what = f"{session.id} claims to be for it"
            await raise_mismatch(connection, purchase, what, about=_key_of(session))
            return NONE
        await purchase_store.name_session(connection, purchase, session.id, session.url)
        if not await self._is_of(connection, purchase, session.payment_intent_id):
            return NONE
        await _take_outcome(connection, purchase, session, has_failed=has_failed)
        return await self._settle(connection, purchase)

    async def take_intent(self, connection: Connection, intent: PaymentIntent) -> Accounts:
        """A payment. One that a checkout page led to says nothing of taxes and promotion codes."""
        charge = intent.latest_charge if isinstance(intent.latest_charge, Charge) else None
        if charge is not None:
            await lock_payment(connection, charge.id)
        await lock_payment(connection, intent.id)
        if charge is not None:
            await payments.note_charge(connection, intent.id, charge)
        claims = (claim_of(intent.metadata),)
        purchase = await purchase_store.find_purchase(
            connection, payment_intent_id=intent.id, claims=claims
        )
        if purchase is None or not await self._is_of(connection, purchase, intent.id):
            return NONE
        if intent.status == "succeeded":
            await _take_payment(connection, purchase, intent)
        return await self._settle(connection, purchase)

    async def take_charge(self, connection: Connection, charge: Charge) -> Accounts:
        """An attempt at a payment: its receipt, and what of it was refunded."""

        async def note(payment_id: str) -> None:
            await payments.note_charge(connection, payment_id, charge)

        return await self._take_fact(connection, charge, note)

    async def take_refund(self, connection: Connection, refund: Refund) -> Accounts:
        """A refund, as it stands."""

        async def note(payment_id: str) -> None:
            await payments.note_refund(connection, payment_id, refund)

        return await self._take_fact(connection, refund, note)

    async def take_dispute(
        self, connection: Connection, dispute: Dispute, event_type: str | None = None
    ) -> Accounts:
        """A dispute, as it stands; the type of the event where it came with one."""

        async def note(payment_id: str) -> None:
            await payments.note_dispute(connection, payment_id, dispute, event_type)

        return await self._take_fact(connection, dispute, note)

    async def _take_fact(
        self,
        connection: Connection,
        thing: Charge | Refund | Dispute,
        note: Callable[[str], Coroutine[Any, Any, None]],
    ) -> Accounts:
        if thing.currency != CURRENCY:
            await _take_other_currency(connection, thing)
            return NONE
        payment_id = await payment_of(connection, thing)
        if payment_id is None:
            _log.info("not_a_payment_of_ours", object_id=thing.id)
            return NONE
        await lock_payment(connection, payment_id)
        await note(payment_id)
        claims = (claim_of(thing.metadata),) if isinstance(thing, Charge) else ()
        purchase = await purchase_store.find_purchase(
            connection, payment_intent_id=payment_id, claims=claims
        )
        if purchase is None or not await self._is_of(connection, purchase, payment_id):
            return NONE
        return await self._settle(connection, purchase)

    async def _settle(self, connection: Connection, purchase: Purchase) -> Accounts:
        return frozenset({await self._crediting.settle(connection, purchase)})

    async def _is_of(
        self, connection: Connection, purchase: Purchase, payment_id: str | None
    ) -> bool:
        """Names the payment of a purchase; False where it has another one: it is paid once."""
        if payment_id is None:
            return True
        if purchase.payment_intent_id is None:
            await purchase_store.name_payment(connection, purchase, payment_id)
            return True
        if purchase.payment_intent_id == payment_id:
            return True
        what = f"{payment_id} claims to be for it, which {purchase.payment_intent_id} is"
        await raise_mismatch(connection, purchase, what, about=payment_id)
        return False


async def _take_other_currency(connection: Connection, thing: Charge | Refund | Dispute) -> None:
    """Cents of another currency are not ours: somebody must look, where a purchase is meant.
    An endpoint of an old API version has what the customer's bank was shown; sync asks with ours.
    """
    if isinstance(thing, Charge) or (payment_id := await payment_of(connection, thing)) is None:
        return  # a payment tells that by itself
    await lock_payment(connection, payment_id)
    purchase = await purchase_store.find_purchase(connection, payment_intent_id=payment_id)
    if purchase is not None:
        amount = f"{thing.amount} {thing.currency}"
        what = f"{thing.id} takes {amount} of it back"
        await raise_mismatch(connection, purchase, what, about=f"{thing.id} {amount}")


async def _take_outcome(
    connection: Connection, purchase: Purchase, session: CheckoutSession, *, has_failed: bool
) -> None:
    if _is_paid(purchase, session):
        await _take_paid_session(connection, purchase, session)
    elif has_failed:
        what = "The payment did not succeed."
        await purchase_store.reach(connection, purchase, "failed", what)
    elif session.status == "complete":
        await purchase_store.reach(connection, purchase, "processing")
        if session.payment_status == FREE:
            what = f"{session.id} is free, and no promotion code says why"
            await raise_mismatch(connection, purchase, what, about=session.id)
    elif session.status == "expired":
        await purchase_store.reach(connection, purchase, "expired")
    else:
        await purchase_store.reach(connection, purchase, "open")


def _is_paid(purchase: Purchase, session: CheckoutSession) -> bool:
    if session.payment_status == "paid":
        return True
    # Nothing to pay: only where a promotion code says so.
    discount = session.total_details.amount_discount if session.total_details else 0
    return (
        session.payment_status == FREE
        and session.status == "complete"
        and discount >= purchase.price_cents
    )


async def _take_paid_session(
    connection: Connection, purchase: Purchase, session: CheckoutSession
) -> None:
    total, subtotal = session.amount_total, session.amount_subtotal
    is_the_price = total is not None and subtotal in (None, purchase.price_cents)
    if total is None or not is_the_price or session.currency != CURRENCY:
        what = f"{session.id} is paid with {total} {session.currency} for {subtotal}"
        about = f"{_key_of(session)} {total} {session.currency}"
        await raise_mismatch(connection, purchase, what, about=about)
        return
    tax = session.total_details.amount_tax if session.total_details else 0
    await purchase_store.be_paid(connection, purchase, paid_cents=total - tax, charged_cents=total)


async def _take_payment(connection: Connection, purchase: Purchase, intent: PaymentIntent) -> None:
    is_the_price = intent.amount_received == purchase.price_cents and intent.currency == CURRENCY
    if is_the_price and purchase.is_price_exact:
        cents = intent.amount_received
        await purchase_store.be_paid(connection, purchase, paid_cents=cents, charged_cents=cents)
    elif purchase.is_price_exact:
        paid = f"{intent.amount_received} {intent.currency}"
        what = f"{intent.id} has paid {paid} for it"
        await raise_mismatch(connection, purchase, what, about=f"{intent.id} {paid}")


def _key_of(session: CheckoutSession) -> str:
    # The payment tells the same, so that is what it is about.
    return session.payment_intent_id or session.id
