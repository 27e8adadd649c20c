"""Check `lots`: credits that expire, against the entries that gave and took them."""

from collections.abc import AsyncIterator

import asyncpg
import msgspec

from ledger.batch import ACTOR
from ledger.database import Connection
from ledger.lot_store import read_lots
from ledger.lots import unused_mc
from ledger.queries import load_queries
from ledger.reconciliation.checking import STATEMENT_TIMEOUT_S, Round
from ledger.reconciliation.difference import Difference

ACCOUNTS_AT_ONCE = 200

_QUERIES = load_queries("reconciliation")


class ExpiringCheck:
    """A lot for each entry that expires; no more left than the account has; what has expired."""

    name = "lots"

    async def differences(
        self, connection: Connection, looked_at: Round
    ) -> AsyncIterator[Difference]:
        looked_at.progress.begin("Credits that expire", None)
        scope = looked_at.scope
        wrong = connection.cursor(
            _QUERIES["wrong_lots"], scope.account_id, timeout=STATEMENT_TIMEOUT_S
        )
        async for row in wrong:
            yield _of_lot(row)
        expired = connection.cursor(
            _QUERIES["unmatched_expiries"], *scope.bounds(), ACTOR, timeout=STATEMENT_TIMEOUT_S
        )
        async for row in expired:
            yield _of_expiry(row)
        accounts = await connection.fetch(_QUERIES["accounts_with_lots"], scope.account_id)
        for at in range(0, len(accounts), ACCOUNTS_AT_ONCE):
            for difference in await _overdrawn(connection, accounts[at : at + ACCOUNTS_AT_ONCE]):
                yield difference


async def _overdrawn(connection: Connection, rows: list[asyncpg.Record]) -> list[Difference]:
    lots = await read_lots(connection, [str(row["account_id"]) for row in rows])
    found = []
    for row in rows:
        left_mc, most_mc = unused_mc(lots[str(row["account_id"])]), max(row["balance_mc"], 0)
        if left_mc > most_mc:
            expected = f"at most {most_mc}"
            found.append(_difference(row, "what is left to expire", expected, str(left_mc), ""))
    return found


def _of_lot(row: asyncpg.Record) -> Difference:
    reference = f"entry {row['entry_id']}"
    if row["entry_mc"] != row["lot_mc"]:
        amounts = str(row["entry_mc"]), str(row["lot_mc"])
        found = _difference(row, "amount of the entry's lot", *amounts, reference)
        return msgspec.structs.replace(found, unit="millicredits")
    times = str(row["entry_expires_at"]), str(row["lot_expires_at"])
    return _difference(row, "expiry of the entry's lot", *times, reference)


def _of_expiry(row: asyncpg.Record) -> Difference:
    reference = f"expiry {row['request_id']}"
    if row["request_id"] is None:
        reference = f"entry {row['sequence']} {row['entry_id']}"
    if row["expired_mc"] != row["taken_mc"]:
        amounts = str(row["expired_mc"]), str(row["taken_mc"])
        found = _difference(row, "amount of the expiry's entry", *amounts, reference)
        return msgspec.structs.replace(found, unit="millicredits")
    what = "lot that the expiry's entry names"
    return _difference(row, what, "the lot that expired", "another one", reference)


def _difference(
    row: asyncpg.Record, what: str, expected: str, actual: str, reference: str
) -> Difference:
    return Difference(
        check=ExpiringCheck.name,
        account_id=str(row["account_id"]),
        what=what,
        expected=expected,
        actual=actual,
        reference=reference,
    )
