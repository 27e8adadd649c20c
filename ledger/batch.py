"""Works out what a batch of settlements writes: rows, entries and balances. Pure."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from ledger.chain import AccountState, append_entry, take_sync_number
from ledger.chart import usage_revenue
from ledger.decisions import Decision, decide
from ledger.ids import new_id
from ledger.records import Kind, UsageRecord, decode_record
from ledger.stream_entry import UNDELIVERED, StreamEntry
from pricing.charge import cost_picousd

ACTOR = "writer"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_TICK = timedelta(microseconds=1)
_DESCRIPTIONS = {
    "usage": "Usage of {model}",
    "adjustment": "Correction of an estimated charge for {model}: the real usage came late",
}


class UnknownAccountInRecordError(Exception):
    """A record names an account that Postgres does not know."""


class MismatchedRecordError(Exception):
    """A record's contents are not of the request that it was filed under."""


class LockedAccount(msgspec.Struct):
    """An account under its lock; `posted_at` is that of its last entry."""

    state: AccountState
    posted_at: datetime
    now: datetime


class Batch(msgspec.Struct):
    """Everything that one transaction writes, in the column order of its tables.

    `last_number` is how far the stream is written after it.
    """

    last_number: int
    usage_rows: list[tuple[object, ...]] = []
    entry_rows: list[tuple[object, ...]] = []
    sync_rows: list[tuple[object, ...]] = []
    undelivered: list[UsageRecord] = []
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
)
SYNC_COLUMNS = ("account_id", "number", "amount_mc", "reason")


def work_out(
    entries: Iterable[StreamEntry],
    accounts: dict[str, LockedAccount],
    written_mc: Mapping[str, Mapping[Kind, int]],
    last_number: int,
) -> Batch:
    """The batch of `entries`, in order. `accounts` is brought to the state after it.

    `last_number` is the last one that Postgres has of this stream: a gap after it, or a number
    that comes back with something new, means that Redis was set back. So may a number that comes
    back without a hold behind it: what was taken under that number is perhaps forgotten.

    Raises:
        UnknownAccountInRecordError, MismatchedRecordError, BalanceLimitError,
        msgspec.DecodeError: an entry cannot be written.
    """
    batch = Batch(last_number)
    known = {request_id: dict(kinds) for request_id, kinds in written_mc.items()}
    for entry in entries:
        record = _record(entry)
        account = accounts.get(entry.account_id)
        if account is None:
            raise UnknownAccountInRecordError(entry.account_id)
        kinds = known.setdefault(entry.request_id, {})
        is_new = False
        if entry.kind == UNDELIVERED:
            batch.undelivered.append(record)
        else:
            decision = decide(kinds, record, taken_mc=entry.taken_mc, held_mc=entry.held_mc)
            is_new = decision is not None
            if decision:
                kinds[record.kind] = decision.record.charge_mc
                _add(batch, account, decision)
        _follow(batch, entry, is_new=is_new)
    return batch


def _follow(batch: Batch, entry: StreamEntry, *, is_new: bool) -> None:
    """Moves on in the stream, never back with it: no number is the next one twice."""
    if entry.number > batch.last_number:
        batch.is_set_back |= entry.number > batch.last_number + 1
        batch.last_number = entry.number
    elif is_new or entry.held_mc == 0:
        batch.is_set_back = True
    # Else it is read again: acknowledging it has failed, or another writer was faster.


def _record(entry: StreamEntry) -> UsageRecord:
    record = decode_record(entry.record)
    if (record.account_id, record.request_id) != (entry.account_id, entry.request_id):
        raise MismatchedRecordError(entry.request_id)
    return record


def _add(batch: Batch, account: LockedAccount, decision: Decision) -> None:
    record = decision.record
    account.posted_at = max(account.now, account.posted_at + _ONE_TICK)
    batch.touched.add(record.account_id)
    batch.usage_rows.append(_usage_row(decision, account.posted_at))
    if decision.posted_mc:
        account.state, link = append_entry(account.state, -decision.posted_mc)
        entry_id = new_id()
        batch.entry_rows.append(
            (
                *(entry_id, entry_id, record.account_id, link.sequence, account.posted_at),
                *(decision.entry_type, link.amount_mc, link.before_mc, link.after_mc),
                *(usage_revenue(record.model), record.request_id),
                *(_DESCRIPTIONS[decision.entry_type].format(model=record.model), ACTOR),
            )
        )
    if decision.sync_mc:
        account.state, number = take_sync_number(account.state)
        reason = f"{record.kind} {record.request_id}"
        batch.sync_rows.append((record.account_id, number, decision.sync_mc, reason))


def _usage_row(decision: Decision, posted_at: datetime) -> tuple[object, ...]:
    record, usage = decision.record, decision.record.usage
    created_at = _EPOCH + timedelta(milliseconds=record.created_at_ms)
    rates = {dimension: rate.text for dimension, rate in record.rates.items()}
    costs = {dimension: rate.text for dimension, rate in record.costs.items()}
    return (
        *(uuid.UUID(record.request_id), record.kind, record.account_id, record.key_id),
        *(created_at, posted_at, record.model, record.endpoint, record.status, record.basis),
        *(record.is_stream, usage.input_tokens, usage.cached_input_tokens),
        *(usage.output_tokens, usage.reasoning_tokens),
        *(msgspec.json.encode(record.units).decode(), msgspec.json.encode(rates).decode()),
        *(record.rate_version, record.rounding, record.ceiling_mc, record.charge_mc),
        *(decision.posted_mc, record.latency_ms, msgspec.json.encode(costs).decode()),
        cost_picousd(record.units, record.costs),
    )
