"""Check `usage`: what usage rows have moved is what entries took, row by row and in total."""

from collections.abc import AsyncIterator, Iterator

import asyncpg

from ledger.batch import ACTOR
from ledger.chart import USAGE_REVENUE
from ledger.database import Connection
from ledger.queries import load_queries
from ledger.reconciliation.checking import ROWS_AT_ONCE, STATEMENT_TIMEOUT_S, Round
from ledger.reconciliation.difference import Difference, Unit

_QUERIES = load_queries("reconciliation")


class UsageCheck:
    """Rows that moved something, and entries of usage and of its correction by the writer."""

    name = "usage"

    async def differences(
        self, connection: Connection, looked_at: Round
    ) -> AsyncIterator[Difference]:
        looked_at.progress.begin("Usage against entries", None)
        rows = connection.cursor(
            _QUERIES["unmatched_usage"],
            *looked_at.scope.bounds(),
            ACTOR,
            f"{USAGE_REVENUE}:",
            prefetch=ROWS_AT_ONCE,
            timeout=STATEMENT_TIMEOUT_S,
        )
        async for row in rows:
            for difference in _of_pair(row):
                yield difference
        totals = connection.cursor(
            _QUERIES["usage_totals"], *looked_at.scope.bounds(), ACTOR, timeout=STATEMENT_TIMEOUT_S
        )
        async for row in totals:
            yield _difference(row, "usage of the period", row["usage_mc"], row["taken_mc"], "")


def _of_pair(row: asyncpg.Record) -> Iterator[Difference]:
    entry = f"entry {row['sequence']} {row['entry_id']}"
    request = f"request {row['request_id']} {row['kind']}"
    if row["request_id"] is None:
        taken_mc = -row["amount_mc"]
        yield _difference(row, "amount without its usage row", 0, taken_mc, entry)
    elif row["entry_id"] is None:
        yield _difference(row, "amount of the usage's entry", row["posted_mc"], 0, request)
    else:
        if row["posted_mc"] != -row["amount_mc"]:
            what, taken_mc = "amount of the usage's entry", -row["amount_mc"]
            yield _difference(row, what, row["posted_mc"], taken_mc, request)
        if str(row["request_id"]) != row["ref"]:
            expected, actual = str(row["request_id"]), row["ref"] or "none"
            yield _difference(row, "request that the entry names", expected, actual, entry)
        earned = f"{USAGE_REVENUE}:{row['model']}"
        if earned != row["counter_account"]:
            actual = row["counter_account"]
            yield _difference(row, "counter account of the usage's entry", earned, actual, entry)


def _difference(
    row: asyncpg.Record, what: str, expected: int | str, actual: int | str, reference: str
) -> Difference:
    unit: Unit = "millicredits" if isinstance(expected, int) else ""
    return Difference(
        check=UsageCheck.name,
        account_id=str(row["account_id"]),
        what=what,
        expected=str(expected),
        actual=str(actual),
        reference=reference,
        unit=unit,
    )
