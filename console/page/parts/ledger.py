"""The table of movements; the newest ends in the balance."""

import asyncio
from collections.abc import Mapping

from console.page.query import PageQuery, api_query
from console.page.visitor import Visitor
from console.paging import choice_filter
from ledger.errors import RedisUnavailableError
from ledger.pages import Window, encode_cursor
from ledger.posting import ENTRY_TYPES
from ledger.reports import EntryFilter, Reports
from ledger.working_copy import WorkingBalance, WorkingCopy

CURSOR = "ledgerCursor"
FILTERS = {"type": choice_filter(ENTRY_TYPES)}
ROWS = 10


class LedgerPart:
    """Entries, newest first."""

    name = "ledger"
    title = "Ledger"

    def __init__(self, reports: Reports, working_copy: WorkingCopy) -> None:
        self._reports = reports
        self._working_copy = working_copy

    async def load(self, visitor: Visitor, query: PageQuery) -> Mapping[str, object]:
        filters = query.read(FILTERS)
        window = Window(limit=ROWS, below=query.below(CURSOR))
        wanted = EntryFilter(account_id=visitor.account_id, entry_type=filters.get("type"))
        page, balance = await asyncio.gather(
            self._reports.entries(wanted, window), self._balance(visitor)
        )
        following = page.next_position
        is_newest = bool(page.rows) and window.below is None and not filters
        return {
            "page": page,
            "next_cursor": None if following is None else encode_cursor(following),
            "is_first": window.below is None,
            "is_filtered": bool(filters),
            "types": ENTRY_TYPES,
            "balance": balance if is_newest else None,
            "csv": api_query(Window(limit=ROWS), filters, format="csv"),
        }

    async def _balance(self, visitor: Visitor) -> WorkingBalance | None:
        try:
            return await self._working_copy.balance(visitor.account_id)
        except RedisUnavailableError:
            return None
