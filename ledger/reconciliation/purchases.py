"""Check `purchases`: what payments have brought and taken, against the entries that say so."""

from collections.abc import AsyncIterator, Iterator

import asyncpg

from ledger.database import Connection
from ledger.queries import load_queries
from ledger.reconciliation.checking import STATEMENT_TIMEOUT_S, Round
from ledger.reconciliation.difference import Difference

PAYMENTS_ACTOR = "stripe"

_QUERIES = load_queries("reconciliation")
_AMOUNTS = {
    "base_mc": "credits of the purchase's price",
    "bonus_mc": "bonus of the purchase",
    "refund_mc": "taken back of the purchase by refunds",
    "dispute_mc": "taken of the purchase by disputes",
}


class PurchaseCheck:
    """A paid purchase has its entries, and every entry of a payment its purchase."""

    name = "purchases"

    async def differences(
        self, connection: Connection, looked_at: Round
    ) -> AsyncIterator[Difference]:
        looked_at.progress.begin("Purchases", None)
        wrong = connection.cursor(
            _QUERIES["wrong_purchases"],
            *(looked_at.scope.account_id, PAYMENTS_ACTOR),
            timeout=STATEMENT_TIMEOUT_S,
        )
        async for row in wrong:
            for difference in _differences(row):
                yield difference


def _differences(row: asyncpg.Record) -> Iterator[Difference]:
    if not row["is_known"]:
        yield _difference(row, "purchase of the payment's entries", "one", "none")
        return
    if row["is_paid"] and not row["base_mc"] + row["bonus_mc"]:
        yield _difference(row, "credits of a paid purchase", "posted", "not posted")
    for name, what in _AMOUNTS.items():
        expected_mc, actual_mc = row[name], row[f"entered_{name}"]
        if expected_mc != actual_mc:
            yield Difference(
                check=PurchaseCheck.name,
                account_id=str(row["account_id"]),
                what=what,
                expected=str(expected_mc),
                actual=str(actual_mc),
                reference=f"purchase {row['ref']}",
                unit="millicredits",
            )


def _difference(row: asyncpg.Record, what: str, expected: str, actual: str) -> Difference:
    return Difference(
        check=PurchaseCheck.name,
        account_id=str(row["account_id"]),
        what=what,
        expected=expected,
        actual=actual,
        reference=f"purchase {row['ref']}",
    )
