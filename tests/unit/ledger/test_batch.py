"""What a batch of settlements writes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.batch import (
    ENTRY_COLUMNS,
    EXPIRY_COLUMNS,
    SYNC_COLUMNS,
    USAGE_COLUMNS,
    Batch,
    LockedAccount,
    MismatchedRecordError,
    UnknownAccountInRecordError,
    Written,
    work_out,
)
from ledger.chain import AccountState, BalanceLimitError
from ledger.chart import PROMOTION
from ledger.ids import new_id
from ledger.lots import Lot
from ledger.records import ExpiryRecord, encode_expiry
from ledger.stream_entry import EXPIRY, UNDELIVERED, StreamEntry
from pricing.money import LARGEST_MC
from tests.support.records import entry_of, orphan_record, truth_of

ADA, BOB = sorted([new_id(), new_id()])
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FUNDED_MC = 1_000_000
ORPHAN_MC, HELD_MC = 20, 50


def locked(balance_mc: int = FUNDED_MC, posted_at: datetime = NOON) -> LockedAccount:
    return LockedAccount(AccountState(balance_mc, 7, 3), posted_at, now=NOON)


def accounts() -> dict[str, LockedAccount]:
    return {ADA: locked(), BOB: locked()}


def column(batch: Batch, table: str, name: str) -> list:
    columns = {
        "usage": USAGE_COLUMNS,
        "entry": ENTRY_COLUMNS,
        "sync": SYNC_COLUMNS,
        "expiry": EXPIRY_COLUMNS,
    }[table]
    return [row[columns.index(name)] for row in getattr(batch, f"{table}_rows")]


def settled(number: int, charge_mc: int = 30, account_id: str = ADA) -> StreamEntry:
    orphan = orphan_record(account_id, ORPHAN_MC)
    return entry_of(truth_of(orphan, charge_mc), number, held_mc=HELD_MC)


def written_of(*entries: StreamEntry) -> Written:
    return Written({entry.request_id: {entry.kind: entry.taken_mc} for entry in entries})


def test_a_batch_goes_on_where_the_account_ended() -> None:
    """G6: each entry begins where the last one ended; an account's entries are numbered on."""
    known = accounts()
    batch = work_out([settled(1, 30), settled(2, 5, BOB), settled(3, 70)], known, Written(), 0)
    assert column(batch, "entry", "account_id") == [ADA, BOB, ADA]
    assert column(batch, "entry", "sequence") == [8, 8, 9]
    assert column(batch, "entry", "amount_mc") == [-30, -5, -70]
    assert column(batch, "entry", "balance_before_mc") == [FUNDED_MC, FUNDED_MC, FUNDED_MC - 30]
    assert known[ADA].state == AccountState(FUNDED_MC - 100, 9, 3)
    assert known[BOB].state == AccountState(FUNDED_MC - 5, 8, 3)
    assert batch.touched == {ADA, BOB}
    assert (batch.sync_rows, batch.is_set_back, batch.last_number) == ([], False, 3)


def test_orphan_and_truth_in_one_batch_are_one_charge() -> None:
    """G4: a call that was swept and settled between two writes: an entry and its correction."""
    orphan = orphan_record(ADA, ORPHAN_MC)
    truth = truth_of(orphan, 30)
    entries = [entry_of(orphan, 1, held_mc=HELD_MC), entry_of(truth, 2), entry_of(truth, 3)]
    batch = work_out(entries, accounts(), Written(), 0)
    assert column(batch, "usage", "posted_mc") == [ORPHAN_MC, 10]
    assert column(batch, "entry", "entry_type") == ["usage", "adjustment"]
    assert column(batch, "entry", "amount_mc") == [-ORPHAN_MC, -10]
    assert [row[:3] for row in batch.sync_rows] == [(ADA, 4, -10)]


def test_a_call_that_came_to_nothing_has_a_row_and_no_entry() -> None:
    """A failed call has its usage row too; an entry moves something."""
    batch = work_out([settled(1, 0)], accounts(), Written(), 0)
    assert column(batch, "usage", "charge_mc") == [0]
    assert (batch.entry_rows, batch.sync_rows) == ([], [])


