"""Works out what a batch of settlements writes: rows, entries and balances. Pure."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from ledger.chain import AccountState, append_entry, take_sync_number
from ledger.chart import usage_revenue
from ledger.decisions import Decision, decide
from ledger.ids import new_id
from ledger.lots import Lots, expire, expiry_account, find, use
from ledger.records import (
    ORPHAN,
    ExpiryRecord,
    Kind,
    UsageRecord,
    decode_expiry,
    decode_record,
)
from ledger.stream_entry import EXPIRY, UNDELIVERED, StreamEntry
from ledger.usage_days import UsageDays, add_to_day
from pricing.charge import cost_picousd

ACTOR = "writer"
_ONE_TICK = timedelta(microseconds=1)
_ALERTS = {
    "undelivered": (
        "The charge stands, but its answer was withheld: settlement was not confirmed in time."
    ),
    "over_ceiling": "The provider reported more than the request allowed, by this much.",
}
_DESCRIPTIONS = {
    "usage": "Usage of {model}",
    "adjustment": "Correction of an estimated charge for {model}: the real usage came late",
}


class UnknownAccountInRecordError(Exception):
    """A record names an account that Postgres does not know."""


class MismatchedRecordError(Exception):
    """A record's contents are not of the request that it was filed under."""


class LockedAccount(msgspec.Struct):
    """An account under its lock; `posted_at` is that of its last entry.

    `lots` are read, and followed, only where something of the account expires.
    """

    state: AccountState
    posted_at: datetime
    now: datetime
    lots: Lots | None = None


class Written(msgspec.Struct):
    """What Postgres has already of the requests in a batch.

    Charges of usage rows by kind, the entries that orphans' rows have posted, and which expiries.
    """

    charges_mc: dict[str, dict[Kind, int]] = {}
    orphan_entries: dict[str, str] = {}
    expiries: set[str] = set()


class NewAlert(msgspec.Struct, frozen=True):
    """Something that an operator must look at: once for each kind and request."""

    kind: str
    account_id: str
    request_id: str
    amount_mc: int
    detail: str


class Batch(msgspec.Struct):
    """Everything that one transaction writes, in the column order of its tables.

    `last_number` is how far the stream is written after it, `days` is what is added to daily sums.
    """

    last_number: int
    usage_rows: list[tuple[object, ...]] = []
    entry_rows: list[tuple[object, ...]] = []
    sync_rows: list[tuple[object, ...]] = []
    expiry_rows: list[tuple[object, ...]] = []
    days: UsageDays = {}
    alerts: list[NewAlert] = []
    touched: set[str] = set()
    is_set_back: bool = False


USAGE_COLUMNS = (
    *("request_id", "kind", "account_id", "key_id", "created_at", "posted_at", "model"),
    *("endpoint", "status", "basis", "is_stream", "input_tokens", "cached_input_tokens"),
    *("output_tokens", "reasoning_tokens", "units", "rates", "rate_version", "rounding"),
    *("ceiling_mc", "charge_mc", "posted_mc", "latency_ms", "costs", "cost_picousd"),
)
ENTRY_COLUMNS = (
    *("id", "transaction_id", "account_id", "sequence", "posted_at", "entry_type", "amount_mc"),
    *("balance_before_mc", "balance_after_mc", "counter_account", "ref", "description", "actor"),
    "corrects_entry_id",
)
SYNC_COLUMNS = ("account_id", "number", "amount_mc", "reason", "counted_key_id")
EXPIRY_COLUMNS = (
    *("request_id", "lot_entry_id", "account_id", "posted_at", "taken_mc", "posted_mc"),
)


def work_out(
    entries: Iterable[StreamEntry],
    accounts: dict[str, LockedAccount],
    written: Written,
    last_number: int,
) -> Batch:
    """The batch of `entries`, in order. `accounts` is brought to the state after it, and so is
    `written`.

    `last_number` is the last one that Postgres has of this stream: a gap after it, or a number
    that comes back with something new, means that Redis was set back. So may a number that comes
    back without a hold behind it: what was taken under that number is perhaps forgotten.

    Raises:
        UnknownAccountInRecordError, MismatchedRecordError, BalanceLimitError,
        msgspec.DecodeError: an entry cannot be written.
    """
    batch = Batch(last_number)
    for entry in entries:
        account = accounts.get(entry.account_id)
        if account is None:
            raise UnknownAccountInRecordError(entry.account_id)
        if entry.kind == EXPIRY:
            is_new = _expire(batch, account, entry, written)
        else:
            is_new = _settle(batch, account, entry, written)
        _follow(batch, entry, is_new=is_new)
    return batch


def _follow(batch: Batch, entry: StreamEntry, *, is_new: bool) -> None:
    """Moves on in the stream, never back with it: no number is the next one twice."""
    # What expires is taken without a hold, under an id of its own each time.
    has_taken = entry.held_mc > 0 or entry.kind == EXPIRY
    if entry.number > batch.last_number:
        batch.is_set_back |= entry.number > batch.last_number + 1
        batch.last_number = entry.number
    elif is_new or not has_taken:
        batch.is_set_back = True
    # Else it is read again: acknowledging it has failed, or another writer was faster.


