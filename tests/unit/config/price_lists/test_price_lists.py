"""Price lists in JSON, in each shape: exact numbers, and a reason for what cannot be imported."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.price_lists.listed import PriceList
from config.price_lists.reading import read_price_list

Read = Callable[[object], PriceList]

LITELLM = {
    "max_input_tokens": 128000,
    "max_output_tokens": 16384,
    "input_cost_per_token": 1.5e-07,
    "output_cost_per_token": 6e-07,
    "cache_read_input_token_cost": 7.5e-08,
    "litellm_provider": "openai",
    "mode": "chat",
}
OPENROUTER = {
    "id": "openai/gpt-4o",
    "context_length": 128000,
    "pricing": {"prompt": "0.0000025", "completion": "0.00001", "input_cache_read": "0.00000125"},
    "top_provider": {"max_completion_tokens": 16384},
}
PLAIN = {"input": 2.5, "cached_input": "1.25", "output": 10, "context_window": 128000}


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a list out of a file; a text as it is, anything else as JSON."""

    def read_it(content: object) -> PriceList:
        path = tmp_path / "prices.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_price_list(path)

    return read_it


def without(table: dict[str, object], key: str) -> dict[str, object]:
    return {name: value for name, value in table.items() if name != key}


def test_litellms_list_is_read(read: Read) -> None:
    """Import: prices per token, exactly; 1.5e-07 is no float."""
    listed = read({"sample_spec": {"mode": "one of: chat"}, "gpt-4o-mini": LITELLM})
    assert listed.shape == "LiteLLM"
    assert listed.unusable == ()
    (model,) = listed.models
    assert (model.name, model.provider) == ("gpt-4o-mini", "openai")
    assert model.usd_per_million == {
        "input": Fraction(15, 100),
        "cached_input": Fraction(75, 1000),
        "output": Fraction(6, 10),
    }
    assert (model.context_window, model.max_output_tokens) == (128000, 16384)
    assert (model.has_reasoning, model.further_prices) == (False, ())


def test_openrouters_list_is_read(read: Read) -> None:
    """Import: prices per token, as texts."""
    thinking = {**OPENROUTER, "id": "o/x", "supported_parameters": ["reasoning"]}
    listed = read({"data": [OPENROUTER, thinking]})
    assert listed.shape == "OpenRouter"
    model, other = listed.models
    assert (model.name, model.provider) == ("openai/gpt-4o", None)
    assert model.usd_per_million == {
        "input": Fraction(5, 2),
        "cached_input": Fraction(5, 4),
        "output": Fraction(10),
    }
    assert (model.context_window, model.max_output_tokens) == (128000, 16384)
    assert (model.has_reasoning, other.has_reasoning) == (False, True)


def test_a_list_by_hand_is_read(read: Read) -> None:
    """Import: USD per million tokens, as numbers or texts."""
    (model,) = read({"gpt-4o": {**PLAIN, "max_output_tokens": 16384}}).models
    assert model.usd_per_million == {
        "input": Fraction(5, 2),
        "cached_input": Fraction(5, 4),
        "output": Fraction(10),
    }
    assert model.max_output_tokens == 16384


