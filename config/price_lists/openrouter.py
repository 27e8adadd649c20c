"""OpenRouter's list: `{"data": [{"id": "openai/gpt-4o", "pricing": {"prompt": "0.0000025"}}]}`."""

from config.price_lists.json_file import JsonObject
from config.price_lists.listed import (
    ListedModel,
    UnusableModelError,
    output_limit_in,
    prices_in,
    window_in,
)
from config.price_lists.numbers import NotANumberError, exact

NAME = "OpenRouter"
PRICES = {"input": "prompt", "cached_input": "input_cache_read", "output": "completion"}


def fits(content: JsonObject) -> bool:
    """Whether a file is of this shape."""
    return isinstance(content.get("data"), list)


def entries(content: JsonObject) -> list[tuple[str, object]]:
    """The models by id."""
    found = []
    for entry in content["data"]:
        name = entry.get("id") if isinstance(entry, dict) else None
        found.append((name if isinstance(name, str) else "", entry))
    return found


def read(name: str, table: JsonObject) -> ListedModel:
    """One model.

    Raises:
        UnusableModelError: it cannot be imported.
    """
    outputs = _object(table, "architecture").get("output_modalities")
    if isinstance(outputs, list) and "text" not in outputs:
        raise UnusableModelError("is not for chat (it writes no text)")
    pricing = _object(table, "pricing")
    parameters = table.get("supported_parameters")
    return ListedModel(
        name=name,
        usd_per_million=prices_in(pricing, PRICES, tokens=1),
        context_window=window_in(table, "context_length"),
        max_output_tokens=output_limit_in(_object(table, "top_provider"), "max_completion_tokens"),
        has_reasoning=isinstance(parameters, list) and "reasoning" in parameters,
        further_prices=tuple(key for key in pricing if _is_further(key, pricing)),
    )


def _object(table: JsonObject, key: str) -> JsonObject:
    found = table.get(key)
    return found if isinstance(found, JsonObject) else JsonObject()


def _is_further(key: str, pricing: JsonObject) -> bool:
    """Zeros are many in this list, and reasoning mostly costs what output does."""
    if key in PRICES.values() or pricing[key] in (None, pricing.get("completion")):
        return False
    try:
        return exact(pricing[key]) != 0
    except NotANumberError:
        return True
