"""Millicredits and how they are shown: exact text out of integers, exact integers out of text."""

import re

MILLICREDITS = 1000
LARGEST_MC = 2**53 - 1  # Redis' scripts count in doubles, which are exact up to here

_CREDITS = re.compile(r"(?P<sign>-?)(?P<whole>[0-9]{1,13})(\.(?P<part>[0-9]{1,3}))?")


class NotAnAmountError(ValueError):
    """An amount is a decimal number of credits with at most three decimals, like 12.5."""


def credits_text(amount_mc: int) -> str:
    """Credits as a decimal number with at least one decimal: `12.0`, `3.72`, `-0.001`."""
    whole, part = divmod(abs(amount_mc), MILLICREDITS)
    decimals = f"{part:03d}".rstrip("0") or "0"
    return f"{'-' if amount_mc < 0 else ''}{whole}.{decimals}"


def grouped_credits_text(amount_mc: int) -> str:
    """Credits as people read them: `52,489`, `3.72`, `-1,000.5`."""
    whole, part = divmod(abs(amount_mc), MILLICREDITS)
    decimals = f".{part:03d}".rstrip("0") if part else ""
    return f"{'-' if amount_mc < 0 else ''}{whole:,}{decimals}"


def usd_text(amount_mc: int, credits_per_usd: int) -> str:
    """US dollars with six decimals or fewer, rounded down in size: `0.0124`."""
    micros = abs(amount_mc) * 1000 // credits_per_usd
    whole, part = divmod(micros, 1_000_000)
    decimals = f"{part:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount_mc < 0 else ''}{whole}.{decimals}"


def usd_text_of_picousd(amount_picousd: int) -> str:
    """US dollars with all decimals that there are, two at least: `0.00012345`."""
    whole, part = divmod(abs(amount_picousd), 10**12)
    decimals = f"{part:012d}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount_picousd < 0 else ''}{whole}.{decimals}"


def parse_credits(text: str) -> int:
    """Millicredits of a decimal number of credits.

    Raises:
        NotAnAmountError: it is not such a number, or too large to be counted exactly.
    """
    found = _CREDITS.fullmatch(text)
    if not found:
        raise NotAnAmountError(f"{text!r}: {NotAnAmountError.__doc__}")
    amount_mc = int(found["whole"]) * MILLICREDITS + int((found["part"] or "").ljust(3, "0"))
    if amount_mc > LARGEST_MC:
        raise NotAnAmountError(f"{text!r} is too large")
    return -amount_mc if found["sign"] else amount_mc
