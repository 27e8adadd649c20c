"""Tells operators of payments that do not fit: rows of `alerts`, one for each that is wrong."""

import structlog

from billing.purchases import Purchase
from billing.queries import load_queries
from ledger.database import Connection
from ledger.ids import new_id

_QUERIES = load_queries("crediting")
_log = structlog.get_logger(__name__)

MISMATCH = "payment_mismatch"


async def raise_mismatch(
    connection: Connection, purchase: Purchase, detail: str, *, about: str
) -> None:
    """Leaves a note that an operator must look at a purchase.

    `about` is what does not fit, told in the same way whoever tells it again: the session, its
    payment, each sync. It is noted once, and so is another thing about the same purchase.
    """
    is_new = await connection.fetchval(
        _QUERIES["raise_alert"],
        *(new_id(), MISMATCH, purchase.account_id, purchase.purchase_id, about, detail),
    )
    if is_new:
        _log.error(MISMATCH, purchase_id=purchase.purchase_id, detail=detail)
