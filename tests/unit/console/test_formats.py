"""How amounts look on a page."""

from config.rates import ModelRates, RateTable
from console.formats import dollars, grouped_credits, model_label, signed_credits


def test_credits_are_grouped_and_exact() -> None:
    """Thousands are easy to read; no digit is lost."""
    assert grouped_credits(1234567890) == "1,234,567.89"
    assert grouped_credits(9007199254740991) == "9,007,199,254,740.991"
    assert grouped_credits(-1) == "-0.001"
    assert grouped_credits(0) == "0.0"


def test_movements_show_their_sign() -> None:
    """In or out."""
    assert signed_credits(12_000) == "+12.0"
    assert signed_credits(-3_720) == "-3.72"


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
