"""Reads what is exported: batches out of one snapshot of the database, in constant memory."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from ledger.chart import credits_of
from ledger.database import Connection, acquired
from ledger.entries import Entry, read_entry
from ledger.exports.journal import JournalStart
from ledger.exports.selection import Selection
from ledger.exports.usage_columns import ExportedCall
from ledger.pages import Window
from ledger.queries import load_queries
from ledger.reports import EntryFilter, UsageFilter, UsageRow, read_usage_row

T = TypeVar("T")

# Few: where calls are served as well, they wait for what is done with one batch.
ROWS_AT_ONCE = 100
# For one statement or fetch: sums over all rows take a while, and nobody waits at a screen.
STATEMENT_TIMEOUT_S = 600.0

_EXPORTS = load_queries("exports")
_REPORTS = load_queries("reports")


class Snapshot:
    """The books as they were at one moment, whatever is written meanwhile."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def count_usage(self, selection: Selection) -> int:
        """How many rows `usage` will give."""
        return await self._number("count_usage", selection)

    async def count_entries(self, selection: Selection) -> int:
        """How many rows `entries` will give."""
        return await self._number("count_entries", selection)

    def usage(self, selection: Selection) -> AsyncIterator[Sequence[ExportedCall]]:
        """All usage rows, oldest first, also those of estimates that were corrected."""
        return self._batches(_EXPORTS["usage"], selection.arguments(), _exported_call)

    def entries(self, selection: Selection) -> AsyncIterator[Sequence[Entry]]:
        """Ledger entries, oldest first."""
        return self._batches(_EXPORTS["entries"], selection.arguments(), read_entry)

    def listed_usage(
        self, wanted: UsageFilter, window: Window, limit: int | None
    ) -> AsyncIterator[Sequence[UsageRow]]:
        """An account's calls as its list shows them, newest first; all unless there is a limit."""
        filters = (wanted.model, wanted.key_id, wanted.status, limit)
        values = (wanted.account_id, *window.bounds(), *filters)
        return self._batches(_REPORTS["usage_of_account"], values, read_usage_row)

    def listed_entries(
        self, wanted: EntryFilter, window: Window, limit: int | None
    ) -> AsyncIterator[Sequence[Entry]]:
        """An account's entries as its list shows them, newest first; all if there is no limit."""
        values = (wanted.account_id, *window.bounds(), wanted.entry_type, limit)
        return self._batches(_REPORTS["entries_of_account"], values, read_entry)

    async def journal_start(self, selection: Selection) -> JournalStart:
        """What a journal of this selection begins with."""
        counters = await self._fetch("counter_accounts", *selection.arguments())
        customers = await self._fetch("accounts_with_entries", *selection.arguments())
        openings = {}
        if selection.start is not None:
            rows = await self._fetch("balances_before", selection.account_id, selection.start)
            openings = {str(row["account_id"]): row["balance_mc"] for row in rows}
        owed = {credits_of(str(row["account_id"])) for row in customers}
        return JournalStart(
            accounts=[
                *(row["counter_account"] for row in counters),
                *sorted(owed | {credits_of(account_id) for account_id in openings}),
            ],
            opened_at=selection.start,
            openings_mc=openings,
        )

    async def _number(self, query: str, selection: Selection) -> int:
        rows = await self._fetch(query, *selection.arguments())
        return int(rows[0][0])

    async def _fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        return await self._connection.fetch(_EXPORTS[query], *values, timeout=STATEMENT_TIMEOUT_S)

    async def _batches(
        self, query: str, values: Sequence[object], read: Callable[[Any], T]
    ) -> AsyncIterator[Sequence[T]]:
        cursor = await self._connection.cursor(query, *values, timeout=STATEMENT_TIMEOUT_S)
        while rows := await cursor.fetch(ROWS_AT_ONCE, timeout=STATEMENT_TIMEOUT_S):
            yield [read(row) for row in rows]


@asynccontextmanager
async def open_snapshot(pool: asyncpg.Pool) -> AsyncIterator[Snapshot]:
    """A snapshot, which holds a connection until it is closed.

    Raises:
        DatabaseUnavailableError: Postgres is away, or was lost in the middle.
    """
    async with (
        acquired(pool) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(_EXPORTS["plan_for_first_rows"])
        yield Snapshot(connection)


def _exported_call(row: asyncpg.Record) -> ExportedCall:
    values = dict(row)
    for name in ("request_id", "account_id", "key_id"):
        values[name] = str(values[name])
    return ExportedCall(**values)