def test_numbers_keep_every_digit(read: Read) -> None:
    """Import: no float has 30 digits."""
    text = '{"m": {"input": 0.123456789012345678901234567891, "output": 1, "context_window": 9}}'
    exact = Fraction(123456789012345678901234567891, 10**30)
    assert read(text).models[0].usd_per_million["input"] == exact


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({**LITELLM, "mode": "embedding"}, "is not for chat (its mode is 'embedding')"),
        (without(LITELLM, "input_cost_per_token"), "has no price of input"),
        ({**LITELLM, "output_cost_per_token": None}, "has no price of output"),
        (without(LITELLM, "max_input_tokens"), "has no context window (max_input_tokens)"),
        ({**LITELLM, "max_input_tokens": 0}, "has a limit that is not a number of tokens"),
        ({**LITELLM, "max_input_tokens": 1.5}, "has a limit that is not a number of tokens"),
        ({**LITELLM, "max_output_tokens": True}, "has a limit that is not a decimal number"),
        ({**LITELLM, "input_cost_per_token": -1}, "has no fixed price"),
        ({**LITELLM, "input_cost_per_token": "free"}, "has a price that is not a decimal number"),
        ({**LITELLM, "input_cost_per_token": True}, "has a price that is not a decimal number"),
        ({**LITELLM, "input_cost_per_token": float("nan")}, "is not a decimal number"),
        ({**LITELLM, "input_cost_per_token": float("inf")}, "is not a decimal number"),
        ({**LITELLM, "input_cost_per_token": "1e999999999"}, "not a number of a sensible size"),
        ({**LITELLM, "input_cost_per_token": 10**4000}, "not a number of a sensible size"),
        (
            {**LITELLM, "input_cost_per_token": 0, "output_cost_per_token": 0.0},
            "has prices of 0: write its rates by hand",
        ),
        (7, "is not described by an object"),
    ],
)
def test_a_model_that_cannot_be_imported_has_a_reason(
    read: Read, table: object, reason: str
) -> None:
    """Import: and the others are imported all the same."""
    listed = read({"bad": table, "good": LITELLM})
    assert [model.name for model in listed.models] == ["good"]
    assert listed.unusable[0].name == "bad"
    assert reason in listed.unusable[0].reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pricing": {"prompt": "-1", "completion": "-1"}}, "has no fixed price"),
        ({"pricing": {"prompt": "0", "completion": "0"}}, "has prices of 0"),
        ({"pricing": None}, "has no price of input (prompt)"),
        ({"context_length": None}, "has no context window (context_length)"),
        ({"architecture": {"output_modalities": ["image"]}}, "is not for chat"),
        ({"id": None}, "has no name"),
        ({"id": "a\0b"}, "has a name that cannot be stored"),
        ({"id": "\ud800"}, "has a name that cannot be stored"),
    ],
)
def test_openrouters_models_have_reasons_too(
    read: Read, changes: dict[str, object], reason: str
) -> None:
    """Import: routers without a price, free ones, ones that paint."""
    listed = read({"data": [{**OPENROUTER, **changes}]})
    assert listed.models == ()
    assert reason in listed.unusable[0].reason


def test_an_unknown_key_of_a_list_by_hand_is_a_slip(read: Read) -> None:
    """Import: nobody's typing error becomes a wrong price."""
    listed = read({"m": {**PLAIN, "cachedinput": 1}})
    assert "unknown key 'cachedinput'" in listed.unusable[0].reason


def test_a_model_given_twice_is_not_imported(read: Read) -> None:
    """Import: nobody can say which price is meant."""
    one = json.dumps(PLAIN)
    listed = read(f'{{"m": {one}, "other": {one}, "m": {one}}}')
    assert [model.name for model in listed.models] == ["other"]
    assert [(bad.name, bad.reason) for bad in listed.unusable] == [("m", "is given twice")]
    assert read({"data": [OPENROUTER, OPENROUTER]}).models == ()
    price_twice = '{"m": {"input": 1, "input": 2, "output": 3, "context_window": 4}}'
    assert "gives input twice" in read(price_twice).unusable[0].reason


def test_prices_that_no_rate_can_express_are_named(read: Read) -> None:
    """Import: what would be charged too little is said."""
    table = {
        **LITELLM,
        "input_cost_per_token_above_200k_tokens": 3e-07,
        "input_cost_per_token_batches": 1e-08,
        "cache_creation_input_token_cost": 0,
    }
    (model,) = read({"m": table}).models
    assert model.further_prices == ("input_cost_per_token_above_200k_tokens",)
    pricing = {**OPENROUTER["pricing"], "request": "0.01", "image": "0", "internal": "0.00001"}
    (model,) = read({"data": [{**OPENROUTER, "pricing": pricing}]}).models
    assert model.further_prices == ("request",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not JSON"),
        ("[1]", "is no price list that is known"),
        ("{}", "is no price list that is known"),
        ('{"a": {"price": 1}}', "is no price list that is known"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_what_is_no_price_list_is_refused_with_the_file_and_a_reason(
    read: Read, tmp_path: Path, content: str, said: str
) -> None:
    """Import: and what it should be."""
    with pytest.raises(ConfigError, match=said) as caught:
        read(content)
    assert caught.value.source == str(tmp_path / "prices.json")


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    """Import: no such file."""
    with pytest.raises(ConfigError, match="no such file"):
        read_price_list(tmp_path / "none.json")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_price_list(tmp_path)
