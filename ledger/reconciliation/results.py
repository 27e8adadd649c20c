"""What reconciliations have found, kept in Postgres: for metrics, and to know where to go on."""

import asyncpg
import msgspec

from ledger.database import acquired
from ledger.ids import new_id
from ledger.queries import load_queries
from ledger.reconciliation.report import LastResults, Report, Result

_QUERIES = load_queries("reconciliation")
_decode_counts = msgspec.json.Decoder(dict[str, int]).decode


class Results:
    """Keeps reports of all accounts, and finds the last ones."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def keep(self, report: Report) -> None:
        """Keeps a report, if it is of all accounts to this day."""
        if report.scope.account_id is not None or report.scope.end is not None:
            return
        async with acquired(self._pool) as connection:
            await connection.execute(
                _QUERIES["insert_reconciliation"],
                new_id(),
                report.checked_at,
                report.scope.is_full,
                report.is_ok,
                report.size.accounts,
                report.size.entries,
                report.size.usage_rows,
                report.difference_count,
                msgspec.json.encode(report.counts).decode(),
                msgspec.json.encode(report.differences).decode(),
                report.duration_ms,
            )

    async def keep_asked(self, report: Report) -> None:
        """Keeps a report that somebody has asked for, if it is of everything.

        One of a chosen period would say that all is well, and the watch would go on after it.
        """
        if report.scope.is_full:
            await self.keep(report)

    async def last(self) -> LastResults:
        """The last ones; raises DatabaseUnavailableError."""
        async with acquired(self._pool) as connection:
            rows = await connection.fetch(_QUERIES["last_reconciliations"])
        found = {row["place"]: _result(row) for row in rows}
        return LastResults(found.get("newest"), found.get("full"), found.get("good"))


def _result(row: asyncpg.Record) -> Result:
    return Result(
        checked_at=row["checked_at"],
        is_full=row["is_full"],
        is_ok=row["is_ok"],
        counts=_decode_counts(row["counts"]),
        duration_ms=row["duration_ms"],
    )
