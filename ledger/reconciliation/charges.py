"""Check `charges`: every usage row's charge and cost, recomputed from the row alone."""

from collections.abc import AsyncIterator

import asyncpg

from ledger.database import Connection
from ledger.queries import load_queries
from ledger.reconciliation.charge_rules import KeptRow, Wrong, wrong_amounts
from ledger.reconciliation.checking import ROWS_AT_ONCE, STATEMENT_TIMEOUT_S, Round
from ledger.reconciliation.difference import Difference, Unit

_QUERIES = load_queries("reconciliation")
_UNITS: dict[str, Unit] = {
    "charge": "millicredits",
    "posted amount": "millicredits",
    "cost": "picodollars",
}


class ChargeCheck:
    """Reads all rows of the period, some hundred at a time."""

    name = "charges"

    async def differences(
        self, connection: Connection, looked_at: Round
    ) -> AsyncIterator[Difference]:
        looked_at.progress.begin("Charges", looked_at.size.usage_rows)
        cursor = await connection.cursor(
            _QUERIES["charges"], *looked_at.scope.bounds(), timeout=STATEMENT_TIMEOUT_S
        )
        while rows := await cursor.fetch(ROWS_AT_ONCE, timeout=STATEMENT_TIMEOUT_S):
            for row in rows:
                for wrong in wrong_amounts(_kept(row)):
                    yield _difference(row, wrong)
            looked_at.progress.advance(len(rows))


def _kept(row: asyncpg.Record) -> KeptRow:
    return KeptRow(
        kind=row["kind"],
        units=row["units"],
        rates=row["rates"],
        rounding=row["rounding"],
        charge_mc=row["charge_mc"],
        posted_mc=row["posted_mc"],
        costs=row["costs"],
        cost_picousd=row["cost_picousd"],
        orphan_charge_mc=row["orphan_charge_mc"] if row["is_after_orphan"] else None,
        is_after_truth=bool(row["is_after_truth"]),
    )


def _difference(row: asyncpg.Record, wrong: Wrong) -> Difference:
    return Difference(
        check=ChargeCheck.name,
        account_id=str(row["account_id"]),
        what=wrong.what,
        expected="none" if wrong.expected is None else str(wrong.expected),
        actual="none" if wrong.actual is None else str(wrong.actual),
        reference=f"request {row['request_id']} {row['kind']}",
        unit=_UNITS.get(wrong.what, ""),
    )
