"""A charge as a sum that anyone can do again."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.rates import MILLIONTHS, Rate
from pricing.charge import NoRateError, charge_mc
from pricing.money import parse_credits
from pricing.receipt import exact_credits, receipt_of

RATES = {"input": "2.4", "cached_input": "1.2", "output": "9.6"}
RATE_TEXTS = st.decimals(min_value=0, max_value=1000, places=6).map(lambda rate: f"{rate:f}")
COUNTS = st.integers(min_value=0, max_value=10**9)


def test_the_lines_are_units_times_rates() -> None:
    """Dimensions without units are left out."""
    receipt = receipt_of({"input": 750, "cached_input": 0, "output": 200}, RATES)
    lines = [(one.dimension, one.units, one.rate_text, one.amount_text) for one in receipt.lines]
    assert lines == [("input", 750, "2.4", "1.800"), ("output", 200, "9.6", "1.920")]
    assert receipt.sum_text == "3.720"


def test_amounts_are_exact_below_a_millicredit() -> None:
    """Nothing is rounded before the end; the decimals of the lines stand below each other."""
    receipt = receipt_of({"input": 1, "output": 1}, {"input": "0.000001", "output": "2.4"})
    assert [line.amount_text for line in receipt.lines] == ["0.000000001", "0.002400000"]
    assert receipt.sum_text == "0.002400001"
    assert exact_credits(10**15) == "1,000,000.000"


def test_a_call_that_used_nothing_has_no_lines() -> None:
    """A failed call has its receipt too."""
    assert receipt_of({"input": 0}, RATES) == receipt_of({}, {})
    assert receipt_of({}, {}).sum_text == "0.000"


def test_units_without_a_rate_are_no_receipt() -> None:
    """G2: nothing is free by being left out of the sum."""
    with pytest.raises(NoRateError):
        receipt_of({"audio": 1}, RATES)


@given(st.dictionaries(st.sampled_from(["input", "cached_input", "output"]), COUNTS), RATE_TEXTS)
def test_g8_the_sum_rounded_up_is_the_charge(units: dict[str, int], rate_text: str) -> None:
    """G8: from units and rates alone anyone comes to what was charged."""
    rates = dict.fromkeys(RATES, rate_text)
    receipt = receipt_of(units, rates)
    millionths = int(Decimal(rate_text) * MILLIONTHS)
    charge = charge_mc(units, {name: Rate(rate_text, millionths) for name in rates}, "millicredit")
    whole, _, part = receipt.sum_text.replace(",", "").partition(".")
    rounded_down = parse_credits(f"{whole}.{part[:3]}")
    assert charge == rounded_down + bool(part[3:].strip("0"))
