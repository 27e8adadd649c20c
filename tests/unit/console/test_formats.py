"""How amounts, times and names look on a page."""

from datetime import date, datetime, timedelta, timezone
from typing import get_args

from config.rates import ModelRates, RateTable
from console.formats import (
    basis_meaning,
    cents,
    credits_shown,
    dimension_label,
    dollars,
    exact_credits,
    minute,
    model_label,
    percent,
    plain_cents,
    plain_credits,
    rate_dollars,
    short_credits,
    short_day,
    signed_credits,
    utc_text,
    whole_credits,
)
from ledger.records import Basis

AT = datetime(2026, 1, 31, 23, 7, 5, tzinfo=timezone(timedelta(hours=-2)))


def test_credits_are_grouped_and_exact() -> None:
    """Thousands are easy to read; no digit is lost, two decimals are always there."""
    assert credits_shown(1234567890) == "1,234,567.89"
    assert credits_shown(9007199254740991) == "9,007,199,254,740.991"
    assert credits_shown(-1) == "-0.001"
    assert credits_shown(0) == "0.00"
    assert credits_shown(1_234_500) == "1,234.50"


def test_credits_in_a_column_all_have_three_decimals() -> None:
    """Their points stand below each other."""
    assert [exact_credits(one) for one in (0, 3_720, -12_000, 1_234_567)] == [
        "0.000",
        "3.720",
        "-12.000",
        "1,234.567",
    ]


def test_credits_without_a_fraction_are_whole() -> None:
    """Packages; one with a fraction keeps it."""
    assert whole_credits(52_489_000) == "52,489"
    assert whole_credits(52_489_500) == "52,489.50"


def test_credits_in_a_field_are_as_people_type_them() -> None:
    """No separators, no zeros."""
    assert [plain_credits(one) for one in (500_000, 12_500, 1_250_000_000)] == [
        "500",
        "12.5",
        "1250000",
    ]


def test_credits_on_an_axis_are_short() -> None:
    """Round amounts by their letter; others whole."""
    amounts = {0: "0", 500_000: "500", 20_000_000: "20k", 2_500_000: "2.5k", 5_000_000_000: "5M"}
    assert {one: short_credits(one) for one in amounts} == amounts
    assert short_credits(1_234_000) == "1234"


def test_movements_show_their_sign() -> None:
    """In or out."""
    assert signed_credits(12_000) == "+12.000"
    assert signed_credits(-3_720) == "-3.720"
    assert signed_credits(0) == "0.000"


def test_prices_and_percents_are_exact() -> None:
    """Cents and basis points, without a float in between."""
    assert (cents(4999), cents(123_456), plain_cents(5)) == ("$49.99", "$1,234.56", "0.05")
    assert (percent(500), percent(750)) == ("5%", "7.5%")


def test_a_rate_in_dollars_is_exact() -> None:
    """Rates have up to six decimals."""
    assert rate_dollars("20", 1000) == "$0.02"
    assert rate_dollars("0.000001", 1000) == "$0.000000001"
    assert rate_dollars("2500", 1000) == "$2.50"
    assert rate_dollars("20", 3) == "$6.666666667"


def test_times_are_in_utc_until_a_script_makes_them_local() -> None:
    """The minute in the table, the second on hover; a day as on a calendar."""
    assert minute(AT) == "2026-02-01 01:07"
    assert utc_text(AT) == "2026-02-01 01:07:05 UTC"
    assert short_day(date(2026, 1, 3)) == "Jan 3"


def test_dimensions_and_bases_are_words() -> None:
    """Every basis that a charge can have has a meaning."""
    assert dimension_label("cached_input") == "Cached input"
    assert all(basis_meaning(basis) for basis in get_args(Basis))


def test_dollars_stand_beside_credits() -> None:
    """1,000 credits are 1 USD."""
    assert dollars(1_234_560_000, 1000) == "$1,234.56"
    assert dollars(12_000, 1000) == "$0.012"
    assert dollars(-500_000, 1000) == "-$0.50"


def test_a_model_is_shown_with_its_label() -> None:
    """“Eco (gpt-4o-mini)”; one that is not sold any more by its name."""
    model = ModelRates(
        name="gpt-4o-mini",
        label="Eco",
        upstream="openai",
        rates={},
        context_window=1,
        max_output_tokens=1,
        max_image_tokens=1,
        max_file_tokens=1,
        input_overhead_tokens=0,
        tokenizer=None,
        limit_fields=(),
        limit_field="max_tokens",
        hidden_reasoning=False,
    )
    table = RateTable(version="v", updated_at_s=0, models={"gpt-4o-mini": model})
    assert model_label("gpt-4o-mini", table) == "Eco (gpt-4o-mini)"
    assert model_label("gone", table) == "gone"
