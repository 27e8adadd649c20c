"""How amounts, times and names look on a page."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from billing.customer_settings import usd_of_cents
from config.rates import RateTable
from console.json import timestamp
from console.packages_api import percent_text
from pricing.money import MILLICREDITS, credits_text, usd_text

_RATE_DECIMALS = 9  # all that there are, with 1,000 credits to the dollar
_BASIS_MEANINGS = {
    "provider": "as the provider reported it",
    "counted": "counted here, because the provider reported no usage",
    "estimated": "estimated from the size of the text, because it could not be counted",
    "ceiling": "the most that the call could cost, because its usage cannot be known",
    "none": "nothing was delivered, nothing is charged",
}


def credits_shown(amount_mc: int) -> str:
    """`1,234.50`, `1,234.567`: exact, with two decimals at least."""
    return _grouped(credits_text(amount_mc), 2)


def exact_credits(amount_mc: int) -> str:
    """`1,234.500`: with all three decimals, so that they stand below each other."""
    return _grouped(credits_text(amount_mc), 3)


def signed_credits(amount_mc: int) -> str:
    """`+12.000`, `-3.720`"""
    return f"{'+' if amount_mc > 0 else ''}{exact_credits(amount_mc)}"


def whole_credits(amount_mc: int) -> str:
    """`52,489`, for what has no decimals."""
    whole, part = divmod(amount_mc, MILLICREDITS)
    return credits_shown(amount_mc) if part else f"{whole:,}"


def plain_credits(amount_mc: int) -> str:
    """`500`, `12.5`: as people type it."""
    return credits_text(amount_mc).removesuffix(".0")


def short_credits(amount_mc: int) -> str:
    """`500`, `20k`, `5M`: for an axis, whose amounts are round."""
    whole = amount_mc // MILLICREDITS
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if whole >= size and not whole % (size // 10):
            text = f"{whole // size}.{whole % size * 10 // size}".removesuffix(".0")
            return f"{text}{letter}"
    return plain_credits(amount_mc)


def dollars(amount_mc: int, credits_per_usd: int) -> str:
    """`$1,234.56`, with as many decimals as there are; `-$0.50`."""
    text = _grouped(usd_text(amount_mc, credits_per_usd), 2)
    return f"-${text[1:]}" if text.startswith("-") else f"${text}"


def rate_dollars(rate_text: str, credits_per_usd: int) -> str:
    """What a rate, in credits per 1,000 units, is in dollars: `$0.02`, of nine decimals at most."""
    text = f"{round(Decimal(rate_text) / credits_per_usd, _RATE_DECIMALS):f}"
    return f"${_grouped(text, 2)}"


def cents(amount_cents: int) -> str:
    """`$49.99`"""
    return f"${_grouped(plain_cents(amount_cents), 2)}"


def plain_cents(amount_cents: int) -> str:
    """`49.99`: as people type it."""
    return usd_of_cents(amount_cents)


def percent(basis_points: int) -> str:
    """`5%`, `7.5%`"""
    return f"{percent_text(basis_points)}%"


def minute(at: datetime) -> str:
    """`2026-01-31 12:00`, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def utc_text(at: datetime) -> str:
    """`2026-01-31 12:00:00 UTC`"""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def short_day(day: date) -> str:
    """`Jan 31`"""
    return f"{day:%b} {day.day}"


def dimension_label(name: str) -> str:
    """`Cached input`"""
    return name.replace("_", " ").capitalize()


def basis_meaning(basis: str) -> str:
    """Where the units of a charge came from, in words."""
    return _BASIS_MEANINGS[basis]


def model_label(model: str, rates: RateTable) -> str:
    """`Eco (gpt-4o-mini)`; a model that has no label, or no rate any more, by its name."""
    known = rates.models.get(model)
    if known is None or known.label == model:
        return model
    return f"{known.label} ({model})"


def _grouped(text: str, decimals: int) -> str:
    whole, _, part = text.lstrip("-").partition(".")
    part = part.rstrip("0").ljust(decimals, "0")
    return f"{'-' if text.startswith('-') else ''}{int(whole):,}.{part}"


FORMATS: Mapping[str, Callable[..., Any]] = {
    "credits": credits_shown,
    "iso": timestamp,
    **{
        function.__name__: function
        for function in (
            *(exact_credits, signed_credits, whole_credits, plain_credits, short_credits),
            *(dollars, rate_dollars, cents, plain_cents, percent),
            *(minute, utc_text, short_day),
            *(dimension_label, basis_meaning, model_label),
        )
    },
}
