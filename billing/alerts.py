"""Tells operators of payments that do not fit: rows of `alerts`, once for each purchase."""

import structlog

from billing.purchases import Purchase
from billing.queries import load_queries
from ledger.database import Connection
from ledger.ids import new_id

_QUERIES = load_queries("crediting")
_log = structlog.get_logger(__name__)

MISMATCH = "payment_mismatch"


async def raise_alert(connection: Connection, kind: str, purchase: Purchase, detail: str) -> None:
    """Leaves a note that an operator must look at a purchase."""
    _log.error(kind, purchase_id=purchase.purchase_id, detail=detail)
    await connection.execute(
        _QUERIES["raise_alert"],
        *(new_id(), kind, purchase.account_id, purchase.purchase_id, None, detail),
    )