def test_time_never_goes_back_within_an_account() -> None:
    """posted_at is set under the lock, after the last entry's, also when the clock was set back."""
    ahead = NOON + timedelta(days=1)
    known = {ADA: locked(posted_at=ahead), BOB: locked(posted_at=NOON - timedelta(days=1))}
    batch = work_out(
        [settled(1), settled(2, 1, BOB), settled(3), settled(4, 1, BOB)], known, Written(), 0
    )
    tick = timedelta(microseconds=1)
    expected = [ahead + tick, NOON, ahead + 2 * tick, NOON + tick]
    assert column(batch, "usage", "posted_at") == expected
    assert column(batch, "entry", "posted_at") == expected
    assert known[ADA].posted_at == ahead + 2 * tick


def test_an_undelivered_charge_is_told_and_moves_nothing() -> None:
    """The charge stands; it is listed for a refund."""
    entry = settled(1)
    told = msgspec.structs.replace(entry, number=2, kind=UNDELIVERED, taken_mc=0, held_mc=0)
    batch = work_out([entry, told], accounts(), Written(), 0)
    assert [(alert.kind, alert.request_id) for alert in batch.alerts] == [
        ("undelivered", entry.request_id)
    ]
    assert len(batch.usage_rows) == 1
    assert not batch.is_set_back


@pytest.mark.parametrize(("ceiling_mc", "over_mc"), [(99, [1]), (100, [])])
def test_g1_a_charge_over_its_ceiling_is_told(ceiling_mc: int, over_mc: list[int]) -> None:
    """G1: where the provider reports more than the request allowed, it is recorded and visible."""
    record = truth_of(orphan_record(ADA, 10), 100, ceiling_mc=ceiling_mc)
    batch = work_out([entry_of(record, 1, held_mc=ceiling_mc)], accounts(), Written(), 0)
    assert [(alert.kind, alert.amount_mc) for alert in batch.alerts] == [
        ("over_ceiling", mc) for mc in over_mc
    ]


@pytest.mark.parametrize(
    ("numbers", "last_number", "is_set_back", "reached"),
    [
        ([1, 2, 3], 0, False, 3),
        ([8, 9], 7, False, 9),
        ([9, 10], 7, True, 10),  # a gap
        ([8, 10], 7, True, 10),
        ([1, 2], 7, True, 7),  # numbers that come back with something new
        ([7, 8], 7, True, 8),
        ([100], 0, True, 100),
    ],
)
def test_a_gap_and_a_number_that_comes_back_say_that_redis_was_set_back(
    numbers: Sequence[int], last_number: int, is_set_back: bool, reached: int
) -> None:
    """Section 4a, 8: records carry a gapless number per partition, kept in Postgres."""
    batch = work_out([settled(number) for number in numbers], accounts(), Written(), last_number)
    assert (batch.is_set_back, batch.last_number) == (is_set_back, reached)


def test_what_is_read_again_is_no_set_back_and_does_not_move_the_position_back() -> None:
    """A writer that was slower than another, or whose acknowledgement failed, does no harm."""
    entries = [settled(number) for number in (5, 6, 7)]
    batch = work_out(entries, accounts(), written_of(*entries), 20)
    assert (batch.usage_rows, batch.is_set_back, batch.last_number) == ([], False, 20)
    more = [*entries, settled(21)]
    batch = work_out(more, accounts(), written_of(*entries), 20)
    assert (len(batch.usage_rows), batch.is_set_back, batch.last_number) == (1, False, 21)


def test_a_set_back_is_seen_although_its_first_records_are_known() -> None:
    """What workers send again may fill the lost numbers; what comes after them is still new."""
    known = [settled(3), settled(4)]
    batch = work_out([*known, settled(5)], accounts(), written_of(*known), 9)
    assert (batch.is_set_back, batch.last_number) == (True, 9)