def _settle(batch: Batch, account: LockedAccount, entry: StreamEntry, written: Written) -> bool:
    """Whether the settlement was not written before."""
    record = decode_record(entry.record)
    _check_filed_under(entry, record)
    if entry.kind == UNDELIVERED:
        batch.alerts.append(_alert("undelivered", record, record.charge_mc))
        return False
    kinds = written.charges_mc.setdefault(entry.request_id, {})
    decision = decide(kinds, record, taken_mc=entry.taken_mc, held_mc=entry.held_mc)
    if decision is None:
        return False
    kinds[record.kind] = decision.record.charge_mc
    _add(batch, account, entry, decision, written)
    return True


def _expire(batch: Batch, account: LockedAccount, entry: StreamEntry, written: Written) -> bool:
    """Whether the expiry was not written before."""
    record = decode_expiry(entry.record)
    _check_filed_under(entry, record)
    if record.request_id in written.expiries:
        return False
    written.expiries.add(record.request_id)
    lot = find(account.lots or (), record.lot_entry_id)
    account.lots, posted_mc = expire(account.lots or (), record.lot_entry_id, entry.taken_mc)
    _move_on(batch, account, entry)
    batch.expiry_rows.append(
        (
            *(record.request_id, record.lot_entry_id, record.account_id, account.posted_at),
            *(entry.taken_mc, posted_mc),
        )
    )
    if lot is not None and posted_mc:
        _post(
            *(batch, account, entry.account_id, -posted_mc),
            entry_type="expiry",
            counter_account=expiry_account(lot),
            ref=lot.entry_id,
            description=f"Unused credits of a {lot.entry_type} expired",
        )
    _tell(batch, account, entry, entry.taken_mc - posted_mc)
    return True


def _check_filed_under(entry: StreamEntry, record: UsageRecord | ExpiryRecord) -> None:
    if (record.account_id, record.request_id) != (entry.account_id, entry.request_id):
        raise MismatchedRecordError(entry.request_id)


def _add(
    batch: Batch,
    account: LockedAccount,
    entry: StreamEntry,
    decision: Decision,
    written: Written,
) -> None:
    record, posted_mc = decision.record, decision.posted_mc
    _move_on(batch, account, entry)
    batch.usage_rows.append(_usage_row(decision, account.posted_at))
    add_to_day(batch.days, decision, account.posted_at)
    if posted_mc:
        entry_id = _post(
            *(batch, account, entry.account_id, -posted_mc),
            entry_type=decision.entry_type,
            counter_account=usage_revenue(record.model),
            ref=record.request_id,
            description=_DESCRIPTIONS[decision.entry_type].format(model=record.model),
            corrects=written.orphan_entries.get(record.request_id),
        )
        if posted_mc > 0 and account.lots:
            account.lots = use(account.lots, posted_mc)
        if record.kind == ORPHAN:
            written.orphan_entries[record.request_id] = entry_id
    _tell(batch, account, entry, decision.sync_mc, record.key_id)
    if record.charge_mc > record.ceiling_mc:
        batch.alerts.append(_alert("over_ceiling", record, record.charge_mc - record.ceiling_mc))


def _alert(kind: str, record: UsageRecord, amount_mc: int) -> NewAlert:
    return NewAlert(kind, record.account_id, record.request_id, amount_mc, _ALERTS[kind])


def _move_on(batch: Batch, account: LockedAccount, entry: StreamEntry) -> None:
    account.posted_at = max(account.now, account.posted_at + _ONE_TICK)
    batch.touched.add(entry.account_id)


def _post(
    batch: Batch,
    account: LockedAccount,
    account_id: str,
    amount_mc: int,
    *,
    entry_type: str,
    counter_account: str,
    ref: str,
    description: str,
    corrects: str | None = None,
) -> str:
    account.state, link = append_entry(account.state, amount_mc)
    entry_id = new_id()
    batch.entry_rows.append(
        (
            *(entry_id, entry_id, account_id, link.sequence, account.posted_at, entry_type),
            *(link.amount_mc, link.before_mc, link.after_mc, counter_account, ref, description),
            *(ACTOR, corrects),
        )
    )
    return entry_id


def _tell(
    batch: Batch,
    account: LockedAccount,
    entry: StreamEntry,
    amount_mc: int,
    key_id: str | None = None,
) -> None:
    """Numbers what Redis has not taken by itself, or has taken too much; of whose limit, too."""
    if amount_mc:
        account.state, number = take_sync_number(account.state)
        reason = f"{entry.kind} {entry.request_id}"
        batch.sync_rows.append((entry.account_id, number, amount_mc, reason, key_id))


def _usage_row(decision: Decision, posted_at: datetime) -> tuple[object, ...]:
    record, usage = decision.record, decision.record.usage
    rates = {dimension: rate.text for dimension, rate in record.rates.items()}
    costs = {dimension: rate.text for dimension, rate in record.costs.items()}
    return (
        *(uuid.UUID(record.request_id), record.kind, record.account_id, record.key_id),
        *(record.created_at, posted_at, record.model, record.endpoint, record.status, record.basis),
        *(record.is_stream, usage.input_tokens, usage.cached_input_tokens),
        *(usage.output_tokens, usage.reasoning_tokens),
        *(msgspec.json.encode(record.units).decode(), msgspec.json.encode(rates).decode()),
        *(record.rate_version, record.rounding, record.ceiling_mc, record.charge_mc),
        *(decision.posted_mc, record.latency_ms, msgspec.json.encode(costs).decode()),
        cost_picousd(record.units, record.costs),
    )
