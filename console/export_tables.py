"""The tables that are exported: columns for formats of cells, shapes for formats of JSON."""

import msgspec

from console.json import Json, amount
from console.shapes import (
    entry_shape,
    operators_entry_shape,
    operators_usage_shape,
    usage_shape,
)
from ledger.entries import Entry
from ledger.exports.columns import Table, for_customers
from ledger.exports.csv_format import time_text
from ledger.exports.entry_columns import ENTRY_COLUMNS
from ledger.exports.usage_columns import USAGE_COLUMNS, ExportedCall
from pricing.money import usd_text_of_picousd


def exported_call_shape(row: ExportedCall) -> Json:
    """One call as operators list it, and what else its row says."""
    cost = row.cost_picousd
    return {
        **operators_usage_shape(row),
        "kind": row.kind,
        "postedAt": time_text(row.posted_at),
        "rounding": row.rounding,
        **amount("ceiling", row.ceiling_mc),
        **amount("posted", row.posted_mc),
        "costs": msgspec.Raw(row.costs.encode()),
        "costUsd": None if cost is None else usd_text_of_picousd(cost),
    }


USAGE: Table[ExportedCall] = Table(USAGE_COLUMNS, exported_call_shape)
LEDGER: Table[Entry] = Table(ENTRY_COLUMNS, operators_entry_shape)
OWN_USAGE = Table(for_customers(USAGE_COLUMNS), usage_shape)
OWN_LEDGER: Table[Entry] = Table(for_customers(ENTRY_COLUMNS), entry_shape)
