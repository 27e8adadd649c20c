"""What a settlement moves in the ledger, given what is written of its request. Pure."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from config.rates import MILLIONTHS
from ledger.records import ORPHAN, Kind, UsageRecord
from pricing.charge import charge_mc
from pricing.money import MILLICREDITS
from pricing.usage import Usage


class Decision(msgspec.Struct, frozen=True):
    """A usage row to write.

    `posted_mc` is what it moves in the ledger (negative where an estimate was too high), `sync_mc`
    what Redis must be told, because it has taken something else.
    """

    record: UsageRecord
    posted_mc: int
    entry_type: Literal["usage", "adjustment"]
    sync_mc: int


def decide(
    written_mc: Mapping[Kind, int], record: UsageRecord, *, taken_mc: int, held_mc: int
) -> Decision | None:
    """What to post for a settlement; None where it was written before.

    `written_mc` has the charges of the request's rows by kind; `taken_mc` is what Redis has taken
    for this settlement out of a hold of `held_mc`, 0 where it found no hold.
    """
    if record.kind in written_mc:
        return None
    if record.kind == ORPHAN:
        record = _within(record, held_mc)
    if not written_mc:
        posted_mc = record.charge_mc
    elif record.kind == ORPHAN:  # the truth was there first
        posted_mc = 0
    else:  # the truth comes after the estimate
        posted_mc = record.charge_mc - written_mc[ORPHAN]
    return Decision(
        record=record,
        posted_mc=posted_mc,
        entry_type="adjustment" if written_mc else "usage",
        sync_mc=taken_mc - posted_mc,
    )


def _within(orphan: UsageRecord, held_mc: int) -> UsageRecord:
    """An orphan's record with no more units than its hold pays for.

    The record was made before the hold was: a clamped call holds less than it asked for.
    """
    if orphan.charge_mc <= held_mc:
        return msgspec.structs.replace(orphan, ceiling_mc=held_mc)
    units = _affordable(orphan, held_mc)
    usage = Usage(
        input_tokens=units.get("input", 0) + units.get("cached_input", 0),
        cached_input_tokens=units.get("cached_input", 0),
        output_tokens=units.get("output", 0),
    )
    return msgspec.structs.replace(
        orphan,
        units=units,
        usage=usage,
        ceiling_mc=held_mc,
        charge_mc=charge_mc(units, orphan.rates, orphan.rounding),
    )


def _affordable(orphan: UsageRecord, held_mc: int) -> dict[str, int]:
    """The units of an orphan, the last dimensions cut first until `held_mc` pays for them."""
    # Half a credit pays for nothing where charges are rounded up to whole ones.
    budget_mc = held_mc - held_mc % (MILLICREDITS if orphan.rounding == "credit" else 1)
    units = dict(orphan.units)
    for dimension in reversed(orphan.units):
        others = {name: count for name, count in units.items() if name != dimension}
        left_mc = max(budget_mc - charge_mc(others, orphan.rates, "millicredit"), 0)
        rate = orphan.rates[dimension].millionths
        if rate and charge_mc(units, orphan.rates, orphan.rounding) > budget_mc:
            units[dimension] = min(units[dimension], left_mc * MILLIONTHS // rate)
    return units
