"""Rates out of a provider's prices and a markup: exact, and rounded up where they must be."""

import re
from fractions import Fraction

from config.price_lists.listed import ListedModel
from config.rates import MILLIONTHS
from config.rates_writer import ModelDraft, RateLine
from pricing.model_encodings import encoding_of

_MARKUP = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_LARGEST_MILLIONTHS = 10**7 * MILLIONTHS - 1
_PER_THOUSAND = 1000
_DIMENSIONS = ("input", "cached_input", "output")


class NotAMarkupError(ValueError):
    """A markup is a decimal number above 0 with at most six decimals, like 4 or 1.35."""


class PriceTooLargeError(ValueError):
    """A price is too large for a rate table."""


class Markup:
    """By how much more than the provider's price customers pay, and what a credit is worth."""

    def __init__(self, text: str, credits_per_usd: int) -> None:
        """Raises NotAMarkupError where the text is none."""
        if not _MARKUP.fullmatch(text) or not Fraction(text):
            raise NotAMarkupError(f"{text!r}: {NotAMarkupError.__doc__}")
        self.text = text
        self._credits_per_usd = credits_per_usd
        # USD per million tokens to credits per 1,000 tokens.
        self._factor = Fraction(text) * Fraction(credits_per_usd, _PER_THOUSAND)

    def draft(self, model: ListedModel, upstream: str) -> ModelDraft:
        """A model's lines of a rate table.

        Raises:
            PriceTooLargeError: its rates would be larger than a table can have.
        """
        prices = [(name, model.usd_per_million.get(name)) for name in _DIMENSIONS]
        known = [(name, price) for name, price in prices if price is not None]
        encoding = encoding_of(model.name)
        hides_reasoning = model.has_reasoning and encoding is not None
        return ModelDraft(
            name=model.name,
            upstream=upstream,
            rates=[
                *(self._rate(name, price) for name, price in known),
                *(_cost(name, price) for name, price in known),
            ],
            context_window=model.context_window,
            max_output_tokens=model.max_output_tokens or model.context_window,
            tokenizer=encoding,
            limit_field="max_completion_tokens" if hides_reasoning else None,
            hidden_reasoning=hides_reasoning,
            remarks=_remarks(model),
        )

    def _rate(self, dimension: str, usd_per_million: Fraction) -> RateLine:
        exact = usd_per_million * self._factor
        millionths = up_to_millionths(exact)
        said = f"{decimal_text(usd_per_million, 2)} USD per million x {self.text}"
        if self._credits_per_usd != _PER_THOUSAND:
            said += f" at {self._credits_per_usd} credits per USD"
        if exact * MILLIONTHS != millionths:
            said += f" = {decimal_text(exact)}, rounded up"
        return RateLine(dimension, decimal_text(Fraction(millionths, MILLIONTHS)), said)


def up_to_millionths(value: Fraction) -> int:
    """A decimal as whole millionths, rounded up.

    Raises:
        PriceTooLargeError: it has more than seven digits before the point.
    """
    millionths = -(-value.numerator * MILLIONTHS // value.denominator)
    if millionths > _LARGEST_MILLIONTHS:
        raise PriceTooLargeError(PriceTooLargeError.__doc__)
    return millionths


def decimal_text(value: Fraction, least_decimals: int = 0) -> str:
    """A decimal fraction, exactly: `2.5`; with at least so many decimals `2.50`."""
    decimals = 0
    while 10**decimals % value.denominator:
        decimals += 1
    decimals = max(decimals, least_decimals)
    digits = f"{value.numerator * 10**decimals // value.denominator:0{decimals + 1}d}"
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits


def _cost(dimension: str, usd_per_million: Fraction) -> RateLine:
    millionths = up_to_millionths(usd_per_million)
    is_exact = usd_per_million * MILLIONTHS == millionths
    said = "" if is_exact else f"rounded up from {decimal_text(usd_per_million)}"
    return RateLine(f"cost_{dimension}", decimal_text(Fraction(millionths, MILLIONTHS)), said)


def _remarks(model: ListedModel) -> list[str]:
    remarks = []
    if model.max_output_tokens is None:
        remarks.append("The list has no limit of output: it is the context window here.")
    if model.further_prices:
        names = ", ".join(model.further_prices)
        remarks.append(f"The list has prices that these rates do not cover: {names}.")
    return remarks
