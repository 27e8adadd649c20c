"""Rates out of a provider's prices: exact, rounded up where they must be."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.price_lists.listed import ListedModel
from pricing.markup import Markup, NotAMarkupError, PriceTooLargeError, decimal_text
from pricing.model_encodings import encoding_of


def listed(name: str = "m", **changes: object) -> ListedModel:
    values = {"usd_per_million": {"input": Fraction("2.5"), "output": Fraction(10)}}
    values |= {"context_window": 1000, "max_output_tokens": 100, **changes}
    return ListedModel(name=name, **values)


def rates_of(markup: Markup, **usd_per_million: str) -> dict[str, str]:
    model = listed(usd_per_million={key: Fraction(one) for key, one in usd_per_million.items()})
    return {line.key: line.text for line in markup.draft(model, "openai").rates}


@pytest.mark.parametrize(
    ("price", "markup", "credits_per_usd", "rate", "comment"),
    [
        ("2.5", "4", 1000, "10", "2.50 USD per million x 4"),
        ("0.15", "4", 1000, "0.6", "0.15 USD per million x 4"),
        ("0.075", "1.35", 1000, "0.10125", "0.075 USD per million x 1.35"),
        ("0.15", "16", 1000, "2.4", "0.15 USD per million x 16"),
        ("2.5", "4", 100, "1", "2.50 USD per million x 4 at 100 credits per USD"),
        ("2.5", "4", 10_000, "100", "2.50 USD per million x 4 at 10000 credits per USD"),
        (
            *("0.0000007", "1.5", 1000, "0.000002"),
            "0.0000007 USD per million x 1.5 = 0.00000105, rounded up",
        ),
        ("0", "4", 1000, "0", "0.00 USD per million x 4"),
        ("2499999.999999", "4", 1000, "9999999.999996", "2499999.999999 USD per million x 4"),
    ],
)
def test_a_rate_is_the_price_times_the_markup(
    price: str, markup: str, credits_per_usd: int, rate: str, comment: str
) -> None:
    """Import: USD per million x credits per USD / 1,000 x markup, with the figure beside it."""
    model = listed(usd_per_million={"input": Fraction(price), "output": Fraction(1)})
    line = Markup(markup, credits_per_usd).draft(model, "openai").rates[0]
    assert (line.key, line.text, line.comment) == ("input", rate, comment)


decimals = st.decimals(0, 1000, places=9, allow_nan=False).map(lambda one: f"{one:f}")


@given(decimals, st.decimals("0.000001", 50, places=6).map(lambda one: f"{one:f}"))
def test_a_rate_is_never_below_the_exact_one_nor_a_millionth_above(price: str, markup: str) -> None:
    """Import: rounded up, once."""
    written = Fraction(rates_of(Markup(markup, 1000), input=price, output="1")["input"])
    exact = Fraction(price) * Fraction(markup)
    assert exact <= written < exact + Fraction(1, 10**6)


@given(decimals)
def test_a_cost_is_what_the_list_says(price: str) -> None:
    """Import: USD per million, rounded up to six decimals."""
    written = Fraction(rates_of(Markup("4", 1000), input=price, output="1")["cost_input"])
    assert Fraction(price) <= written < Fraction(price) + Fraction(1, 10**6)


def test_cached_input_is_written_only_where_the_list_has_it() -> None:
    """Import: else it costs what input does, by default."""
    markup = Markup("2", 1000)
    assert set(rates_of(markup, input="1", output="2")) == {
        *("input", "output", "cost_input", "cost_output")
    }
    with_cache = rates_of(markup, input="1", cached_input="0.5", output="2")
    assert (with_cache["cached_input"], with_cache["cost_cached_input"]) == ("1", "0.5")


@pytest.mark.parametrize("text", ["", "0", "0.0", "-4", "4x", "1e3", "4,0", " 4", "1.1234567", "٣"])
def test_what_is_no_markup_is_refused(text: str) -> None:
    """Import: a decimal number above 0."""
    with pytest.raises(NotAMarkupError, match=r"like 4 or 1\.35"):
        Markup(text, 1000)


def test_a_price_that_no_table_can_have_is_refused() -> None:
    """Import: seven digits before the point, as in a table."""
    with pytest.raises(PriceTooLargeError, match="too large"):
        rates_of(Markup("4", 1000), input="2500000", output="1")


def test_what_the_rates_do_not_cover_is_remarked() -> None:
    """Import: prices for other things than tokens, and limits that had to be made up."""
    model = listed(max_output_tokens=None, further_prices=("per_image", "per_call"))
    draft = Markup("4", 1000).draft(model, "openai")
    assert draft.max_output_tokens == 1000
    assert any("limit of output" in remark for remark in draft.remarks)
    assert any("per_image, per_call" in remark for remark in draft.remarks)


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("gpt-4o", "o200k_base"),
        ("openai/gpt-4o-mini", "o200k_base"),
        ("azure/gpt-4o", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("claude-3", None),
        ("anthropic/gpt-4o", None),
        ("", None),
    ],
)
def test_the_tokenizer_is_known_by_the_name(name: str, encoding: str | None) -> None:
    """Import: of OpenAI's models; nobody else's tokenizer is guessed."""
    assert encoding_of(name) == encoding


def test_openais_reasoning_models_are_limited_as_they_want_it() -> None:
    """Import: their reasoning is charged and not shown."""
    draft = Markup("4", 1000).draft(listed("o3-mini", has_reasoning=True), "openai")
    assert (draft.hidden_reasoning, draft.limit_field) == (True, "max_completion_tokens")
    other = Markup("4", 1000).draft(listed("other", has_reasoning=True), "openai")
    assert (other.hidden_reasoning, other.limit_field) == (False, None)


@pytest.mark.parametrize(
    ("value", "least", "text"),
    [
        (Fraction(5, 2), 0, "2.5"),
        (Fraction(5, 2), 2, "2.50"),
        (Fraction(10), 0, "10"),
        (Fraction(10), 2, "10.00"),
        (Fraction(1, 10**9), 2, "0.000000001"),
        (Fraction(0), 0, "0"),
    ],
)
def test_decimals_are_written_exactly(value: Fraction, least: int, text: str) -> None:
    """Import: no exponent, no lost digit."""
    assert decimal_text(value, least) == text