def test_a_known_record_without_a_hold_under_an_old_number_is_taken_for_a_set_back() -> None:
    """A lagging replica lost hold and settlement, the worker sent it again: nothing was taken."""
    truth = truth_of(orphan_record(ADA, ORPHAN_MC), 30)
    batch = work_out(
        [entry_of(truth, 9)], accounts(), Written({truth.request_id: {"settled": 30}}), 9
    )
    assert (batch.usage_rows, batch.is_set_back) == ([], True)


def test_a_record_of_another_request_or_account_is_not_written() -> None:
    """The tombstone that is acknowledged must be of what was written."""
    entry = settled(1)
    for changes in ({"request_id": new_id()}, {"account_id": BOB}):
        with pytest.raises(MismatchedRecordError):
            work_out([msgspec.structs.replace(entry, **changes)], accounts(), Written(), 0)


def test_an_account_that_postgres_does_not_know_is_not_made_up() -> None:
    """Such a record is kept as rejected."""
    with pytest.raises(UnknownAccountInRecordError):
        work_out([settled(1)], {BOB: locked()}, Written(), 0)


def test_a_balance_that_redis_could_not_count_is_not_written() -> None:
    """Amounts stay below 2^53."""
    with pytest.raises(BalanceLimitError):
        work_out([settled(1, 2)], {ADA: locked(1 - LARGEST_MC)}, Written(), 0)
    assert work_out([settled(1, 1)], {ADA: locked(1 - LARGEST_MC)}, Written(), 0).entry_rows


