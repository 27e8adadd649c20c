"""What two tables differ in: exact, complete, and readable by model."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.rate_book import RateBook, parse_rate_book
from config.rates import ModelRates
from pricing.rate_diff import Difference, compare, percent_text, scheduled_after

MODEL = """
[models."{name}"]
upstream = "openai"
input = "{input}"
output = "80"
context_window = 128000
max_output_tokens = {max_output_tokens}
{more}
"""
DECEMBER = 1_796_083_200


def book_of(*models: str) -> RateBook:
    return parse_rate_book("".join(models), "rates.toml", frozenset({"openai"}))


def model(name: str, more: str = "", **changes: object) -> str:
    return MODEL.format(
        **{"name": name, "input": "20", "max_output_tokens": 16384, **changes}, more=more
    )


def models_of(*models: str) -> dict[str, ModelRates]:
    return dict(book_of(*models).table_at(0).models)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (20, 25, "+25.00"),
        (20, 10, "-50.00"),
        (3, 4, "+33.33"),
        (3, 5, "+66.67"),
        (3, 1, "-66.67"),
        (20, 0, "-100.00"),
        (20, 20, "+0.00"),
        (20_000, 20_001, "+0.01"),
        (100_000, 100_001, "+0.00"),
        (1, 9_999_999_999_999, "+999999999999800.00"),
        (0, 5, None),
        (0, 0, None),
    ],
)
def test_percent_is_rounded_to_two_decimals(old: int, new: int, text: str | None) -> None:
    """Rates diff: percent up or down, and none from nothing."""
    assert percent_text(old, new) == text


@given(old=st.integers(1, 10**13), new=st.integers(0, 10**13))
def test_percent_is_never_off_by_more_than_half_a_hundredth(old: int, new: int) -> None:
    """Money: exact arithmetic, rounded once."""
    text = percent_text(old, new)
    assert text is not None
    assert abs(Fraction(text) - Fraction((new - old) * 100, old)) <= Fraction(1, 200)


def test_equal_tables_have_no_difference() -> None:
    """Rates diff: nothing to say."""
    assert compare(models_of(model("a"), model("b")), models_of(model("b"), model("a"))) == ()


def test_changed_new_and_dropped_models_are_told_apart() -> None:
    """Rates diff: model by model, in the order of the new table."""
    old = models_of(model("same"), model("dropped"), model("changed"))
    new = models_of(model("new"), model("changed", input="25"), model("same"))
    found = compare(old, new)
    assert [(one.model, one.change) for one in found] == [
        *(("new", "new"), ("changed", "changed"), ("dropped", "dropped"))
    ]
    assert found[0].differences[0] == Difference("input", None, "20")
    assert found[1].differences == (
        Difference("input", "20", "25", "+25.00"),
        Difference("cached_input", "20", "25", "+25.00"),
    )
    assert found[2].differences[-1] == Difference("output", "80", None)


def test_costs_and_bounds_are_compared_too() -> None:
    """Rates diff: what changes a quote, or a margin, is not left out."""
    costs = 'cost_input = "1.25"\ncost_output = "5"\ntokenizer = "o200k_base"'
    new = models_of(model("m", costs, max_output_tokens=32768))
    [changed] = compare(models_of(model("m")), new)
    assert changed.differences == (
        Difference("cost_input", None, "1.25"),
        Difference("cost_cached_input", None, "1.25"),
        Difference("cost_output", None, "5"),
        Difference("max_output_tokens", "16384", "32768"),
        Difference("tokenizer", None, "o200k_base"),
    )


def test_the_same_rate_in_other_digits_is_told_as_such() -> None:
    """Rates diff: it makes another version, so it is a difference, of nothing."""
    [changed] = compare(models_of(model("m")), models_of(model("m", input="20.0")))
    assert changed.differences[0] == Difference("input", "20", "20.0", "+0.00")


def test_the_schedule_is_told_step_by_step() -> None:
    """Rates diff: each change against what was before it; what is past is no news."""
    plan = """
        retire_at = 2027-06-01T00:00:00Z
        [[models."m".changes]]
        effective_from = 2027-01-01T00:00:00Z
        input = "30"
        cached_input = "20"
        [[models."m".changes]]
        effective_from = 2026-12-01T00:00:00Z
        input = "10"
        cached_input = "20"
    """
    book = book_of(model("m", plan))
    told = [
        (one.change, [(d.what, d.old, d.new, d.percent) for d in one.differences])
        for one in scheduled_after(book, DECEMBER - 1)
    ]
    assert told == [
        ("changed", [("input", "20", "10", "-50.00")]),
        ("changed", [("input", "10", "30", "+200.00")]),
        ("retired", []),
    ]
    assert len(scheduled_after(book, DECEMBER)) == 2
