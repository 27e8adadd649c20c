"""Purchases inside a transaction: made, found, locked, brought on.

Locks are taken in one order: the charge where one is named, the payment, its purchase, the
account.
"""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from billing.purchases import Kind, Purchase, Status, read_purchase
from billing.queries import load_queries
from config.packages import Package
from ledger.database import Connection, the_row
from ledger.ids import new_id
from pricing.packages import offer

_QUERIES = load_queries("purchases")


class NewPurchase(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be bought, at the price and for the credits that the files say now."""

    account_id: str
    kind: Kind
    package: Package
    credits_per_usd: int
    is_price_exact: bool = True
    request_key: str | None = None


async def insert_purchase(connection: Connection, wanted: NewPurchase) -> Purchase:
    """A new purchase; its id is the idempotency key of what is asked of Stripe for it."""
    purchase_id = new_id()
    package, gives = wanted.package, offer(wanted.package, wanted.credits_per_usd)
    await connection.execute(
        _QUERIES["insert_purchase"],
        *(purchase_id, wanted.account_id, wanted.kind, package.package_id, package.label),
        *(package.price_cents, gives.base_mc, gives.bonus_mc, wanted.is_price_exact),
        wanted.request_key,
    )
    return await read(connection, purchase_id)


async def read(connection: Connection, purchase_id: str | UUID) -> Purchase:
    """A purchase that is known to be there."""
    return read_purchase(await the_row(connection, _QUERIES["purchase"], purchase_id))


async def lock_purchase(connection: Connection, purchase_id: str | UUID) -> Purchase:
    """Locks a purchase and its account to the end of the transaction; after its payment."""
    locked = await the_row(connection, _QUERIES["lock_purchase"], purchase_id)
    await connection.execute(_QUERIES["lock_account_of_purchase"], locked["account_id"])
    return await read(connection, purchase_id)


async def find_purchase(
    connection: Connection,
    *,
    payment_intent_id: str | None = None,
    session_id: str | None = None,
    claims: Iterable[str | None] = (),
) -> Purchase | None:
    """The purchase that an object of Stripe's is of, locked.

    What we know of it comes first, then what it says of itself (`claims`: ids of purchases).
    """
    found: UUID | None = None
    if payment_intent_id is not None:
        found = await connection.fetchval(_QUERIES["purchase_of_a_payment"], payment_intent_id)
    if found is None and session_id is not None:
        found = await connection.fetchval(_QUERIES["purchase_of_a_session"], session_id)
    for claim in claims:
        if found is None and claim is not None:
            found = await _claimed(connection, claim)
    return None if found is None else await lock_purchase(connection, found)


async def name_session(
    connection: Connection, purchase: Purchase, session_id: str, url: str | None
) -> None:
    """Keeps which session sells it; the first one stays."""
    await connection.execute(_QUERIES["name_session"], purchase.purchase_id, session_id, url)


async def name_payment(connection: Connection, purchase: Purchase, payment_intent_id: str) -> None:
    """Keeps which payment is for it; the first one stays."""
    await connection.execute(_QUERIES["name_payment"], purchase.purchase_id, payment_intent_id)


async def reach(
    connection: Connection, purchase: Purchase, status: Status, failure: str | None = None
) -> None:
    """Brings a purchase on to a status; one that is further already stays there."""
    await connection.execute(_QUERIES["reach"], purchase.purchase_id, status, failure)


async def fail(connection: Connection, purchase: Purchase, reason: str) -> None:
    """Writes down that nothing will come of it; who asks with its key again gets a new one."""
    await reach(connection, purchase, "failed", reason)
    await connection.execute(_QUERIES["forget_request_key"], purchase.purchase_id)


async def be_paid(
    connection: Connection, purchase: Purchase, *, paid_cents: int, charged_cents: int
) -> None:
    """Writes down that it is paid, once: `paid_cents` of what was charged is for credits."""
    await connection.execute(_QUERIES["be_paid"], purchase.purchase_id, paid_cents, charged_cents)


async def _claimed(connection: Connection, claim: str) -> UUID | None:
    try:
        claimed = UUID(claim)
    except ValueError:
        return None  # somebody else's reference
    found: UUID | None = await connection.fetchval(_QUERIES["purchase_exists"], claimed)
    return found
