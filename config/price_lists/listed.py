"""What a price list says of its models, whoever's list it is."""

from collections.abc import Mapping
from fractions import Fraction

import msgspec

from config.price_lists.json_file import JsonObject
from config.price_lists.numbers import NotANumberError, exact, token_count

MILLION = 10**6


class UnusableModelError(Exception):
    """A model cannot be imported; the text ends a sentence that begins with its name."""


class ListedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that can be imported.

    `usd_per_million` has `input` and `output`, and `cached_input` where the list has it. `provider`
    and `max_output_tokens` are None where the list does not say. `further_prices` names prices
    that a rate table cannot express.
    """

    name: str
    provider: str | None = None
    usd_per_million: Mapping[str, Fraction]
    context_window: int
    max_output_tokens: int | None = None
    has_reasoning: bool = False
    further_prices: tuple[str, ...] = ()


class UnusableModel(msgspec.Struct, frozen=True):
    """A model that cannot be imported; the reason ends a sentence that begins with its name."""

    name: str
    reason: str


class PriceList(msgspec.Struct, frozen=True):
    """A whole list, in its own order; `shape` says whose it is."""

    shape: str
    models: tuple[ListedModel, ...]
    unusable: tuple[UnusableModel, ...]


def prices_in(table: JsonObject, keys: Mapping[str, str], tokens: int) -> dict[str, Fraction]:
    """USD per million tokens by dimension; `keys` says where, and per how many tokens they are.

    Raises:
        UnusableModelError: input or output has no price, or one that cannot be taken.
    """
    prices = {}
    for dimension, key in keys.items():
        if table.get(key) is not None:
            prices[dimension] = _price(table, key) * (MILLION // tokens)
        elif dimension != "cached_input":
            raise UnusableModelError(f"has no price of {dimension} ({key})")
    if not prices["input"] and not prices["output"]:
        raise UnusableModelError("has prices of 0: write its rates by hand if it is to be free")
    return prices


def window_in(table: JsonObject, key: str) -> int:
    """The context window, in tokens.

    Raises:
        UnusableModelError: there is none, or it is no number of tokens.
    """
    if table.get(key) is None:
        raise UnusableModelError(f"has no context window ({key})")
    return _tokens(table, key)


def output_limit_in(table: JsonObject, key: str) -> int | None:
    """The most output, in tokens; None where the list does not say. Raises UnusableModelError."""
    return None if table.get(key) is None else _tokens(table, key)


def _price(table: JsonObject, key: str) -> Fraction:
    if key in table.repeated:
        raise UnusableModelError(f"gives {key} twice")
    try:
        price = exact(table[key])
    except NotANumberError as error:
        raise UnusableModelError(f"has a price that {error} ({key})") from error
    if price < 0:
        raise UnusableModelError(f"has no fixed price ({key} is negative)")
    return price


def _tokens(table: JsonObject, key: str) -> int:
    try:
        return token_count(table[key])
    except NotANumberError as error:
        raise UnusableModelError(f"has a limit that {error} ({key})") from error
