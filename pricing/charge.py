"""What a call costs: units times rates, exact, rounded up once."""

from collections.abc import Mapping

from config.rates import MILLIONTHS, Rate
from config.settings import Rounding
from pricing.money import MILLICREDITS


class NoRateError(LookupError):
    """A dimension has units and no rate: it must not be free."""


def charge_mc(units: Mapping[str, int], rates: Mapping[str, Rate], rounding: Rounding) -> int:
    """The charge of units per dimension, in millicredits.

    Raises:
        NoRateError: a dimension with units has no rate.
    """
    millionths = 0
    for dimension, count in units.items():
        if count:
            try:
                millionths += count * rates[dimension].millionths
            except KeyError:
                raise NoRateError(dimension) from None
    return round_up_mc(millionths, rounding)


def cost_picousd(units: Mapping[str, int], costs: Mapping[str, Rate]) -> int | None:
    """What units cost at the provider, in 10^-12 USD, exact; None where a cost is not known."""
    if not costs:
        return None
    picousd = 0
    for dimension, count in units.items():
        if count:
            cost = costs.get(dimension)
            if cost is None:
                return None
            picousd += count * cost.millionths
    return picousd


def round_up_mc(millionths: int, rounding: Rounding) -> int:
    """Millionths of a millicredit, up to the next millicredit or whole credit."""
    if rounding == "credit":
        return -(-millionths // (MILLIONTHS * MILLICREDITS)) * MILLICREDITS
    return -(-millionths // MILLIONTHS)
