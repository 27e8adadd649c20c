"""What a usage row must say of its charge, worked out from its own units and rates. Pure."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import msgspec

from config.rates import MILLIONTHS, Rate
from config.settings import Rounding
from ledger.records import ORPHAN, Kind
from pricing.charge import NoRateError, charge_mc, cost_picousd

_DISTINCT_RATES = 4096

_decode_units = msgspec.json.Decoder(dict[str, int]).decode
_decode_texts = msgspec.json.Decoder(dict[str, str]).decode


class KeptRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a usage row keeps of its charge; `units`, `rates` and `costs` are JSON.

    `orphan_charge_mc` is that of the request's other row, where that was posted before this one;
    `is_after_truth` says of an orphan's row that the truth was posted before it.
    """

    kind: Kind
    units: str
    rates: str
    rounding: Rounding
    charge_mc: int
    posted_mc: int
    costs: str
    cost_picousd: int | None
    orphan_charge_mc: int | None = None
    is_after_truth: bool = False


class Wrong(NamedTuple):
    """An amount that is not what it should be; None where there should be none, or is none."""

    what: str
    expected: int | str | None
    actual: int | str | None


def wrong_amounts(row: KeptRow) -> Iterator[Wrong]:
    """All that a row says wrongly."""
    try:
        units = _decode_units(row.units)
        charge = charge_mc(units, _rates(row.rates), row.rounding)
        cost = cost_picousd(units, _rates(row.costs))
    except (msgspec.MsgspecError, ArithmeticError, ValueError) as error:
        yield Wrong("units and rates", "readable", str(error))
        return
    except NoRateError as error:
        yield Wrong("units and rates", "a rate for each unit", f"no rate for {error}")
        return
    if charge != row.charge_mc:
        yield Wrong("charge", charge, row.charge_mc)
    if cost != row.cost_picousd:
        yield Wrong("cost", cost, row.cost_picousd)
    posted_mc = _must_be_posted_mc(row, row.charge_mc)
    # A charge that is wrong was named: what was posted need not be wrong as well.
    if row.posted_mc not in (posted_mc, _must_be_posted_mc(row, charge)):
        yield Wrong("posted amount", posted_mc, row.posted_mc)


def _must_be_posted_mc(row: KeptRow, charge: int) -> int:
    # 1. An orphan's estimate that comes after the truth moves nothing.
    if row.kind == ORPHAN and row.is_after_truth:
        return 0
    # 2. The truth after an estimate moves the difference. 3. Whoever is first moves all of it.
    return charge - (row.orphan_charge_mc or 0)


@lru_cache(_DISTINCT_RATES)
def _rates(text: str) -> Mapping[str, Rate]:
    """Rates as a row keeps them: few different ones, in many rows."""
    return {
        dimension: Rate(rate, int(Decimal(rate) * MILLIONTHS))
        for dimension, rate in _decode_texts(text).items()
    }
