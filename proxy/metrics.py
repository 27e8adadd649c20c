"""`/metrics`: how the books are doing, in Prometheus' text format. It names no account."""

from collections.abc import Iterator

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ledger.reconciliation.report import Result
from ledger.vital_signs import LedgerSigns, Pulse, VitalSigns


class Metrics:
    """The same numbers from each worker: they are Postgres' and Redis', not the process's own."""

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        return [web.get("/metrics", self._metrics)]

    async def _metrics(self, _request: web.Request) -> web.Response:
        registry = CollectorRegistry()
        registry.register(_Signs(await self._pulse.feel()))
        return web.Response(
            body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


class _Signs(Collector):
    """One answer's metrics. What is not known now is left out."""

    def __init__(self, signs: VitalSigns) -> None:
        self._signs = signs

    def collect(self) -> Iterator[GaugeMetricFamily]:
        ledger, waiting = self._signs.ledger, self._signs.waiting_records
        yield _gauge("postgres_up", "Whether Postgres answers.", ledger is not None)
        yield _gauge("redis_up", "Whether Redis answers.", waiting is not None)
        if waiting is not None:
            what = "Settlements that the writer has yet to write."
            yield _gauge("records_waiting", what, waiting)
        if ledger is not None:
            yield from _of_ledger(ledger)


def _of_ledger(ledger: LedgerSigns) -> Iterator[GaugeMetricFamily]:
    what = "Accounts of which Redis has yet to be told a change."
    yield _gauge("syncs_unapplied", what, ledger.unapplied_syncs)
    what = "Records that could not be written, now and in the past."
    yield _gauge("records_rejected", what, ledger.rejected_records)
    yield _by("alerts", "Alerts that were raised, by kind.", "kind", dict(ledger.alerts))
    if ledger.reconciled is None:
        yield _gauge("reconcile_last_run_timestamp_seconds", _LAST_RUN, 0)
    else:
        yield from _of_reconciliation(ledger.reconciled)


def _of_reconciliation(result: Result) -> Iterator[GaugeMetricFamily]:
    yield _gauge("reconcile_ok", "Whether the last reconciliation found nothing.", result.is_ok)
    what = "What the last reconciliation found, by check."
    yield _by("reconcile_differences", what, "check", dict(result.counts))
    seconds = result.checked_at.timestamp()
    yield _gauge("reconcile_last_run_timestamp_seconds", _LAST_RUN, seconds)
    what = "How long the last reconciliation took."
    yield _gauge("reconcile_duration_seconds", what, result.duration_ms / 1000)


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tollgate_{name}", what, value=value)


def _by(name: str, what: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"tollgate_{name}", what, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


_LAST_RUN = "When the last reconciliation began, in seconds since 1970; 0: never."