# Kind, call, whether a hold was found: an orphan always is one.
ARRIVAL = st.one_of(
    st.tuples(st.just("settled"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("orphan"), st.integers(0, 3), st.just(True)),
)


@given(
    arrivals=st.lists(ARRIVAL, max_size=20),
    charges=st.lists(st.integers(0, 100), min_size=4, max_size=4),
    size=st.integers(1, 20),
)
def test_however_records_are_batched_the_ledger_ends_the_same(
    arrivals: list[tuple[str, int, bool]], charges: list[int], size: int
) -> None:
    """G4, G9: balance = funds - charges; what Redis took otherwise is numbered without gaps."""
    orphans = [orphan_record((ADA, BOB)[one % 2], ORPHAN_MC) for one in range(4)]
    truths = [truth_of(orphan, charge) for orphan, charge in zip(orphans, charges, strict=True)]
    entries = [
        entry_of((truths if kind == "settled" else orphans)[one], number, held_mc=HELD_MC * taken)
        for number, (kind, one, taken) in enumerate(arrivals, 1)
    ]
    known, written, posted_mc, told_mc, numbers = accounts(), {}, 0, 0, []
    for start in range(0, len(entries), size):
        batch = work_out(entries[start : start + size], known, Written(written), start)
        assert not batch.is_set_back
        posted_mc += sum(column(batch, "usage", "posted_mc"))
        told_mc += sum(column(batch, "sync", "amount_mc"))
        numbers += [row[:2] for row in batch.sync_rows]
        for entry in entries[start : start + size]:
            charge = charges[[one.request_id for one in orphans].index(entry.request_id)]
            kinds = written.setdefault(entry.request_id, {})
            kinds.setdefault(entry.kind, charge if entry.kind == "settled" else ORPHAN_MC)
    final_mc = [kinds.get("settled", kinds.get("orphan")) for kinds in written.values()]
    assert posted_mc == sum(final_mc)
    assert sum(one.state.balance_mc for one in known.values()) == 2 * FUNDED_MC - sum(final_mc)
    firsts = {(entry.request_id, entry.kind): entry for entry in reversed(entries)}
    assert told_mc == sum(entry.taken_mc for entry in firsts.values()) - posted_mc
    for account_id, account in known.items():
        own = [number for owner, number in numbers if owner == account_id]
        assert own == list(range(4, account.state.last_sync_number + 1))


# Of credits that expire.

TOMORROW = NOON + timedelta(days=1)
LOT = Lot(entry_id=new_id(), entry_type="grant", sequence=3, expires_at=TOMORROW, remaining_mc=100)


def expiry(number: int, taken_mc: int, lot: Lot = LOT) -> StreamEntry:
    record = ExpiryRecord(request_id=new_id(), account_id=ADA, lot_entry_id=lot.entry_id)
    return StreamEntry(
        number=number,
        kind=EXPIRY,
        account_id=ADA,
        request_id=record.request_id,
        taken_mc=taken_mc,
        held_mc=0,
        record=encode_expiry(record),
    )


def with_lots(*lots: Lot) -> dict[str, LockedAccount]:
    return {ADA: LockedAccount(AccountState(FUNDED_MC, 7, 3), NOON, now=NOON, lots=lots)}


def test_what_is_unused_of_a_lot_leaves_by_an_entry_that_names_it() -> None:
    """An expiry: taken in Redis, posted, remembered; nothing is left to be told."""
    known = with_lots(LOT)
    entry = expiry(1, 100)
    batch = work_out([entry], known, Written(), 0)
    assert column(batch, "entry", "entry_type") == ["expiry"]
    assert column(batch, "entry", "amount_mc") == [-100]
    assert column(batch, "entry", "ref") == [LOT.entry_id]
    assert column(batch, "entry", "counter_account") == [PROMOTION]
    assert column(batch, "expiry", "posted_mc") == [100]
    assert (batch.sync_rows, batch.usage_rows, batch.is_set_back) == ([], [], False)
    assert known[ADA].lots is not None
    assert [lot.remaining_mc for lot in known[ADA].lots] == [0]


def test_a_charge_before_it_in_the_batch_uses_the_lot_first() -> None:
    """The order of the stream is the order in which credits are used; the rest goes back."""
    known = with_lots(LOT)
    batch = work_out([settled(1, 70), expiry(2, 100), settled(3, 5)], known, Written(), 0)
    assert column(batch, "entry", "amount_mc") == [-70, -30, -5]
    assert [row[:3] for row in batch.sync_rows] == [(ADA, 4, 70)]
    assert column(batch, "expiry", "taken_mc") == [100]
    assert column(batch, "expiry", "posted_mc") == [30]


def test_an_expiry_of_a_lot_that_is_used_up_posts_nothing_and_is_remembered() -> None:
    """All of it goes back to Redis by number."""
    batch = work_out([expiry(1, 40)], with_lots(), Written(), 0)
    assert batch.entry_rows == []
    assert [row[:3] for row in batch.sync_rows] == [(ADA, 4, 40)]
    assert column(batch, "expiry", "posted_mc") == [0]
    assert batch.touched == {ADA}


def test_an_expiry_that_is_read_again_is_nothing_new_and_no_set_back() -> None:
    """G5: acknowledging it has failed. It takes without a hold, and is no late truth."""
    entry = expiry(1, 40)
    batch = work_out([entry, entry], with_lots(LOT), Written(), 0)
    assert column(batch, "expiry", "posted_mc") == [40]
    assert not batch.is_set_back
    again = work_out([entry], with_lots(), Written(expiries={entry.request_id}), 1)
    assert (again.expiry_rows, again.sync_rows, again.touched) == ([], [], set())
    assert not again.is_set_back
    assert work_out([expiry(1, 40)], with_lots(LOT), Written(), 1).is_set_back


def test_a_late_truth_names_the_entry_that_it_corrects() -> None:
    """Corrections name what they correct, in one batch and over two."""
    orphan = orphan_record(ADA, ORPHAN_MC)
    truth = entry_of(truth_of(orphan, 30), 2)
    batch = work_out([entry_of(orphan, 1, held_mc=HELD_MC), truth], accounts(), Written(), 0)
    [estimate, _] = column(batch, "entry", "id")
    assert column(batch, "entry", "corrects_entry_id") == [None, estimate]
    before = new_id()
    written = Written({truth.request_id: {"orphan": ORPHAN_MC}}, {truth.request_id: before})
    later = work_out([truth], accounts(), written, 1)
    assert column(later, "entry", "corrects_entry_id") == [before]
