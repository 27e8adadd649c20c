"""What a settlement moves in the ledger, given what is written of its request. Pure."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from config.rates import MILLIONTHS
from ledger.records import ORPHAN, Kind, UsageRecord
from pricing.charge import charge_mc
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
    units = dict(orphan.units)
    for dimension in ("output", "cached_input", "input"):
        others = {name: count for name, count in units.items() if name != dimension}
        left_mc = max(held_mc - charge_mc(others, orphan.rates, orphan.rounding), 0)
        rate = orphan.rates[dimension].millionths
        if rate:
            units[dimension] = min(units[dimension], left_mc * MILLIONTHS // rate)
    usage = Usage(
        input_tokens=units["input"] + units["cached_input"],
        cached_input_tokens=units["cached_input"],
        output_tokens=units["output"],
    )
    return msgspec.structs.replace(
        orphan,
        units=units,
        usage=usage,
        ceiling_mc=held_mc,
        charge_mc=charge_mc(units, orphan.rates, orphan.rounding),
    )
