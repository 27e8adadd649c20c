"""Check `days`: the daily sums of usage are what the usage rows add up to.

A day is looked at whole, or not at all: the short runs in between leave it to the daily one.
"""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

from ledger.database import Connection
from ledger.queries import load_queries
from ledger.reconciliation.checking import ROWS_AT_ONCE, STATEMENT_TIMEOUT_S, Round
from ledger.reconciliation.difference import Difference, Scope

_QUERIES = load_queries("reconciliation")
_ONE_DAY = timedelta(days=1)


class DayCheck:
    """Days that lie in the period from their beginning to their end."""

    name = "days"

    async def differences(
        self, connection: Connection, looked_at: Round
    ) -> AsyncIterator[Difference]:
        looked_at.progress.begin("Daily sums of usage", None)
        first, end = whole_days(looked_at.scope)
        if first is not None and end is not None and first >= end:
            return
        rows = connection.cursor(
            _QUERIES["wrong_days"],
            *(looked_at.scope.account_id, first, end),
            prefetch=ROWS_AT_ONCE,
            timeout=STATEMENT_TIMEOUT_S,
        )
        async for row in rows:
            yield Difference(
                check=self.name,
                account_id=str(row["account_id"]),
                what="sum of the day's usage",
                expected=str(row["posted_mc"]),
                actual=str(row["charged_mc"]),
                reference=f"{row['day']} {row['model']} key {row['key_id']}",
                unit="millicredits",
            )


def whole_days(scope: Scope) -> tuple[date | None, date | None]:
    """The first day that is wholly in a period, and the first one after it that is not."""
    first = None if scope.start is None else _day_of(scope.start + _ONE_DAY - datetime.resolution)
    return first, None if scope.end is None else _day_of(scope.end)


def _day_of(at: datetime) -> date:
    return at.astimezone(UTC).date()
