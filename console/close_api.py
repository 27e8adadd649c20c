"""A month's close for operators: `/admin/close?month=2026-11`."""

from datetime import UTC, datetime

from aiohttp import web

from config.settings import Settings
from console.close_lines import close_shape
from console.handling import bad_value
from console.json import answer
from console.operator_guard import OperatorGuard
from console.paging import id_filter, read_filters, text_filter
from ledger.closings import Closings
from ledger.months import BadMonthError, read_month

_FILTERS = {"month": text_filter, "accountId": id_filter}


class CloseApi:
    """What moved in a month, what is owed, what was earned, and whether it ties."""

    def __init__(self, guard: OperatorGuard, closings: Closings, settings: Settings) -> None:
        self._guard = guard
        self._closings = closings
        self._settings = settings

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        return [web.get("/admin/close", self._guard.guarded(self._close))]

    async def _close(self, request: web.Request) -> web.Response:
        given, _, _ = read_filters(request, _FILTERS, has_period=False)
        if "month" not in given:
            raise bad_value("month", "is required, like 2026-11")
        try:
            month = read_month(given["month"], datetime.now(UTC))
        except BadMonthError as error:
            raise bad_value("month", f"is not right: {error}") from None
        close = await self._closings.close(month, given.get("accountId"))
        return answer(close_shape(close, self._settings.credits_per_usd))
