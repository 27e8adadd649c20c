"""How amounts, times and names look on a page."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from config.rates import RateTable
from pricing.money import credits_text, usd_text


def grouped_credits(amount_mc: int) -> str:
    """`1,234,567.89`"""
    return _grouped(credits_text(amount_mc))


def signed_credits(amount_mc: int) -> str:
    """`+12.0`, `-3.72`"""
    return f"{'+' if amount_mc > 0 else ''}{grouped_credits(amount_mc)}"


def dollars(amount_mc: int, credits_per_usd: int) -> str:
    """`$1,234.56`, with as many decimals as there are; `-$0.50`."""
    text = _grouped(usd_text(amount_mc, credits_per_usd))
    return f"-${text[1:]}" if text.startswith("-") else f"${text}"


def minute(at: datetime) -> str:
    """`2026-01-31 12:00`, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def model_label(model: str, rates: RateTable) -> str:
    """`Eco (gpt-4o-mini)`; a model that has no label, or no rate any more, by its name."""
    known = rates.models.get(model)
    if known is None or known.label == model:
        return model
    return f"{known.label} ({model})"


def _grouped(text: str) -> str:
    whole, _, decimals = text.lstrip("-").partition(".")
    return f"{'-' if text.startswith('-') else ''}{int(whole):,}.{decimals}"


FORMATS: Mapping[str, Callable[..., Any]] = {
    "grouped_credits": grouped_credits,
    "signed_credits": signed_credits,
    "dollars": dollars,
    "minute": minute,
    "model_label": model_label,
}
