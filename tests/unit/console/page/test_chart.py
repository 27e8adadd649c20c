"""The geometry of the spending chart."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.page.chart import Chart, Row, chart_of, nice_top_mc, summary_of, table_of
from ledger.spending import DaySpending

LAST = date(2026, 11, 29)
FIRST = LAST - timedelta(days=6)


def spent(days_ago: int, amount_mc: int, model: str = "gpt-4o", calls: int = 1) -> DaySpending:
    day = LAST - timedelta(days=days_ago)
    return DaySpending(day=day, model=model, calls=calls, charged_mc=amount_mc)


def bars(chart: Chart, number: int = 0) -> list[tuple[int, int, int, int]]:
    """(x, y, width, height) of a series' bars."""
    found = re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-\d+z", chart.series[number].path)
    return [tuple(map(int, one)) for one in found]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("highest_mc", "top_mc"),
    [
        (0, 1000),
        (-5, 1000),
        (1000, 1000),
        (1001, 2000),
        (4_999, 5_000),
        (607_848, 800_000),
        (800_001, 1_000_000),
    ],
)
def test_the_scale_ends_at_a_round_number(highest_mc: int, top_mc: int) -> None:
    """One digit with zeros, never below what was spent and never twice that."""
    assert nice_top_mc(highest_mc) == top_mc


def test_the_highest_bar_is_as_high_as_its_share_of_the_scale() -> None:
    """1,000 credits of 1,000 reach from the bottom to the top."""
    chart = chart_of([spent(0, 1_000_000), spent(3, 500_000)], FIRST, LAST, "wide")
    half, whole = bars(chart)
    assert (whole[1], whole[3]) == (chart.top, chart.bottom - chart.top)
    assert half[3] == whole[3] // 2
    assert half[0] < whole[0]
    assert [amount_mc for _, amount_mc in chart.ticks] == [0, 500_000, 1_000_000]


def test_models_are_piled_up_the_largest_at_the_bottom() -> None:
    """They meet without a gap, and the pile is the day's total."""
    rows = [spent(1, 300_000, "small"), spent(1, 700_000, "large")]
    chart = chart_of(rows, FIRST, LAST, "wide")
    assert [series.model for series in chart.series] == ["large", "small"]
    [lower], [upper] = bars(chart, 0), bars(chart, 1)
    assert lower[1] + lower[3] == chart.bottom
    assert upper[1] + upper[3] == lower[1]
    assert upper[1] == chart.top


def test_many_models_share_the_last_series() -> None:
    """Four patterns can be told apart; the rest are together, and nothing is left out."""
    rows = [spent(0, 1000 * (number + 1), f"model-{number}") for number in range(7)]
    chart = chart_of(rows, FIRST, LAST, "narrow")
    assert [series.model for series in chart.series] == ["model-6", "model-5", "model-4", None]
    assert sum(series.total_mc for series in chart.series) == sum(one.charged_mc for one in rows)


def test_the_table_has_the_numbers_of_the_chart_and_no_more_rows_than_it_has_bars() -> None:
    """So that dozens of models do not make a page of hundreds of kilobytes."""
    many = [spent(0, 1000 * (number + 1), f"model-{number}", calls=2) for number in range(50)]
    before = spent(1, 5, "model-49")
    today = [("model-49", 2, 50_000), ("model-48", 2, 49_000), ("model-47", 2, 48_000)]
    others = (None, 94, sum(range(1, 48)) * 1000)
    expected = [Row(LAST, *one) for one in (*today, others)]
    assert table_of([before, *many]) == [*expected, Row(before.day, "model-49", 1, 5)]


def test_a_correction_draws_no_bar_downwards() -> None:
    """A day that gives more back than it takes has no bar; its numbers are in the table."""
    rows = [spent(0, -500)]
    chart = chart_of(rows, FIRST, LAST, "wide")
    assert bars(chart) == []
    assert [day.total_mc for day in chart.days] == [0] * 7
    assert table_of(rows) == [Row(LAST, "gpt-4o", 1, -500)]


def test_the_summary_names_total_calls_and_the_highest_day() -> None:
    """In words what the chart shows."""
    rows = [spent(0, 100, calls=2), spent(1, 300, "a"), spent(1, 50, "b", calls=4)]
    summary = summary_of(rows)
    assert summary is not None
    assert (summary.total_mc, summary.calls) == (450, 7)
    assert (summary.highest_day, summary.highest_mc) == (LAST - timedelta(days=1), 350)
    assert summary_of([]) is None
    assert summary_of([spent(0, 0)]) is None


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(-1000, 10**12)), max_size=20))
def test_all_bars_stay_within_the_chart(amounts: list[tuple[int, int]]) -> None:
    """Whatever was spent."""
    chart = chart_of([spent(*one) for one in amounts], FIRST, LAST, "narrow")
    for number in range(len(chart.series)):
        for x, y, width, height in bars(chart, number):
            assert chart.left <= x < x + width <= chart.width
            assert chart.top <= y
            assert y + height <= chart.bottom + 6
