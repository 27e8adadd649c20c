"""Months in UTC."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.months import BadMonthError, Month, read_month

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-11", "2026-02", "2000-01"])
def test_a_month_is_read_as_it_is_written(text: str) -> None:
    """`2026-11`"""
    assert str(read_month(text, NOW)) == text


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026-1", "26-01", "2026-11-01", "", "1999-12"]
)
def test_what_is_no_month_is_refused_with_an_example(text: str) -> None:
    """The error says what would be right."""
    with pytest.raises(BadMonthError, match="write it like 2026-11"):
        read_month(text, NOW)


def test_a_month_that_has_not_begun_cannot_be_closed() -> None:
    """It has no books."""
    with pytest.raises(BadMonthError, match="has not begun"):
        read_month("2026-12", NOW)


@pytest.mark.parametrize("month", [Month(2026, number) for number in range(1, 13)])
def test_a_month_ends_where_the_next_begins(month: Month) -> None:
    """No moment between two months is lost."""
    last = month.end - timedelta(microseconds=1)
    assert (last.year, last.month) == (month.year, month.number)
    assert month.end.day == 1
