"""Check `rejected`: records that could not be written, and were not since."""

from collections.abc import AsyncIterator

import asyncpg

from ledger.database import Connection
from ledger.queries import load_queries
from ledger.reconciliation.checking import Round
from ledger.reconciliation.difference import Difference
from ledger.reconciliation.loose_ids import as_uuid

_QUERIES = load_queries("reconciliation")


class RejectedCheck:
    """What waits in `rejected_records` for somebody to look at it."""

    name = "rejected"

    async def differences(
        self, connection: Connection, looked_at: Round
    ) -> AsyncIterator[Difference]:
        looked_at.progress.begin("Rejected records", None)
        account_id = None if looked_at.scope.account_id is None else str(looked_at.scope.account_id)
        rows = await connection.fetch(_QUERIES["rejected"], account_id)
        written = await _written(connection, rows)
        for row in rows:
            if (row["request_id"], row["kind"]) not in written:
                yield Difference(
                    check=self.name,
                    account_id=row["account_id"],
                    what="record that could not be written",
                    expected="written",
                    actual=row["reason"],
                    reference=f"request {row['request_id']} {row['kind']}",
                )


async def _written(connection: Connection, rejected: list[asyncpg.Record]) -> set[tuple[str, str]]:
    ids = [found for row in rejected if (found := as_uuid(row["request_id"] or "")) is not None]
    rows = await connection.fetch(_QUERIES["written"], ids)
    return {(str(row["request_id"]), row["kind"]) for row in rows}
