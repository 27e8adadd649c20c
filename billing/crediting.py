"""Posts what is due of a purchase: credits, refunds, disputes, each as the difference to before."""

from datetime import UTC, datetime

import structlog

from billing import purchase_store
from billing.alerts import raise_mismatch
from billing.disputes import Disputes
from billing.dues import Amounts, Facts, Sale, amounts_due, still_due
from billing.payments import read_facts
from billing.posted_entries import (
    SIDES,
    PostedEntries,
    corrections_of_refunds,
    refund_postings,
)
from billing.purchases import Purchase
from billing.queries import load_queries
from ledger.chart import STRIPE
from ledger.database import Connection
from ledger.entries import post_within
from ledger.lots import purchase_expires_at
from ledger.posting import EntryType, Posting

_QUERIES = load_queries("purchases")
_log = structlog.get_logger(__name__)

ACTOR = "stripe"


class Crediting:
    """Brings the ledger to what is known of a payment; once, however often it is asked."""

    def __init__(self, *, expire_after_days: int, disputes: Disputes) -> None:
        self._expire_after_days = expire_after_days
        self._disputes = disputes

    async def settle(self, connection: Connection, purchase: Purchase) -> str:
        """Posts what is due of a purchase that the transaction has locked; returns its account.

        Once the transaction is committed, Redis is to be told of that account.
        """
        purchase = await purchase_store.read(connection, purchase.purchase_id)
        payment_id = purchase.payment_intent_id
        facts = Facts() if payment_id is None else await read_facts(connection, payment_id)
        due = amounts_due(sale_of(purchase), facts)
        changes = still_due(due, posted_of(purchase))
        if changes:
            await self._post(connection, purchase, changes)
            await connection.execute(
                _QUERIES["note_what_is_posted"],
                *(purchase.purchase_id, due.base_mc, due.bonus_mc),
                *(due.base_refund_mc, due.bonus_refund_mc, due.dispute_mc),
            )
            _log.info("purchase_posted", purchase_id=purchase.purchase_id, **changes)
        await self._disputes.judge(connection, purchase.account_id)
        return purchase.account_id

    async def _post(
        self, connection: Connection, purchase: Purchase, changes: dict[str, int]
    ) -> None:
        given = self._given(purchase, changes)
        if given:
            await post_within(connection, given)
        # What takes back names what it takes back, so that has to be there.
        posted = await PostedEntries.read(connection, purchase)
        taken: list[Posting] = []
        for side in SIDES:
            change_mc = changes.get(f"{side}_refund_mc", 0)
            if change_mc > 0:
                taken += refund_postings(purchase, posted, side, change_mc)
            elif change_mc < 0:
                corrections = corrections_of_refunds(purchase, posted, side, -change_mc)
                taken += corrections
                if sum(one.amount_mc for one in corrections) != -change_mc:
                    what = "a refund has failed that was corrected by hand before"
                    about = f"{side} refund {purchase.posting_rounds}"
                    await raise_mismatch(connection, purchase, what, about=about)
        if change_mc := changes.get("dispute_mc", 0):
            taken.append(_dispute(purchase, -change_mc))
        if taken:
            await post_within(connection, taken)

    def _given(self, purchase: Purchase, changes: dict[str, int]) -> list[Posting]:
        kinds: tuple[tuple[str, EntryType, str], ...] = (
            ("base_mc", "purchase", f"{purchase.label} package"),
            ("bonus_mc", "bonus", f"Bonus of the {purchase.label} package"),
        )
        expires_at = purchase_expires_at(datetime.now(UTC), self._expire_after_days)
        return [
            Posting(
                account_id=purchase.account_id,
                entry_type=entry_type,
                amount_mc=changes[name],
                description=description,
                actor=ACTOR,
                idempotency_key=f"stripe:{_payment_key(purchase)}:{entry_type}",
                counter_account=STRIPE if entry_type == "purchase" else None,
                expires_at=expires_at,
                ref=purchase.purchase_id,
            )
            for name, entry_type, description in kinds
            if changes.get(name)
        ]


def sale_of(purchase: Purchase) -> Sale:
    """What was sold, and what was paid for it."""
    return Sale(
        price_cents=purchase.price_cents,
        base_mc=purchase.base_mc,
        bonus_mc=purchase.bonus_mc,
        paid_cents=purchase.paid_cents,
        charged_cents=purchase.charged_cents,
    )


def posted_of(purchase: Purchase) -> Amounts:
    """What the ledger has of a purchase."""
    return Amounts(
        base_mc=purchase.posted_base_mc,
        bonus_mc=purchase.posted_bonus_mc,
        base_refund_mc=purchase.posted_base_refund_mc,
        bonus_refund_mc=purchase.posted_bonus_refund_mc,
        dispute_mc=purchase.posted_dispute_mc,
    )


def _payment_key(purchase: Purchase) -> str:
    # A promotion code may leave nothing to pay: then there is only the session.
    return purchase.payment_intent_id or purchase.checkout_session_id or purchase.purchase_id


def _dispute(purchase: Purchase, amount_mc: int) -> Posting:
    what = f"Disputed payment of the {purchase.label} package"
    return Posting(
        account_id=purchase.account_id,
        entry_type="dispute",
        amount_mc=amount_mc,
        description=what if amount_mc < 0 else f"{what}: given back",
        actor=ACTOR,
        idempotency_key=f"stripe:{_payment_key(purchase)}:dispute:{purchase.posting_rounds}",
        ref=purchase.purchase_id,
    )
