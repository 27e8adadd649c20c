"""Credits that expire: what is used first, and what is left of it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.chart import EXPIRED_REVENUE, PROMOTION
from ledger.lots import (
    Lot,
    Lots,
    expire,
    expiry_account,
    first_filling_mc,
    in_order,
    purchase_expires_at,
    unused_mc,
    use,
    use_pool_first,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def lot(sequence: int, remaining_mc: int, day: int = 0, entry_type: str = "grant") -> Lot:
    return Lot(
        entry_id=f"entry {sequence}",
        entry_type=entry_type,
        sequence=sequence,
        expires_at=NOON + timedelta(days=day),
        remaining_mc=remaining_mc,
    )


def left(lots: Lots) -> dict[int, int]:
    return {one.sequence: one.remaining_mc for one in lots}


LOTS = in_order([lot(1, 100, day=9), lot(2, 50, day=2), lot(3, 30, day=2), lot(4, 70, day=5)])


def test_the_soonest_to_expire_comes_first_and_of_the_same_time_the_oldest() -> None:
    """What expires first is used first."""
    assert [one.sequence for one in LOTS] == [2, 3, 4, 1]


@pytest.mark.parametrize(
    ("used_mc", "expected"),
    [
        (0, {2: 50, 3: 30, 4: 70, 1: 100}),
        (50, {2: 0, 3: 30, 4: 70, 1: 100}),
        (60, {2: 0, 3: 20, 4: 70, 1: 100}),
        (249, {2: 0, 3: 0, 4: 0, 1: 1}),
        (999, {2: 0, 3: 0, 4: 0, 1: 0}),  # the rest is the pool's
    ],
)
def test_lots_are_used_one_after_the_other(used_mc: int, expected: dict[int, int]) -> None:
    """Each to its end, before the next is begun."""
    assert left(use(LOTS, used_mc)) == expected


@pytest.mark.parametrize(
    ("used_mc", "expected"),
    [(60, {2: 50, 3: 30, 4: 10, 1: 100}), (75, {2: 45, 3: 30, 4: 0, 1: 100})],
)
def test_what_is_taken_back_of_an_entry_is_taken_of_its_own_lot(
    used_mc: int, expected: dict[int, int]
) -> None:
    """A correction that names a grant uses that one first, and others only where it is used up."""
    assert left(use(LOTS, used_mc, first="entry 4")) == expected


@pytest.mark.parametrize(
    ("balance_before_mc", "expected_mc"), [(1_000, 250), (320, 250), (300, 230), (250, 180)]
)
def test_what_is_taken_back_of_what_never_expires_is_taken_of_the_pool(
    balance_before_mc: int, expected_mc: int
) -> None:
    """Nobody's campaign pays for a purchase that is paid back, as long as the pool does."""
    assert unused_mc(use_pool_first(LOTS, 70, balance_before_mc)) == expected_mc


@pytest.mark.parametrize(
    ("balance_before_mc", "expected_mc"),
    [(250, 40), (500, 40), (0, 40), (-10, 30), (-40, 0), (-90, 0)],
)
def test_a_new_lot_begins_with_what_a_debt_leaves(balance_before_mc: int, expected_mc: int) -> None:
    """What is owed is paid first; credits that never expire are no part of a lot."""
    lots = LOTS if balance_before_mc > 0 else use(LOTS, 250)
    assert first_filling_mc(lots, 40, balance_before_mc) == expected_mc


@pytest.mark.parametrize(
    ("entry_id", "taken_mc", "expired_mc"),
    [("entry 4", 70, 70), ("entry 4", 90, 70), ("entry 4", 20, 20), ("entry 9", 20, 0)],
)
def test_what_expires_is_what_was_taken_and_is_still_there(
    entry_id: str, taken_mc: int, expired_mc: int
) -> None:
    """min(taken, what is left of the lot), of that lot alone."""
    lots, posted_mc = expire(LOTS, entry_id, taken_mc)
    assert posted_mc == expired_mc
    assert left(lots) == {**left(LOTS), 4: 70 - expired_mc}


def test_what_was_bought_is_earned_and_a_gift_is_taken_back() -> None:
    """The counter account of an expiry."""
    assert expiry_account(lot(1, 5, entry_type="purchase")) == EXPIRED_REVENUE
    assert expiry_account(lot(1, 5, entry_type="grant")) == PROMOTION
    assert expiry_account(lot(1, 5, entry_type="bonus")) == PROMOTION


def test_purchased_credits_expire_only_where_that_is_configured() -> None:
    """`purchased_credits_expire_after_days`; 0 is never."""
    assert purchase_expires_at(NOON, 0) is None
    assert purchase_expires_at(NOON, 365) == datetime(2027, 3, 1, 12, tzinfo=UTC)


@given(
    sizes=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 3)), max_size=6),
    uses=st.lists(st.integers(0, 80), max_size=10),
)
def test_together_or_one_by_one_the_same_is_left(
    sizes: list[tuple[int, int]], uses: list[int]
) -> None:
    """What was used since the lots were looked at can be taken off as one sum."""
    lots = in_order(lot(number, size, day) for number, (size, day) in enumerate(sizes))
    one_by_one = lots
    for used_mc in uses:
        one_by_one = use(one_by_one, used_mc)
    assert one_by_one == use(lots, sum(uses))
    assert unused_mc(one_by_one) == max(unused_mc(lots) - sum(uses), 0)
