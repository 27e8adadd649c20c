"""The balance card, and the banner above it when there is little left."""

from collections.abc import Coroutine, Mapping
from datetime import datetime
from typing import Any, Protocol

from console.json import timestamp
from console.low_balance import LONGEST_WAIT_S, LowBalanceThresholds
from console.page.query import PageQuery
from console.page.visitor import Visitor
from console.waiting import within
from ledger.working_copy import WorkingCopy


class KnowsFalls(Protocol):
    """Knows since when balances are low."""

    def since(self, account_id: str) -> Coroutine[Any, Any, datetime | None]:
        """When the balance fell under its threshold; None where it has not, or only just now."""


class BalancePart:
    """What there is now: of Redis, as calls see it."""

    name = "balance"
    title = "Balance"

    def __init__(
        self, working_copy: WorkingCopy, thresholds: LowBalanceThresholds, falls: KnowsFalls
    ) -> None:
        self._working_copy = working_copy
        self._thresholds = thresholds
        self._falls = falls

    async def load(self, visitor: Visitor, _query: PageQuery) -> Mapping[str, object]:
        balance = await self._working_copy.balance(visitor.account_id)
        threshold_mc = await self._thresholds.of(visitor.account_id)
        fall = await self._fall(visitor) if balance.balance_mc < threshold_mc else None
        return {
            "balance": balance,
            "threshold_mc": threshold_mc,
            "is_low": balance.balance_mc < threshold_mc,
            "fall": fall,
            "is_dismissed": fall is not None and fall == visitor.dismissed,
        }

    async def _fall(self, visitor: Visitor) -> str | None:
        """Which fall this is: a banner that was dismissed comes back with the next."""
        try:
            fallen_at = await within(LONGEST_WAIT_S, self._falls.since(visitor.account_id))
        except TimeoutError:
            return None  # the balance is shown without it
        return None if fallen_at is None else timestamp(fallen_at)
