"""The ceiling of a call, and the limit that an amount pays for."""

from typing import get_args

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from config.rates import ModelRates, Rate
from config.settings import Rounding
from pricing.charge import charge_mc
from pricing.quote import (
    CallBounds,
    affordable_limit,
    estimated_tokens,
    input_bound,
    output_bound,
    quote,
)
from pricing.usage import Usage
from tests.support.rates import shipped_table

MINI = shipped_table().models["gpt-4o-mini"]
ROUNDINGS = get_args(Rounding)

rates = st.integers(0, 10**9).map(lambda millionths: Rate("any", millionths))
models = st.builds(
    ModelRates,
    name=st.just("any"),
    label=st.just("Any"),
    upstream=st.just("openai"),
    rates=st.fixed_dictionaries({"input": rates, "cached_input": rates, "output": rates}),
    context_window=st.integers(1, 10**6),
    max_output_tokens=st.integers(1, 10**5),
    max_image_tokens=st.integers(1, 10**5),
    max_file_tokens=st.integers(1, 10**6),
    input_overhead_tokens=st.integers(0, 100),
    tokenizer=st.none(),
    limit_fields=st.just(("max_tokens",)),
    limit_field=st.just("max_tokens"),
    hidden_reasoning=st.booleans(),
)
bounds_of_calls = st.builds(
    CallBounds,
    text_tokens=st.integers(0, 10**7),
    images=st.integers(0, 5),
    files=st.integers(0, 5),
    is_input_open=st.booleans(),
    choices=st.integers(1, 128),
    output_limit=st.none() | st.integers(1, 10**5),
    prediction_bytes=st.integers(0, 10**4),
)
roundings = st.sampled_from(ROUNDINGS)


@given(models, bounds_of_calls, roundings, st.data())
def test_a_quote_is_the_most_that_a_call_can_cost(
    model: ModelRates, bounds: CallBounds, rounding: Rounding, data: st.DataObject
) -> None:
    """G1: no usage within the bounds costs more than was held, whatever of it was cached."""
    quoted = quote(model, bounds, rounding)
    input_tokens = data.draw(st.integers(0, quoted.input_tokens))
    usage = Usage(
        input_tokens=input_tokens,
        cached_input_tokens=data.draw(st.integers(0, input_tokens)),
        output_tokens=data.draw(st.integers(0, quoted.output_tokens)),
    )
    assert charge_mc(usage.units(), model.rates, rounding) <= quoted.ceiling_mc


@given(models, bounds_of_calls, roundings, st.data())
def test_the_affordable_limit_is_the_largest_that_fits(
    model: ModelRates, bounds: CallBounds, rounding: Rounding, data: st.DataObject
) -> None:
    """Clamp: its quote is within the amount, and that of one token more is not."""
    most = quote(model, bounds, rounding, limit=model.max_output_tokens).ceiling_mc
    available_mc = data.draw(st.integers(-1000, most + 2000))
    limit = affordable_limit(model, bounds, rounding, available_mc)
    assert 0 <= limit <= model.max_output_tokens
    if limit:
        assert quote(model, bounds, rounding, limit=limit).ceiling_mc <= available_mc
    if limit < model.max_output_tokens:
        assert quote(model, bounds, rounding, limit=limit + 1).ceiling_mc > available_mc


@given(models, bounds_of_calls, roundings, st.integers(1, 10**5))
def test_what_was_quoted_pays_for_its_own_limit(
    model: ModelRates, bounds: CallBounds, rounding: Rounding, limit: int
) -> None:
    """Clamp: the amount that a limit was quoted at affords that limit."""
    assume(limit <= model.max_output_tokens)
    ceiling_mc = quote(model, bounds, rounding, limit=limit).ceiling_mc
    assert affordable_limit(model, bounds, rounding, ceiling_mc) >= limit


@given(models, bounds_of_calls)
def test_input_never_exceeds_the_context_window(model: ModelRates, bounds: CallBounds) -> None:
    """Quote: a model does not read more than it can."""
    assert input_bound(model, bounds) <= model.context_window


TEXT = CallBounds(text_tokens=1000)


@pytest.mark.parametrize(
    ("changes", "tokens"),
    [
        ({}, 1016),
        ({"images": 2}, 1016 + 2 * 48_170),
        ({"images": 3}, 128_000),
        ({"files": 1}, 128_000),
        ({"is_input_open": True, "text_tokens": 1}, 128_000),
        ({"text_tokens": 10**7}, 128_000),
        ({"text_tokens": 0}, 16),
    ],
)
def test_input_is_bounded_by_what_the_body_shows(changes: dict[str, int], tokens: int) -> None:
    """Quote: text by its bytes or tokens, other parts by the model's bounds, chat templates."""
    assert input_bound(MINI, msgspec.structs.replace(TEXT, **changes)) == tokens


@pytest.mark.parametrize(
    ("changes", "limit", "tokens"),
    [
        ({}, None, 16_384),
        ({"output_limit": 10}, None, 10),
        ({"output_limit": 10, "choices": 3}, None, 30),
        ({"choices": 3}, None, 3 * 16_384),
        ({"choices": 3}, 100, 300),
        ({"output_limit": 10, "choices": 2, "prediction_bytes": 90}, None, 200),
        ({"prediction_bytes": 90}, 10, 100),
    ],
)
def test_output_is_bounded_for_all_choices(
    changes: dict[str, int], limit: int | None, tokens: int
) -> None:
    """Quote: choices x (limit + prediction); without a limit, what the model can write."""
    assert output_bound(MINI, msgspec.structs.replace(TEXT, **changes), limit) == tokens


def test_the_example_of_the_contract_is_quoted_as_it_says() -> None:
    """Section 7: 1,000 in and 1,000 out need 12.0 credits."""
    bounds = CallBounds(text_tokens=984, output_limit=1000)
    assert quote(MINI, bounds, "millicredit").ceiling_mc == 12_000
    assert quote(MINI, bounds, "credit").ceiling_mc == 12_000


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_cached_input_that_is_dearer_is_what_is_quoted(rounding: Rounding) -> None:
    """Quote: nobody knows before what will be cached."""
    dear = {**MINI.rates, "cached_input": Rate("5", 5_000_000)}
    model = msgspec.structs.replace(MINI, rates=dear)
    bounds = CallBounds(text_tokens=984, output_limit=1)
    assert quote(model, bounds, rounding).ceiling_mc == charge_mc(
        {"cached_input": 1000, "output": 1}, dear, rounding
    )


@pytest.mark.parametrize(("text_bytes", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (4000, 1000)])
def test_an_estimate_is_a_quarter_of_the_bytes_rounded_up(text_bytes: int, tokens: int) -> None:
    """Orphans, and texts that can't be counted."""
    assert estimated_tokens(text_bytes) == tokens
