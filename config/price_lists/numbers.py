"""Numbers of price lists, exact: never a float, and never larger than a price or a window is."""

import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction

LARGEST_WINDOW = 10**9

_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# Nobody's price has more digits, and an exponent of a billion would take all memory.
_MOST_DIGITS = 40
_LARGEST_EXPONENT = 30


class NotANumberError(ValueError):
    """A value of a price list is not the number that it should be."""


def json_number(text: str) -> Decimal | str:
    """A number of a JSON text, as it is written; the text where it is beyond any meaning."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def exact(value: object) -> Fraction:
    """A decimal number, given as one or as its text.

    Raises:
        NotANumberError: it is neither, or it is absurdly long, large or small.
    """
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        value = json_number(value.strip())
    if not isinstance(value, Decimal) or not value.is_finite():
        raise NotANumberError("is not a decimal number")
    if len(value.as_tuple().digits) > _MOST_DIGITS or abs(value.adjusted()) > _LARGEST_EXPONENT:
        raise NotANumberError("is not a number of a sensible size")
    return Fraction(value)


def token_count(value: object) -> int:
    """A number of tokens, from 1 to a billion.

    Raises:
        NotANumberError: it is none.
    """
    number = exact(value)
    if number.denominator != 1 or not 1 <= number <= LARGEST_WINDOW:
        raise NotANumberError(f"is not a number of tokens from 1 to {LARGEST_WINDOW:,}")
    return int(number)
