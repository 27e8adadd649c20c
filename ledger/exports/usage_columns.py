"""The columns of usage: all that it takes to recompute a charge, and what it cost."""

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter

import msgspec

from config.rates import DIMENSIONS
from ledger.exports.columns import Column, Kind, amount_columns
from ledger.reports import UsageRow

_read_units = msgspec.json.Decoder(dict[str, int]).decode


class ExportedCall(UsageRow, frozen=True, kw_only=True):
    """One usage row with what only operators see.

    A call whose estimate was corrected has two: of kind `orphan` and `settled`. `posted_mc` is what
    the row has moved in the ledger. `costs` is JSON as stored; `cost_picousd` None if not known.
    """

    kind: str
    posted_mc: int
    costs: str
    cost_picousd: int | None


# Few models have rates: most rows repeat the text of one before.
@lru_cache(maxsize=1024)
def _read_rates(text: str) -> dict[str, str]:
    return msgspec.json.decode(text, type=dict[str, str])


def _units_of(dimension: str) -> Callable[[ExportedCall], int | None]:
    return lambda row: _read_units(row.units).get(dimension)


def _rate_of(dimension: str) -> Callable[[ExportedCall], str | None]:
    return lambda row: _read_rates(row.rates).get(dimension)


def _cost_of(dimension: str) -> Callable[[ExportedCall], str | None]:
    return lambda row: _read_rates(row.costs).get(dimension)


def _plain(name: str, kind: Kind = Kind.TEXT, *, internal: bool = False) -> Column[ExportedCall]:
    return Column(name, kind, attrgetter(name), internal)


USAGE_COLUMNS: tuple[Column[ExportedCall], ...] = (
    _plain("request_id"),
    _plain("kind", internal=True),
    _plain("account_id", internal=True),
    _plain("key_id"),
    _plain("created_at", Kind.TIME),
    _plain("posted_at", Kind.TIME, internal=True),
    _plain("model"),
    _plain("endpoint"),
    _plain("status"),
    _plain("basis"),
    Column("stream", Kind.BOOLEAN, attrgetter("is_stream")),
    _plain("input_tokens", Kind.INTEGER),
    _plain("cached_input_tokens", Kind.INTEGER),
    _plain("output_tokens", Kind.INTEGER),
    _plain("reasoning_tokens", Kind.INTEGER),
    *(Column(f"{name}_units", Kind.INTEGER, _units_of(name)) for name in DIMENSIONS),
    *(Column(f"{name}_rate", Kind.RATE, _rate_of(name)) for name in DIMENSIONS),
    _plain("rate_version"),
    _plain("rounding"),
    *amount_columns("ceiling", attrgetter("ceiling_mc")),
    *amount_columns("charged", attrgetter("charge_mc")),
    *amount_columns("posted", attrgetter("posted_mc"), internal=True),
    *(Column(f"{name}_cost_rate", Kind.RATE, _cost_of(name), internal=True) for name in DIMENSIONS),
    Column("cost_usd", Kind.PICOUSD, attrgetter("cost_picousd"), internal=True),
    _plain("latency_ms", Kind.INTEGER),
)
