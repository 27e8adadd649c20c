"""What Stripe says of payments, written down as facts: each once, in whatever order it comes."""

from billing.dues import DisputeFact, Facts, RefundFact
from billing.queries import load_queries
from billing.stripe_objects import Charge, Dispute, Refund, id_of
from ledger.database import Connection

_QUERIES = load_queries("payments")

# Disputes in which nothing is decided; mere inquiries (`warning_…`) take nothing, and one that is
# closed may still become a dispute.
OPEN = ("needs_response", "under_review", "appeal_needs_response", "appeal_under_review")
OVER = ("won", "lost", "prevented", "charge_refunded")


async def lock_payment(connection: Connection, payment_intent_id: str) -> None:
    """Locks a payment to the end of the transaction, also one that nobody here knows yet."""
    await connection.execute(_QUERIES["lock_payment"], payment_intent_id)


async def payment_of(connection: Connection, thing: Refund | Dispute | Charge) -> str | None:
    """The id of the payment that a thing is of; that of its charge in its place where only the
    charge is named and not known yet. A charge that is named is locked, before its payment.
    """
    if isinstance(thing, Charge):
        await lock_payment(connection, thing.id)
    if thing.payment_intent_id is not None or isinstance(thing, Charge):
        return thing.payment_intent_id
    charge_id = id_of(thing.charge)
    if charge_id is None:
        return None
    await lock_payment(connection, charge_id)
    found: str | None = await connection.fetchval(_QUERIES["payment_of_a_charge"], charge_id)
    return found or charge_id


async def note_charge(connection: Connection, payment_intent_id: str, charge: Charge) -> None:
    """What a charge says of its receipt and of refunds; also the refunds that it brings along, and
    what came before it and named only the charge. Under the charge's lock.
    """
    await connection.execute(
        _QUERIES["note_charge"],
        *(charge.id, payment_intent_id, charge.amount_refunded, charge.receipt_url),
    )
    for refund in charge.refunds.data if charge.refunds else ():
        await note_refund(connection, payment_intent_id, refund)
    for query in ("adopt_refunds", "adopt_disputes"):
        await connection.execute(_QUERIES[query], charge.id, payment_intent_id)


async def note_refund(connection: Connection, payment_intent_id: str, refund: Refund) -> None:
    """A refund, and whether it has failed."""
    await connection.execute(
        _QUERIES["note_refund"], refund.id, payment_intent_id, refund.amount, refund.is_failed
    )


async def note_dispute(
    connection: Connection, payment_intent_id: str, dispute: Dispute, event_type: str | None
) -> None:
    """A dispute, and how much of the payment it has taken and given back so far."""
    fact = dispute_fact(dispute, event_type)
    await connection.execute(
        _QUERIES["note_dispute"],
        *(dispute.id, payment_intent_id, dispute.status, fact.withdrawn_cents),
        *(fact.reinstated_cents, OVER, OPEN),
    )


async def read_facts(connection: Connection, payment_intent_id: str) -> Facts:
    """All that is known of a payment, under its lock."""
    refunds = await connection.fetch(_QUERIES["refunds"], payment_intent_id)
    disputes = await connection.fetch(_QUERIES["disputes"], payment_intent_id)
    return Facts(
        refunded_cents=await connection.fetchval(
            _QUERIES["refunded_by_charges"], payment_intent_id
        ),
        refunds=tuple(RefundFact(**dict(row)) for row in refunds),
        disputes=tuple(DisputeFact(**dict(row)) for row in disputes),
    )


def dispute_fact(dispute: Dispute, event_type: str | None = None) -> DisputeFact:
    """What a dispute has moved: by the movements that it lists, else by what has happened.

    Movements are of the operator's balance; where that is in another currency than the payment,
    each says only that the disputed amount has gone, or has come back.
    """
    moved = dispute.balance_transactions or []
    taken = [-one.amount for one in moved if one.amount < 0]
    given = [one.amount for one in moved if one.amount > 0]
    withdrawn_cents = dispute.amount * len(taken)
    reinstated_cents = dispute.amount * len(given)
    if moved and all(one.currency == dispute.currency for one in moved):
        withdrawn_cents, reinstated_cents = sum(taken), sum(given)
    if event_type == "charge.dispute.funds_withdrawn" and not taken:
        withdrawn_cents = dispute.amount
    if event_type == "charge.dispute.funds_reinstated" and not given:
        reinstated_cents = dispute.amount
    return DisputeFact(withdrawn_cents=withdrawn_cents, reinstated_cents=reinstated_cents)
