"""The geometry of the spending chart: stacked bars by day, in whole units of its own; and the table
behind it. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Literal

import msgspec

from ledger.spending import DaySpending

Width = Literal["wide", "narrow"]

# Ten units are about a pixel. Text is as large in both, so a narrow chart is not a small one.
_WIDTHS: dict[Width, int] = {"wide": 9600, "narrow": 3400}
_HEIGHT, _LEFT, _TOP, _BOTTOM = 2600, 620, 120, 300
_ROUND = (1, 2, 3, 4, 5, 6, 8)
_MOST_SERIES = 4
_LABELS: dict[Width, int] = {"wide": 8, "narrow": 4}


class Series(msgspec.Struct, frozen=True):
    """A model's part of all bars, as one path. `model` is None for all that have no own series."""

    model: str | None
    total_mc: int
    path: str


class Day(msgspec.Struct, frozen=True):
    """A day: where its column is, and what was spent, by model."""

    day: date
    x: int
    total_mc: int
    parts: Sequence[DaySpending]


class Row(msgspec.Struct, frozen=True):
    """A row of the table: a series' part of a day. `model` is None where that is of several."""

    day: date
    model: str | None
    calls: int
    charged_mc: int


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """All that is drawn. Ticks are (y, amount in millicredits), labels (x, day)."""

    width_name: Width
    width: int
    height: int
    left: int
    top: int
    bottom: int
    step: int
    series: Sequence[Series]
    ticks: Sequence[tuple[int, int]]
    labels: Sequence[tuple[int, date]]
    days: Sequence[Day]


class Summary(msgspec.Struct, frozen=True):
    """What the chart says in words."""

    total_mc: int
    calls: int
    highest_day: date
    highest_mc: int


def chart_of(spent: Sequence[DaySpending], first: date, last: date, width: Width) -> Chart:
    """The chart of the days from `first` to `last`, both included; `spent` is of those days."""
    count = (last - first).days + 1
    step = (_WIDTHS[width] - _LEFT) // count
    bottom = _HEIGHT - _BOTTOM
    days = [
        _day(first + timedelta(days=number), _LEFT + number * step, spent)
        for number in range(count)
    ]
    top_mc = nice_top_mc(max((day.total_mc for day in days), default=0))
    every = -(-count // _LABELS[width])
    return Chart(
        width_name=width,
        width=_WIDTHS[width],
        height=_HEIGHT,
        left=_LEFT,
        top=_TOP,
        bottom=bottom,
        step=step,
        series=list(_series(days, spent, step, top_mc)),
        ticks=[(_y(part * top_mc // 2, top_mc), part * top_mc // 2) for part in range(3)],
        labels=[(day.x + step // 2, day.day) for day in days[::every]],
        days=days,
    )


def summary_of(spent: Sequence[DaySpending]) -> Summary | None:
    """The total, and the day on which most was spent; None where nothing was."""
    totals: dict[date, int] = {}
    for one in spent:
        totals[one.day] = totals.get(one.day, 0) + one.charged_mc
    if not any(totals.values()):
        return None
    highest = max(totals, key=totals.__getitem__)
    calls = sum(one.calls for one in spent)
    return Summary(sum(totals.values()), calls, highest, totals[highest])


def table_of(spent: Sequence[DaySpending]) -> list[Row]:
    """The chart's numbers, newest first: of each day those series that have something."""
    own = _own_series(spent)
    rows: dict[tuple[date, str | None], Row] = {}
    for one in spent:
        model = one.model if one.model in own else None
        row = rows.get((one.day, model), Row(one.day, model, 0, 0))
        rows[one.day, model] = Row(
            one.day, model, row.calls + one.calls, row.charged_mc + one.charged_mc
        )
    return sorted(rows.values(), key=lambda row: (-row.day.toordinal(), own.index(row.model)))


def nice_top_mc(highest_mc: int) -> int:
    """The amount at the top of the scale, round and with a round half; at least a credit."""
    step = 1000
    while True:
        for factor in _ROUND:
            if highest_mc <= factor * step:
                return factor * step
        step *= 10


def _day(day: date, x: int, spent: Sequence[DaySpending]) -> Day:
    parts = [one for one in spent if one.day == day]
    # A correction of an earlier day may be more than all that was spent.
    return Day(day, x, max(sum(one.charged_mc for one in parts), 0), parts)


def _series(
    days: Sequence[Day], spent: Sequence[DaySpending], step: int, top_mc: int
) -> Iterator[Series]:
    totals = _totals(spent)
    models = sorted(totals)
    own = _own_series(spent)
    piled = {day.day: 0 for day in days}
    for model in own:
        belongs = [one for one in models if one == model or (model is None and one not in own)]
        path = "".join(_bar(day, belongs, piled, step, top_mc) for day in days)
        yield Series(model, sum(totals[one] for one in belongs), path)


def _own_series(spent: Sequence[DaySpending]) -> list[str | None]:
    """The models that have a series each, the dearest first; None for all others together."""
    totals = _totals(spent)
    models = sorted(totals, key=lambda model: (-totals[model], model))
    return [*models] if len(models) <= _MOST_SERIES else [*models[:3], None]


def _totals(spent: Sequence[DaySpending]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for one in spent:
        totals[one.model] = totals.get(one.model, 0) + one.charged_mc
    return totals


def _bar(day: Day, models: Sequence[str], piled: dict[date, int], step: int, top_mc: int) -> str:
    amount_mc = sum(one.charged_mc for one in day.parts if one.model in models)
    if amount_mc <= 0:
        return ""
    low, piled[day.day] = piled[day.day], piled[day.day] + amount_mc
    upper, lower = _y(low + amount_mc, top_mc), _y(low, top_mc)
    gap = max(step // 6, 4)
    width = step - 2 * gap
    return f"M{day.x + gap} {upper}h{width}v{max(lower - upper, 6)}h-{width}z"


def _y(amount_mc: int, top_mc: int) -> int:
    height = _HEIGHT - _TOP - _BOTTOM
    return _HEIGHT - _BOTTOM - min(amount_mc, top_mc) * height // top_mc
