"""Amounts as text, there and back, without ever being a float."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.money import (
    LARGEST_MC,
    NotAnAmountError,
    credits_text,
    grouped_credits_text,
    parse_credits,
    usd_text,
)

amounts_mc = st.integers(-LARGEST_MC, LARGEST_MC)


@pytest.mark.parametrize(
    ("amount_mc", "text"),
    [
        (0, "0"),
        (-1, "-0.001"),
        (3720, "3.72"),
        (500_000, "500"),
        (52_489_000, "52,489"),
        (-1_000_500, "-1,000.5"),
        (LARGEST_MC, "9,007,199,254,740.991"),
    ],
)
def test_people_read_credits_in_groups(amount_mc: int, text: str) -> None:
    """Money: exact, with decimals only where there are some."""
    assert grouped_credits_text(amount_mc) == text


@pytest.mark.parametrize(
    ("amount_mc", "text"),
    [
        (0, "0.0"),
        (1, "0.001"),
        (-1, "-0.001"),
        (10, "0.01"),
        (3720, "3.72"),
        (12_000, "12.0"),
        (-12_345, "-12.345"),
        (1_234_567, "1234.567"),
        (LARGEST_MC, "9007199254740.991"),
    ],
)
def test_credits_are_shown_exactly(amount_mc: int, text: str) -> None:
    """Money: at least one decimal, at most three, digit by digit."""
    assert credits_text(amount_mc) == text
    assert parse_credits(text) == amount_mc


@given(amounts_mc)
def test_what_is_shown_is_what_is_read(amount_mc: int) -> None:
    """Money: text and back is the same; and it is a JSON number of just that value."""
    text = credits_text(amount_mc)
    assert parse_credits(text) == amount_mc
    assert json.loads(text, parse_float=Decimal) == Decimal(amount_mc) / 1000


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "1 ", " 1", "1\n", "+1", "--1", ".5", "5.", "1.2345", "1,5", "1_000", "0x10"),
        *("1e3", "nan", "NaN", "inf", "-Infinity", "١٢", "1.0.0", "12345678901234", "credits"),
        "9007199254740.992",
    ],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    """Money: nothing is guessed, nothing is rounded."""
    with pytest.raises(NotAnAmountError):
        parse_credits(text)


@pytest.mark.parametrize(
    ("amount_mc", "credits_per_usd", "text"),
    [
        (0, 1000, "0.00"),
        (1, 1000, "0.000001"),
        (12_400, 1000, "0.0124"),
        (1_000_000, 1000, "1.00"),
        (-1_500_000, 1000, "-1.50"),
        (1, 3000, "0.00"),
        (1000, 3, "0.333333"),
    ],
)
def test_dollars_are_rounded_towards_nothing(
    amount_mc: int, credits_per_usd: int, text: str
) -> None:
    """Money: six decimals or fewer, at least two; never more than there is."""
    assert usd_text(amount_mc, credits_per_usd) == text


@given(amounts_mc, st.integers(1, 10**6))
def test_dollars_are_never_too_many(amount_mc: int, credits_per_usd: int) -> None:
    """Money: within a millionth of a dollar below what it is."""
    shown = Decimal(usd_text(amount_mc, credits_per_usd))
    is_short = abs(Decimal(amount_mc)) / 1000 - abs(shown) * credits_per_usd
    assert 0 <= is_short < Decimal(credits_per_usd) / 1_000_000
