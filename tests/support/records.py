"""Usage records and stream entries for tests. One token costs one millicredit."""

import msgspec

from config.rates import MILLIONTHS, Rate
from ledger.ids import new_id
from ledger.records import ORPHAN, SETTLED, UsageRecord, encode_record
from ledger.stream_entry import StreamEntry
from pricing.usage import NOTHING, Usage

RATES = {name: Rate("1", MILLIONTHS) for name in ("input", "cached_input", "output")}


def orphan_record(
    account_id: str, charge_mc: int, request_id: str | None = None, **changes: object
) -> UsageRecord:
    """What a call costs if its worker dies: `charge_mc` input tokens."""
    usage = Usage(input_tokens=charge_mc)
    record = UsageRecord(
        request_id=request_id or new_id(),
        kind=ORPHAN,
        account_id=account_id,
        key_id=new_id(),
        created_at_ms=1_770_000_000_000,
        model="gpt-4o-mini",
        endpoint="/v1/chat/completions",
        status="orphaned",
        basis="estimated",
        is_stream=False,
        usage=usage,
        units=usage.units(),
        rates=RATES,
        rate_version="v1",
        rounding="millicredit",
        ceiling_mc=2 * charge_mc,
        charge_mc=charge_mc,
    )
    return msgspec.structs.replace(record, **changes)


def truth_of(orphan: UsageRecord, charge_mc: int, **changes: object) -> UsageRecord:
    """What the call did cost: `charge_mc` output tokens."""
    usage = Usage(output_tokens=charge_mc) if charge_mc else NOTHING
    settled = msgspec.structs.replace(
        orphan,
        kind=SETTLED,
        status="completed",
        basis="provider",
        usage=usage,
        units=usage.units(),
        charge_mc=charge_mc,
    )
    return msgspec.structs.replace(settled, **changes)


def entry_of(
    record: UsageRecord, number: int, *, held_mc: int = 0, **changes: object
) -> StreamEntry:
    """The entry that Redis files: with a hold the charge is taken, without one nothing is."""
    entry = StreamEntry(
        number=number,
        kind=record.kind,
        account_id=record.account_id,
        request_id=record.request_id,
        taken_mc=record.charge_mc if held_mc else 0,
        held_mc=held_mc,
        record=encode_record(record),
    )
    return msgspec.structs.replace(entry, **changes)
