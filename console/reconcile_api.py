"""Whether the books agree, for operators: `GET /admin/reconcile`."""

import asyncio
from uuid import UUID

from aiohttp import web

from console.handling import bad_value
from console.json import Json, answer, timestamp
from console.operator_guard import OperatorGuard
from console.paging import id_filter, read_list_query
from ledger.reconciliation.difference import Difference, Scope
from ledger.reconciliation.reconciler import Reconciler
from ledger.reconciliation.report import Report
from ledger.reconciliation.results import Results


class ReconcileApi:
    """Compares when it is asked, one request at a time: it is work."""

    def __init__(self, guard: OperatorGuard, reconciler: Reconciler, results: Results) -> None:
        self._guard = guard
        self._reconciler = reconciler
        self._results = results
        self._one_at_a_time = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        return [web.get("/admin/reconcile", self._guard.guarded(self._reconcile))]

    async def _reconcile(self, request: web.Request) -> web.Response:
        for name in ("limit", "cursor", "format"):
            if name in request.query:
                raise bad_value(name, "is not a known parameter")
        query = read_list_query(request, {"accountId": id_filter})
        account_id = query.filters.get("accountId")
        scope = Scope(
            account_id=None if account_id is None else UUID(account_id),
            start=query.window.start,
            end=query.window.end,
        )
        async with self._one_at_a_time:
            report = await self._reconciler.run(scope)
        await self._results.keep_asked(report)
        return answer(report_shape(report))


def report_shape(report: Report) -> Json:
    """A report as JSON; amounts are digits of the unit that stands beside them."""
    return {
        "ok": report.is_ok,
        "checkedAt": timestamp(report.checked_at),
        "accounts": report.size.accounts,
        "entries": report.size.entries,
        "usageRows": report.size.usage_rows,
        "differenceCount": report.difference_count,
        "counts": report.counts,
        "differences": [_difference_shape(one) for one in report.differences],
        "durationMs": report.duration_ms,
    }


def _difference_shape(difference: Difference) -> Json:
    return {
        "accountId": difference.account_id,
        "check": difference.check,
        "what": difference.what,
        "expected": difference.expected,
        "actual": difference.actual,
        "unit": difference.unit or None,
        "reference": difference.reference or None,
    }
