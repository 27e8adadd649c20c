"""What a usage row must say of its charge."""

import pytest

from ledger.reconciliation.charge_rules import KeptRow, Wrong, wrong_amounts

UNITS = '{"input": 800, "cached_input": 200, "output": 100}'
RATES = '{"input": "2.4", "cached_input": "1.2", "output": "9.6"}'
COSTS = '{"input": "0.15", "cached_input": "0.075", "output": "0.6"}'


def row(**changes: object) -> KeptRow:
    values = {
        "kind": "settled",
        "units": UNITS,
        "rates": RATES,
        "rounding": "millicredit",
        "charge_mc": 3120,
        "posted_mc": 3120,
        "costs": COSTS,
        "cost_picousd": 195_000_000,
    }
    return KeptRow(**{**values, **changes})


@pytest.mark.parametrize(
    "good",
    [
        row(),
        row(costs="{}", cost_picousd=None),
        row(units="{}", charge_mc=0, posted_mc=0, cost_picousd=0),
        row(rounding="credit", charge_mc=4000, posted_mc=4000),
        row(orphan_charge_mc=5000, posted_mc=-1880),
        row(kind="orphan", is_after_truth=True, posted_mc=0),
    ],
)
def test_a_row_that_adds_up_has_nothing_wrong(good: KeptRow) -> None:
    """G8: the truth, an estimate before it, an estimate after it."""
    assert list(wrong_amounts(good)) == []


@pytest.mark.parametrize(
    ("bad", "wrong"),
    [
        (row(charge_mc=3121, posted_mc=3121), Wrong("charge", 3120, 3121)),
        (row(posted_mc=3119), Wrong("posted amount", 3120, 3119)),
        (row(cost_picousd=None), Wrong("cost", 195_000_000, None)),
        (row(costs="{}"), Wrong("cost", None, 195_000_000)),
        (row(orphan_charge_mc=5000), Wrong("posted amount", -1880, 3120)),
        (row(kind="orphan", is_after_truth=True), Wrong("posted amount", 0, 3120)),
        (
            row(rates='{"input": "2.4"}'),
            Wrong("units and rates", "a rate for each unit", "no rate for cached_input"),
        ),
    ],
)
def test_what_does_not_add_up_is_named(bad: KeptRow, wrong: Wrong) -> None:
    """G8: by what it should be."""
    assert list(wrong_amounts(bad)) == [wrong]


@pytest.mark.parametrize(
    "unreadable",
    [
        row(units="[]"),
        row(units='{"input": 1.5}'),
        row(rates='{"input": 2.4}'),
        row(rates='{"input": "cheap"}'),
        row(rates='{"input": "NaN"}'),
        row(costs='{"input": "Infinity"}'),
    ],
)
def test_what_cannot_be_read_is_named(unreadable: KeptRow) -> None:
    """G8: whatever somebody has written there."""
    (wrong,) = wrong_amounts(unreadable)
    assert (wrong.what, wrong.expected) == ("units and rates", "readable")
