"""The chart of what was spent by day and model, and how long the balance lasts at this pace."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from config.rates import RateTable
from console.page.chart import chart_of, summary_of, table_of
from console.page.query import PageQuery
from console.page.visitor import Visitor
from ledger.errors import RedisUnavailableError
from ledger.spending import DaySpending, Spending
from ledger.working_copy import WorkingCopy

RANGES = (7, 30, 90)
_DEFAULT_RANGE = 30
_PACE_DAYS = 7


class SpendingPart:
    """Days are UTC days, as the ledger's are."""

    name = "spending"
    title = "Spending"

    def __init__(
        self, spending: Spending, working_copy: WorkingCopy, rates: Callable[[], RateTable]
    ) -> None:
        self._spending = spending
        self._working_copy = working_copy
        self._rates = rates

    async def load(self, visitor: Visitor, query: PageQuery) -> Mapping[str, object]:
        asked = query.get("days")
        days = next((one for one in RANGES if str(one) == asked), _DEFAULT_RANGE)
        last = datetime.now(UTC).date()
        first = last - timedelta(days=days - 1)
        spent = await self._spending.by_day(
            visitor.account_id, since=last - timedelta(days=max(RANGES) - 1)
        )
        shown = [one for one in spent if one.day >= first]
        return {
            "days": days,
            "ranges": RANGES,
            "charts": [chart_of(shown, first, last, width) for width in ("wide", "narrow")],
            "summary": summary_of(shown),
            "table": table_of(shown),
            "days_left": await self._days_left(visitor, spent, last),
            "rates": self._rates(),
        }

    async def _days_left(
        self, visitor: Visitor, spent: Sequence[DaySpending], last: date
    ) -> int | None:
        """Whole days at the pace of the last week; None where that is none, or nothing is left."""
        lately = [one for one in spent if one.day > last - timedelta(days=_PACE_DAYS)]
        spent_mc = sum(one.charged_mc for one in lately)
        if spent_mc <= 0:
            return None
        try:
            balance = await self._working_copy.balance(visitor.account_id)
        except RedisUnavailableError:
            return None
        if balance.available_mc <= 0:
            return None
        # An account that is younger than a week has no week to go by.
        days = min((last - min(one.day for one in spent)).days + 1, _PACE_DAYS)
        return balance.available_mc * days // spent_mc
