"""The rate table: exact, or refused with file, key and reason."""

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.rate_book import load_rate_book
from config.rates import Rate, RateTable
from config.settings import DEFAULT_FOLDER

MODEL = {
    "upstream": '"openai"',
    "input": '"2.4"',
    "output": '"9.6"',
    "context_window": "128000",
    "max_output_tokens": "16384",
}

NOW_S = 1_800_000_000


def write(folder: Path, text: str) -> Path:
    (folder / "rates.toml").write_text(text, encoding="utf-8")
    return folder


def table_in(folder: Path) -> RateTable:
    return load_rate_book(folder, frozenset({"openai"})).table_at(NOW_S)


def table_of(folder: Path, name: str = "m", **changes: str | None) -> RateTable:
    """A table with one model; a change to None leaves a key out."""
    lines = [f"{key} = {value}" for key, value in {**MODEL, **changes}.items() if value is not None]
    text = "\n".join([f'[models."{name}"]', *lines])
    return table_in(write(folder, text))


def refusal(folder: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        table_in(write(folder, text))
    assert str(folder / "rates.toml") in str(raised.value)
    return raised.value


def test_the_shipped_table_has_the_prices_of_the_contract() -> None:
    """Pricing: Eco 2.4 and 9.6, Advanced 20 and 80, cached input at half of input."""
    models = table_in(DEFAULT_FOLDER).models
    prices = {
        model.label: [model.rates[name].text for name in ("input", "cached_input", "output")]
        for model in models.values()
    }
    assert prices == {"Eco": ["2.4", "1.2", "9.6"], "Advanced": ["20", "10", "80"]}
    assert list(models) == ["gpt-4o-mini", "gpt-4o"]


@pytest.mark.parametrize(
    ("text", "millionths"),
    [
        ("0", 0),
        ("0.000001", 1),
        ("2.4", 2_400_000),
        ("9999999.999999", 9_999_999_999_999),
        ("0.1", 100_000),
        ("007", 7_000_000),
    ],
)
def test_a_rate_is_exact(tmp_path: Path, text: str, millionths: int) -> None:
    """Money: read with Decimal, kept as an integer, shown as it was written."""
    rates = table_of(tmp_path, input=f'"{text}"').models["m"].rates
    assert rates["input"] == Rate(text, millionths)


BAD_RATES = [
    *('""', '"-1"', '"+1"', '" 1"', '"1 "', '"1.0000001"', '"1e3"', '"1,5"', '".5"', '"5."'),
    *('"nan"', '"inf"', '"12345678"', '"1_000"', '"2.4\\n"', '"\\u0661"'),
]


@pytest.mark.parametrize("rate", BAD_RATES)
@pytest.mark.parametrize("dimension", ["input", "cached_input", "output"])
def test_what_is_no_rate_is_refused(tmp_path: Path, dimension: str, rate: str) -> None:
    """A bad table is refused with file, key and reason."""
    with pytest.raises(ConfigError) as raised:
        table_of(tmp_path, **{dimension: rate})
    assert raised.value.key == f'models."m".{dimension}'
    assert "is not a rate" in raised.value.reason
    assert raised.value.source == str(tmp_path / "rates.toml")


@pytest.mark.parametrize(
    ("changes", "key", "reason"),
    [
        ({"input": "2.4"}, "input", "expected `str`, got `float`"),
        ({"input": "2"}, "input", "expected `str`, got `int`"),
        ({"input": None}, "input", "missing required field"),
        ({"output": None}, "output", "missing required field"),
        ({"upstream": None}, "upstream", "missing required field"),
        ({"upstream": '"azure"'}, "upstream", "'azure' is not an upstream (known: openai)"),
        ({"context_window": None}, "context_window", "missing required field"),
        ({"context_window": "0"}, "context_window", ">= 1"),
        ({"context_window": "-5"}, "context_window", ">= 1"),
        ({"context_window": "1.5"}, "context_window", "got `float`"),
        ({"context_window": "true"}, "context_window", "got `bool`"),
        ({"max_output_tokens": "10000000000"}, "max_output_tokens", "<= 1000000000"),
        ({"max_image_tokens": "0"}, "max_image_tokens", ">= 1"),
        ({"input_overhead_tokens": "-1"}, "input_overhead_tokens", ">= 0"),
        ({"tokenizer": '"gpt2"'}, "tokenizer", "invalid enum value 'gpt2'"),
        ({"limit_field": '"limit"'}, "limit_field", "invalid enum value"),
        ({"limit_fields": '["max_tokens", "limit"]'}, "limit_fields", "invalid enum value"),
        ({"limit_fields": "[]"}, "limit_field", "must be one of limit_fields"),
        ({"limit_fields": '["max_completion_tokens"]'}, "limit_field", "must be one of"),
        ({"hidden_reasoning": '"yes"'}, "hidden_reasoning", "expected `bool`"),
        ({"inptu": '"2.4"'}, "inptu", "is not a known key"),
        ({"audio": '"2.4"'}, "audio", "is not a known key"),
    ],
)
def test_a_bad_model_is_refused_by_key(
    tmp_path: Path, changes: dict[str, str | None], key: str, reason: str
) -> None:
    """A bad table is refused with file, key and reason."""
    with pytest.raises(ConfigError) as raised:
        table_of(tmp_path, **changes)
    said = f"{raised.value.key}: {raised.value.reason}"
    assert 'models."m"' in raised.value.key
    assert key in said
    assert reason in said
    assert str(raised.value).startswith(str(tmp_path / "rates.toml"))


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("", "models", "the table needs at least one model"),
        ("[models]", "models", "the table needs at least one model"),
        ("models = 5", "models", "the table needs at least one model"),
        ("[model.a]", "model", "is not a known key"),
        ("[models]\na = 5", 'models."a"', "expected `object`, got `int`"),
        ("[models.a", "", "is not TOML"),
        ("[models.a]\n[models.a]", "", "is not TOML"),
        ('[models.a]\ninput = "1"\ninput = "2"', "", "is not TOML"),
        (f"[models]\na = {'9' * 5_000}", "", "is not TOML"),
        (f"a = {'[' * 5_000}", "", "is not TOML: nested too deeply"),
        ('[models.""]', "models", "'' is not the name of a model"),
        ('[models."a\\u0000"]', "models", "is not the name of a model"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, key: str, reason: str) -> None:
    """A bad table is refused with file, key and reason."""
    error = refusal(tmp_path, text)
    assert error.key == key
    assert reason in error.reason


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Whoever starts it learns which file is missing."""
    with pytest.raises(ConfigError, match=r"rates\.toml: no such file"):
        table_in(tmp_path)


def test_what_is_left_out_has_a_safe_default(tmp_path: Path) -> None:
    """Quote: what nobody has bounded is bounded by the context window; cached costs as input."""
    model = table_of(tmp_path).models["m"]
    assert (model.max_image_tokens, model.max_file_tokens) == (128_000, 128_000)
    assert model.rates["cached_input"] == model.rates["input"]
    assert (model.label, model.tokenizer, model.hidden_reasoning) == ("m", None, False)
    assert (model.limit_field, model.input_overhead_tokens) == ("max_tokens", 16)


def test_the_version_is_of_what_the_table_says(tmp_path: Path) -> None:
    """Rate version: the same rates have the same version; any change makes another."""
    first = table_of(tmp_path).version
    (tmp_path / "rates.toml").write_text(
        "# a comment\n" + (tmp_path / "rates.toml").read_text() + "\n"
    )
    assert table_in(tmp_path).version == first
    others = {table_of(tmp_path, input='"2.5"').version, table_of(tmp_path, "other").version}
    assert len({first, *others}) == 3
