"""A list by hand, in USD per million tokens: `{"gpt-4o": {"input": 2.5, "output": 10, …}}`."""

from config.price_lists.json_file import JsonObject
from config.price_lists.listed import (
    MILLION,
    ListedModel,
    UnusableModelError,
    output_limit_in,
    prices_in,
    window_in,
)

NAME = "plain"
PRICES = {"input": "input", "cached_input": "cached_input", "output": "output"}
_KEYS = {*PRICES, "context_window", "max_output_tokens"}


def fits(content: JsonObject) -> bool:
    """Whether a file is of this shape."""
    return any(
        isinstance(one, dict) and not PRICES.keys().isdisjoint(one) for one in content.values()
    )


def entries(content: JsonObject) -> list[tuple[str, object]]:
    """The models by name."""
    return list(content.items())


def read(name: str, table: JsonObject) -> ListedModel:
    """One model.

    Raises:
        UnusableModelError: it cannot be imported.
    """
    unknown = sorted(table.keys() - _KEYS)
    if unknown:
        raise UnusableModelError(f"has the unknown key {unknown[0]!r}")
    return ListedModel(
        name=name,
        usd_per_million=prices_in(table, PRICES, tokens=MILLION),
        context_window=window_in(table, "context_window"),
        max_output_tokens=output_limit_in(table, "max_output_tokens"),
    )
