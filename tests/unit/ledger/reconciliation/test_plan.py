"""When to reconcile, and how much of it."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.reconciliation.difference import Scope
from ledger.reconciliation.plan import MARGIN, next_scope
from ledger.reconciliation.report import LastResults, Result

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def result(
    minutes_ago: int, *, is_full: bool = False, is_ok: bool = True, took_s: int = 1
) -> Result:
    return Result(
        checked_at=NOW - timedelta(minutes=minutes_ago),
        is_full=is_full,
        is_ok=is_ok,
        counts={},
        duration_ms=took_s * 1000,
    )


def last(newest: Result, full: Result | None, good: Result | None) -> Scope | None:
    return next_scope(LastResults(newest, full, good), NOW, 300)


def test_the_first_one_is_full() -> None:
    """G9: nothing is known yet."""
    assert next_scope(LastResults(None, None, None), NOW, 300) == Scope()


def test_it_waits_until_it_is_time() -> None:
    """G9: several writers share the work."""
    full = result(4, is_full=True)
    assert last(full, full, full) is None


def test_the_next_one_goes_on_from_the_last_good_one() -> None:
    """G9: with a margin for what was being committed then."""
    full, newest = result(60, is_full=True), result(5)
    assert last(newest, full, newest) == Scope(start=newest.checked_at - MARGIN)


def test_what_was_found_stays_in_sight() -> None:
    """G9: a run that found something is followed by one that looks at the same again."""
    full, good, bad = result(60, is_full=True), result(20), result(6, is_ok=False)
    assert last(bad, full, good) == Scope(start=good.checked_at - MARGIN)


@pytest.mark.parametrize("good", [None, result(90)])
def test_after_a_full_one_that_found_something_all_are_full(good: Result | None) -> None:
    """G9: old damage would be forgotten by a run of what is new."""
    full = result(60, is_full=True, is_ok=False)
    assert last(result(6, is_ok=False), full, good) == Scope()


def test_once_a_day_it_is_full() -> None:
    """G9: damage to old rows is found then."""
    full = result(24 * 60, is_full=True)
    assert last(result(6), full, result(6)) == Scope()


def test_what_takes_long_is_done_more_rarely() -> None:
    """G9: large books are not looked at without a pause."""
    full = result(6, is_full=True, took_s=100)
    assert last(full, full, full) is None
