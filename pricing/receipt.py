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
    lines, total = [], 0
    for dimension, count in units.items():
        if not count:
            continue
        if dimension not in rates:
            raise NoRateError(dimension)
        millionths = count * int(Decimal(rates[dimension]) * MILLIONTHS)
        total += millionths
        lines.append(ReceiptLine(dimension, count, rates[dimension], exact_credits(millionths)))
    return Receipt(tuple(lines), exact_credits(total))


def exact_credits(millionths: int) -> str:
    """Credits out of millionths of a millicredit, with all decimals, three at least."""
    whole, part = divmod(millionths, MILLIONTHS * MILLICREDITS)
    return f"{whole:,}.{f'{part:0{_DECIMALS}d}'.rstrip('0').ljust(3, '0')}"
