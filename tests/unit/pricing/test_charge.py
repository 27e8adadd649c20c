"""What a call costs: exact, and rounded up once."""

from fractions import Fraction
from math import ceil
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.rates import DIMENSIONS, MILLIONTHS, Rate
from config.settings import Rounding
from pricing.charge import NoRateError, charge_mc, round_up_mc
from pricing.usage import Usage
from tests.support.rates import shipped_table

TABLE = shipped_table()

# The calls of the money table: model, usage, millicredits, millicredits in whole credits.
MONEY_TABLE = [
    ("gpt-4o-mini", Usage(1000, 0, 1000), 12_000, 12_000),
    ("gpt-4o", Usage(10_000, 0, 2000), 360_000, 360_000),
    ("gpt-4o-mini", Usage(750, 0, 200), 3720, 4000),
    ("gpt-4o-mini", Usage(1000, 1000, 0), 1200, 2000),
    ("gpt-4o-mini", Usage(1000, 400, 10), 2016, 3000),
    ("gpt-4o-mini", Usage(1, 0, 0), 3, 1000),  # 2.4
    ("gpt-4o-mini", Usage(0, 0, 1), 10, 1000),  # 9.6
    ("gpt-4o-mini", Usage(1, 0, 1), 12, 1000),  # 12.0: rounded once, not 3 + 10
    ("gpt-4o-mini", Usage(5, 5, 0), 6, 1000),
    ("gpt-4o-mini", Usage(0, 0, 0), 0, 0),
    ("gpt-4o", Usage(1, 0, 0), 20, 1000),
    ("gpt-4o", Usage(50, 0, 0, 0), 1000, 1000),
]


@pytest.mark.parametrize(("model", "usage", "in_millicredits", "in_credits"), MONEY_TABLE)
def test_usage_costs_what_the_table_says(
    model: str, usage: Usage, in_millicredits: int, in_credits: int
) -> None:
    """Money: units x rate / 1000, rounded up to the next millicredit or whole credit."""
    rates = TABLE.models[model].rates
    assert charge_mc(usage.units(), rates, "millicredit") == in_millicredits
    assert charge_mc(usage.units(), rates, "credit") == in_credits


rate = st.integers(0, 10**13).map(lambda millionths: Rate("any", millionths))
rates_of_all = st.fixed_dictionaries(dict.fromkeys(DIMENSIONS, rate))
counts = st.fixed_dictionaries({dimension: st.integers(0, 10**9) for dimension in DIMENSIONS})
roundings = st.sampled_from(get_args(Rounding))


@given(counts, rates_of_all, roundings)
def test_a_charge_is_exact_until_it_is_rounded_once(
    units: dict[str, int], rates: dict[str, Rate], rounding: Rounding
) -> None:
    """Money: against fractions, however large or small."""
    exact = sum(
        Fraction(count) * Fraction(rates[dimension].millionths, MILLIONTHS)
        for dimension, count in units.items()
    )
    step = 1000 if rounding == "credit" else 1
    assert charge_mc(units, rates, rounding) == ceil(exact / step) * step


@given(counts, counts, rates_of_all, roundings)
def test_more_units_never_cost_less(
    units: dict[str, int], more: dict[str, int], rates: dict[str, Rate], rounding: Rounding
) -> None:
    """Money: so that a bound of units is a bound of the charge."""
    both = {dimension: units[dimension] + more[dimension] for dimension in units}
    assert charge_mc(both, rates, rounding) >= charge_mc(units, rates, rounding)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_each_token_is_priced_once(tokens: int, cached: int, output: int) -> None:
    """Units: cached input is part of the input, and stands in one dimension only."""
    usage = Usage(tokens + cached, cached, output, output // 2)
    units = usage.units()
    assert sum(units.values()) == usage.input_tokens + usage.output_tokens
    assert units == {"input": tokens, "cached_input": cached, "output": output}


@pytest.mark.parametrize("dimension", ["audio", "web_search", "Input"])
def test_a_dimension_without_a_rate_is_never_free(dimension: str) -> None:
    """G2: units that have no rate are an error, not a gift."""
    with pytest.raises(NoRateError, match=dimension):
        charge_mc({dimension: 1}, TABLE.models["gpt-4o"].rates, "millicredit")
    assert charge_mc({dimension: 0}, TABLE.models["gpt-4o"].rates, "millicredit") == 0


@pytest.mark.parametrize(
    ("millionths", "in_millicredits", "in_credits"),
    [
        (0, 0, 0),
        (1, 1, 1000),
        (MILLIONTHS, 1, 1000),
        (MILLIONTHS + 1, 2, 1000),
        (1000 * MILLIONTHS, 1000, 1000),
        (1000 * MILLIONTHS + 1, 1001, 2000),
    ],
)
def test_rounding_goes_up(millionths: int, in_millicredits: int, in_credits: int) -> None:
    """Money: to the next, and not beyond it."""
    assert round_up_mc(millionths, "millicredit") == in_millicredits
    assert round_up_mc(millionths, "credit") == in_credits
