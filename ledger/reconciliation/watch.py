"""Reconciles every few minutes by itself, beside the writer, and tells what it finds."""

from datetime import UTC, datetime

import structlog

from ledger.database import DatabaseUnavailableError
from ledger.errors import RedisUnavailableError
from ledger.reconciliation.difference import Difference
from ledger.reconciliation.plan import next_scope
from ledger.reconciliation.reconciler import Reconciler
from ledger.reconciliation.report import Report
from ledger.reconciliation.results import Results

MOST_LOGGED = 10

_log = structlog.get_logger(__name__)


class ReconciliationWatch:
    """Looks whether it is time; several writers share the work by what is kept in Postgres."""

    def __init__(self, reconciler: Reconciler, results: Results, *, every_s: float) -> None:
        self._reconciler = reconciler
        self._results = results
        self._every_s = every_s

    async def run_if_due(self) -> Report | None:
        """Reconciles if it is time; None if not, or where a mistake of ours has prevented it.

        Raises:
            RedisUnavailableError, DatabaseUnavailableError: to be tried again.
        """
        scope = next_scope(await self._results.last(), datetime.now(UTC), self._every_s)
        if scope is None:
            return None
        try:
            report = await self._reconciler.run(scope)
        except (RedisUnavailableError, DatabaseUnavailableError):
            raise
        except Exception:  # noqa: BLE001 - who looks at the books must not end who writes them
            _log.exception("reconcile_failed")
            return None
        await self._results.keep(report)
        _tell(report)
        return report


def _tell(report: Report) -> None:
    facts = {
        "accounts": report.size.accounts,
        "entries": report.size.entries,
        "usage_rows": report.size.usage_rows,
        "duration_ms": report.duration_ms,
        "is_full": report.scope.is_full,
    }
    if report.is_ok:
        _log.info("reconciled", **facts)
        return
    first = [_sentence(difference) for difference in report.differences[:MOST_LOGGED]]
    _log.error("reconcile_differences", **facts, counts=report.counts, first=first)


def _sentence(difference: Difference) -> str:
    unit = f" {difference.unit}" if difference.unit else ""
    return (
        f"account {difference.account_id}: {difference.check}: {difference.what}"
        f"{f' ({difference.reference})' if difference.reference else ''}:"
        f" expected {difference.expected}{unit}, actual {difference.actual}{unit}"
    )
