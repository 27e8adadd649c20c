"""The table of calls, with filters that stand in the address."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import get_args

from config.rates import RateTable
from console.page.query import PageQuery, api_query
from console.page.visitor import Visitor
from console.paging import choice_filter, id_filter, text_filter
from ledger.api_keys import ApiKey, ApiKeys
from ledger.pages import encode_cursor
from ledger.records import Status
from ledger.reports import Reports, UsageFilter
from ledger.spending import Spending

FILTERS = {
    "model": text_filter,
    "keyId": id_filter,
    "status": choice_filter(get_args(Status)),
}
ROWS = 10
KEYS_OFFERED = 50


class UsagePart:
    """Calls, newest first."""

    name = "usage"
    title = "Usage"

    def __init__(
        self,
        reports: Reports,
        spending: Spending,
        keys: ApiKeys,
        rates: Callable[[], RateTable],
    ) -> None:
        self._reports = reports
        self._spending = spending
        self._keys = keys
        self._rates = rates

    async def load(self, visitor: Visitor, query: PageQuery) -> Mapping[str, object]:
        filters, window = query.read(FILTERS), query.window("cursor", ROWS)
        wanted = UsageFilter(
            account_id=visitor.account_id,
            model=filters.get("model"),
            key_id=filters.get("keyId"),
            status=filters.get("status"),
        )
        page, models, keys = await asyncio.gather(
            self._reports.usage(wanted, window),
            self._spending.models(visitor.account_id),
            self._keys.of_account(visitor.account_id),
        )
        following = page.next_position
        is_filtered = bool(filters or window.start or window.end)
        return {
            "page": page,
            "next_cursor": None if following is None else encode_cursor(following),
            "is_filtered": is_filtered,
            "is_first": window.below is None,
            "models": models,
            "keys": _offered(keys, filters.get("keyId")),
            "rates": self._rates(),
            "csv": api_query(window, filters, format="csv"),
        }


def _offered(keys: Sequence[ApiKey], chosen: str | None) -> list[ApiKey]:
    """The keys to filter by: those that were used last, and the one that is filtered by."""
    used = [key for key in keys if key.last_used_at is not None]
    used.sort(key=lambda key: key.last_used_at or key.created_at, reverse=True)
    unused = [key for key in keys if key.last_used_at is None]
    offered = [*used, *unused][:KEYS_OFFERED]
    return offered + [key for key in keys if key.key_id == chosen and key not in offered]
