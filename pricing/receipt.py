"""A charge as a sum that anyone can do again: units times rate, line by line. Pure."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from config.rates import MILLIONTHS
from pricing.charge import NoRateError
from pricing.money import MILLICREDITS

_DECIMALS = 9


class ReceiptLine(msgspec.Struct, frozen=True):
    """One dimension: `units` times `rate_text` (credits per 1,000 units) make `amount_text`."""

    dimension: str
    units: int
    rate_text: str
    amount_text: str


class Receipt(msgspec.Struct, frozen=True):
    """The lines that have units, and their exact sum in credits, before it is rounded."""

    lines: tuple[ReceiptLine, ...]
    sum_text: str


def receipt_of(units: Mapping[str, int], rates: Mapping[str, str]) -> Receipt:
    """What units cost by rates as written; amounts are exact, in credits.

    Raises:
        NoRateError: a dimension with units has no rate.
    """
    amounts = dict[str, int]()
    for dimension, count in units.items():
        if not count:
            continue
        if dimension not in rates:
            raise NoRateError(dimension)
        amounts[dimension] = count * int(Decimal(rates[dimension]) * MILLIONTHS)
    # As many decimals in each line, so that they stand below each other.
    texts = map(exact_credits, amounts.values())
    decimals = max((len(text.partition(".")[2]) for text in texts), default=3)
    lines = (
        ReceiptLine(name, units[name], rates[name], exact_credits(amount, decimals))
        for name, amount in amounts.items()
    )
    return Receipt(tuple(lines), exact_credits(sum(amounts.values()), decimals))


def exact_credits(millionths: int, least_decimals: int = 3) -> str:
    """Credits out of millionths of a millicredit, with all decimals, three or so many at least."""
    whole, part = divmod(millionths, MILLIONTHS * MILLICREDITS)
    return f"{whole:,}.{f'{part:0{_DECIMALS}d}'.rstrip('0').ljust(least_decimals, '0')}"
