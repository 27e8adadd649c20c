"""LiteLLM's list: `{"gpt-4o": {"input_cost_per_token": 2.5e-06, "mode": "chat", …}, …}`."""

from config.price_lists.json_file import JsonObject
from config.price_lists.listed import (
    ListedModel,
    UnusableModelError,
    output_limit_in,
    prices_in,
    window_in,
)

NAME = "LiteLLM"
PRICES = {
    "input": "input_cost_per_token",
    "cached_input": "cache_read_input_token_cost",
    "output": "output_cost_per_token",
}
_MARKS = {"litellm_provider", "mode", PRICES["input"], PRICES["output"]}
# Cheaper ways to the same model, which are not how a proxy calls it.
_OTHER_WAYS = ("_batches", "_flex")


def fits(content: JsonObject) -> bool:
    """Whether a file is of this shape."""
    return any(isinstance(one, dict) and not _MARKS.isdisjoint(one) for one in content.values())


def entries(content: JsonObject) -> list[tuple[str, object]]:
    """The models by name; the list's own explanation is none."""
    return [(name, entry) for name, entry in content.items() if name != "sample_spec"]


def read(name: str, table: JsonObject) -> ListedModel:
    """One model.

    Raises:
        UnusableModelError: it cannot be imported.
    """
    mode = table.get("mode", "chat")
    if mode != "chat":
        raise UnusableModelError(f"is not for chat (its mode is {str(mode)[:40]!r})")
    provider = table.get("litellm_provider")
    return ListedModel(
        name=name,
        provider=provider if isinstance(provider, str) else None,
        usd_per_million=prices_in(table, PRICES, tokens=1),
        context_window=window_in(table, "max_input_tokens"),
        max_output_tokens=output_limit_in(table, "max_output_tokens"),
        has_reasoning=table.get("supports_reasoning") is True,
        further_prices=tuple(key for key in table if _is_further(key) and table[key]),
    )


def _is_further(key: str) -> bool:
    is_price = "cost" in key or "pricing" in key
    return is_price and key not in PRICES.values() and not key.endswith(_OTHER_WAYS)
