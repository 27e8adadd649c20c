"""The ceiling of a call: the most it can cost, before it leaves. Pure."""

import msgspec

from config.rates import MILLIONTHS, ModelRates
from config.settings import Rounding
from pricing.charge import charge_mc
from pricing.money import MILLICREDITS

BYTES_PER_TOKEN = 4


class CallBounds(msgspec.Struct, frozen=True, kw_only=True):
    """What a request's body says of its size.

    `text_tokens` bounds its text: its bytes, as a token is at least one, or an exact count.
    `output_limit` is the client's own, per choice. `is_input_open` where there is input that the
    body does not show.
    """

    text_tokens: int
    images: int = 0
    files: int = 0
    is_input_open: bool = False
    choices: int = 1
    output_limit: int | None = None
    prediction_bytes: int = 0


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of a call in tokens (output: of all choices), and what they cost."""

    input_tokens: int
    output_tokens: int
    ceiling_mc: int


def input_bound(model: ModelRates, bounds: CallBounds) -> int:
    """The most input tokens that a call can have."""
    if bounds.is_input_open:
        return model.context_window
    shown = (
        bounds.text_tokens
        + model.input_overhead_tokens
        + bounds.images * model.max_image_tokens
        + bounds.files * model.max_file_tokens
    )
    return min(shown, model.context_window)


def output_bound(model: ModelRates, bounds: CallBounds, limit: int | None = None) -> int:
    """The most output tokens of all choices, under the client's limit or the one given here."""
    limit = limit or bounds.output_limit or model.max_output_tokens
    return bounds.choices * (limit + bounds.prediction_bytes)


def quote(
    model: ModelRates, bounds: CallBounds, rounding: Rounding, *, limit: int | None = None
) -> Quote:
    """The ceiling of a call; `limit` is an output limit per choice that is added to it."""
    input_tokens = input_bound(model, bounds)
    output_tokens = output_bound(model, bounds, limit)
    units = {_dearest_input(model): input_tokens, "output": output_tokens}
    return Quote(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        ceiling_mc=charge_mc(units, model.rates, rounding),
    )


def affordable_limit(
    model: ModelRates, bounds: CallBounds, rounding: Rounding, available_mc: int
) -> int:
    """The largest output limit per choice that an amount pays for; 0 where there is none."""
    if rounding == "credit":
        available_mc -= available_mc % MILLICREDITS
    input_cost = input_bound(model, bounds) * model.rates[_dearest_input(model)].millionths
    left = available_mc * MILLIONTHS - input_cost
    if left < 0:
        return 0
    price = bounds.choices * model.rates["output"].millionths
    if price == 0:
        return model.max_output_tokens
    return max(min(left // price - bounds.prediction_bytes, model.max_output_tokens), 0)


def estimated_tokens(text_bytes: int) -> int:
    """What a text is taken to have where its tokens can't be counted."""
    return -(-text_bytes // BYTES_PER_TOKEN)


def _dearest_input(model: ModelRates) -> str:
    is_cached_dearer = model.rates["cached_input"].millionths > model.rates["input"].millionths
    return "cached_input" if is_cached_dearer else "input"
