"""What is typed into the page's forms."""

import pytest

from console.page.forms import Form, FormError


@pytest.mark.parametrize(
    ("typed", "amount_mc"),
    [("500", 500_000), (" 12.5 ", 12_500), ("1,234.567", 1_234_567), ("", None), ("0", 0)],
)
def test_amounts_are_read_digit_by_digit(typed: str, amount_mc: int | None) -> None:
    """Credits, with separators or without; nothing typed is nothing."""
    assert Form({"limit": typed}).amount_mc("limit") == amount_mc


@pytest.mark.parametrize("typed", ["many", "1.2345", "1e3", "12 credits", "$5"])
def test_what_is_no_amount_names_its_field(typed: str) -> None:
    """The reason ends a sentence that begins with the field's label."""
    with pytest.raises(FormError) as caught:
        Form({"limit": typed}).amount_mc("limit")
    assert caught.value.field == "limit"
    assert caught.value.reason.startswith("must be a number of credits")


@pytest.mark.parametrize(
    ("typed", "cents"),
    [("150", 15_000), ("9.99", 999), ("$1,000.5", 100_050), ("", None)],
)
def test_dollars_are_read_digit_by_digit(typed: str, cents: int | None) -> None:
    """US dollars, with their sign or without."""
    assert Form({"limit": typed}).cents("limit") == cents


@pytest.mark.parametrize("typed", ["9.999", "-5", "ten", "€5"])
def test_what_are_no_dollars_names_its_field(typed: str) -> None:
    """With an example of what is right."""
    with pytest.raises(FormError, match=r"like 150\.00"):
        Form({"limit": typed}).cents("limit")


def test_a_field_that_is_missing_is_empty() -> None:
    """As one that nothing was typed into."""
    assert Form({}).text("name") == ""
    assert Form({}).amount_mc("limit") is None
