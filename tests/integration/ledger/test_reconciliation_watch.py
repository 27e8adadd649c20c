"""Reconciliation that runs by itself: when, how much, and what it tells."""

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from ledger.reconciliation.difference import Scope
from ledger.reconciliation.reconciler import Reconciler
from ledger.reconciliation.redis_check import RedisCheck
from ledger.reconciliation.report import Report
from ledger.reconciliation.results import Results
from ledger.reconciliation.watch import ReconciliationWatch
from ledger.redis_keys import account_keys
from tests.support.books import TTL_S, Books


class Broken(Reconciler):
    """A reconciler with a mistake in it."""

    async def run(self, scope: Scope, progress: object = None) -> Report:
        raise KeyError(scope)


@pytest.fixture
async def reconciler(books: Books) -> Reconciler:
    return Reconciler(RedisCheck(books.pipeline, books.pool, ttl_s=TTL_S), books.pool)


@pytest.fixture
async def results(books: Books) -> Results:
    return Results(books.pool)


async def test_it_runs_when_it_is_time_and_keeps_what_it_found(
    books: Books, reconciler: Reconciler, results: Results
) -> None:
    """G9: the first run is of everything; the next of what is new; damage stays named."""
    hasty = ReconciliationWatch(reconciler, results, every_s=0)
    patient = ReconciliationWatch(reconciler, results, every_s=300)
    ada = await books.customer(10_000)
    with capture_logs() as logs:
        assert (await run(hasty)).scope.is_full
        assert await patient.run_if_due() is None
        second = await run(hasty)
        assert second.scope.start is not None
        await books.redis.hincrby(account_keys(ada.account_id).account, "available", 1)
        assert not (await run(hasty)).is_ok
        last = await results.last()
        assert last.newest is not None
        assert last.good is not None
        assert (last.newest.is_ok, last.newest.counts["redis"]) == (False, 1)
        assert last.good.checked_at == second.checked_at
        await books.redis.hincrby(account_keys(ada.account_id).account, "available", -1)
        assert (await run(hasty)).is_ok
    assert [line["event"] for line in logs] == [
        *("reconciled", "reconciled", "reconcile_differences", "reconciled"),
    ]
    assert logs[2]["log_level"] == "error"
    assert logs[2]["first"] == [
        (
            f"account {ada.account_id}: redis: available in Redis:"
            " expected 10000 millicredits, actual 10001 millicredits"
        )
    ]


async def run(watch: ReconciliationWatch) -> Report:
    """Waits until it is time, which is a few durations of the last run."""
    while True:
        report = await watch.run_if_due()
        if report is not None:
            return report


async def test_a_mistake_of_ours_does_not_end_the_writer(books: Books, results: Results) -> None:
    """Who looks at the books must not keep them from being written."""
    redis_check = RedisCheck(books.pipeline, books.pool, ttl_s=TTL_S)
    watch = ReconciliationWatch(Broken(redis_check, books.pool), results, every_s=0)
    with capture_logs() as logs:
        while not logs:
            assert await watch.run_if_due() is None
    assert logs[0]["event"] == "reconcile_failed"


async def test_only_what_looked_at_all_accounts_is_kept(
    books: Books, reconciler: Reconciler, results: Results
) -> None:
    """Metrics are about all of the books, to this day."""
    count = "select count(*) from reconciliations"
    before = await books.value(count)
    ended = datetime.now(UTC) - timedelta(days=1)
    await results.keep(await reconciler.run(Scope(end=ended)))
    assert await books.value(count) == before
    await results.keep(await reconciler.run(Scope()))
    assert await books.value(count) == before + 1


async def test_a_part_that_somebody_asked_for_does_not_stand_for_the_whole(
    books: Books, reconciler: Reconciler, results: Results
) -> None:
    """G9: a good period says nothing of what was posted before it, and is not gone on from."""
    count = "select count(*) from reconciliations"
    before = await books.value(count)
    await results.keep_asked(await reconciler.run(Scope(start=datetime.now(UTC))))
    assert await books.value(count) == before
    await results.keep_asked(await reconciler.run(Scope()))
    assert await books.value(count) == before + 1
