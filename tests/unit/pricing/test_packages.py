"""Packages: what a price and a bonus give."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.packages import Package, load_packages
from config.settings import DEFAULT_FOLDER
from pricing.packages import offer

SHIPPED = load_packages(DEFAULT_FOLDER)
PACKAGES = st.builds(
    Package,
    package_id=st.just("any"),
    label=st.just("Any"),
    tag=st.just(""),
    price_cents=st.integers(50, 99_999_999),
    bonus_basis_points=st.integers(0, 99_999),
    display_rounding=st.sampled_from([1, 10, 100]),
)


@pytest.mark.parametrize(
    ("name", "base", "total"),
    [("starter", 9_990, 9_990), ("professional", 49_990, 52_489), ("enterprise", 99_990, 109_989)],
)
def test_the_shipped_packages_give_what_the_money_table_says(
    name: str, base: int, total: int
) -> None:
    """Money table: Starter 9,990, Professional 52,489, Enterprise 109,989."""
    made = offer(SHIPPED[name], 1000)
    assert (made.base_mc, made.total_mc, made.is_rounded_up) == (base * 1000, total * 1000, False)


@pytest.mark.parametrize(("name", "total"), [("professional", 49_990), ("enterprise", 99_990)])
def test_without_a_bonus_the_price_alone_counts(name: str, total: int) -> None:
    """Money table: 49,990 and 99,990 without bonus."""
    package = msgspec.structs.replace(SHIPPED[name], bonus_basis_points=0)
    assert (offer(package, 1000).total_mc, offer(package, 1000).bonus_mc) == (total * 1000, 0)


@pytest.mark.parametrize(("step", "total"), [(10, 52_490), (100, 52_500)])
def test_a_display_rounding_rounds_the_total_up(step: int, total: int) -> None:
    """Money: with a display rounding the total goes up to that step, and the card says so."""
    package = msgspec.structs.replace(SHIPPED["professional"], display_rounding=step)
    made = offer(package, 1000)
    assert (made.base_mc, made.total_mc, made.is_rounded_up) == (49_990_000, total * 1000, True)


@given(package=PACKAGES, credits_per_usd=st.integers(1, 100_000))
def test_an_offer_is_whole_credits_and_less_than_a_step_away_from_exact(
    package: Package, credits_per_usd: int
) -> None:
    """Money: exact until it is rounded once."""
    made = offer(package, credits_per_usd)
    exact = Fraction(package.price_cents * credits_per_usd, 100)
    exact *= 1 + Fraction(package.bonus_basis_points, 10_000)
    assert made.total_mc % 1000 == made.base_mc % 1000 == 0
    assert made.base_mc >= 0
    assert made.bonus_mc >= 0
    off = Fraction(made.total_mc, 1000) - exact
    if package.display_rounding == 1:
        assert -1 < off <= 0
    else:
        assert 0 <= off < package.display_rounding
    assert made.is_rounded_up == (off > 0)
