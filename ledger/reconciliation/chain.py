"""Check `chain`: each account's entries are one unbroken chain that ends at its balance."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import msgspec

from ledger.database import Connection
from ledger.queries import load_queries
from ledger.reconciliation.checking import ROWS_AT_ONCE, STATEMENT_TIMEOUT_S, Round
from ledger.reconciliation.difference import Difference

_QUERIES = load_queries("reconciliation")


class ChainCheck:
    """Entries against the entry before, against their sum, and against the account."""

    name = "chain"

    async def differences(
        self, connection: Connection, looked_at: Round
    ) -> AsyncIterator[Difference]:
        looked_at.progress.begin("Chains of entries", None)
        rows = connection.cursor(
            _QUERIES["broken_links"],
            *looked_at.scope.bounds(),
            prefetch=ROWS_AT_ONCE,
            timeout=STATEMENT_TIMEOUT_S,
        )
        async for row in rows:
            for difference in _of_link(row):
                yield difference
        ends = connection.cursor(
            _QUERIES["ends_of_chains"], looked_at.scope.account_id, timeout=STATEMENT_TIMEOUT_S
        )
        async for row in ends:
            for difference in _of_end(row):
                yield difference
        if looked_at.scope.start is None and looked_at.scope.end is None:
            sums = connection.cursor(
                _QUERIES["wrong_sums"], looked_at.scope.account_id, timeout=STATEMENT_TIMEOUT_S
            )
            async for row in sums:
                yield _of_sum(row)


def _of_link(row: asyncpg.Record) -> Iterator[Difference]:
    reference = f"entry {row['sequence']} {row['id']}"
    before_mc, after_mc = row["balance_before_mc"], row["balance_after_mc"]
    if row["sequence"] != 1 and not row["has_previous"]:
        missing = f"entry {row['sequence'] - 1} before it"
        yield _difference(row, "sequence", missing, "no such entry", reference)
    elif before_mc != row["carried_mc"]:
        yield _of_amount(row, "balance before", row["carried_mc"], before_mc, reference)
    if after_mc != before_mc + row["amount_mc"]:
        yield _of_amount(row, "amount", after_mc - before_mc, row["amount_mc"], reference)
    if row["has_previous"] and row["posted_at"] <= row["posted_before"]:
        expected = f"after {row['posted_before'].isoformat()}"
        actual = row["posted_at"].isoformat()
        yield _difference(row, "time of posting", expected, actual, reference)


def _of_end(row: asyncpg.Record) -> Iterator[Difference]:
    if row["last_sequence"] != row["entry_sequence"]:
        expected, actual = f"entry {row['last_sequence']}", f"entry {row['entry_sequence']}"
        yield _difference(row, "last entry of the account", expected, actual)
    if row["balance_mc"] != row["entry_balance_mc"]:
        what = "balance of the account after its last entry"
        yield _of_amount(row, what, row["entry_balance_mc"], row["balance_mc"])
    if row["is_posted_after"]:
        what = "time of the account's last posting"
        yield _difference(row, what, "not before its last entry", "before it")


def _of_sum(row: asyncpg.Record) -> Difference:
    if not row["is_known"]:
        return _difference(row, "account of entries", "an account", "no such account")
    what = "balance of the account as the sum of its entries"
    return _of_amount(row, what, row["sum_mc"], row["balance_mc"])


def _of_amount(
    row: asyncpg.Record, what: str, expected_mc: int, actual_mc: int, reference: str = ""
) -> Difference:
    found = _difference(row, what, str(expected_mc), str(actual_mc), reference)
    return msgspec.structs.replace(found, unit="millicredits")


def _difference(
    row: asyncpg.Record, what: str, expected: str, actual: str, reference: str = ""
) -> Difference:
    return Difference(
        check=ChainCheck.name,
        account_id=str(row["account_id"]),
        what=what,
        expected=expected,
        actual=actual,
        reference=reference,
    )
