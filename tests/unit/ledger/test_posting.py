"""What may be posted, which way, and against which account."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.chart import (
    ADJUSTMENTS,
    DISPUTES,
    EXPIRED_REVENUE,
    PAYMENTS,
    PROMOTION,
    STRIPE,
    usage_revenue,
)
from ledger.ids import new_id
from ledger.posting import (
    ENTRY_TYPES,
    BadAmountError,
    BadPostingError,
    Corrected,
    Posting,
    check_correction,
    checked,
    counter_account,
)
from ledger.texts import BadTextError

OPEN = {"purchase": STRIPE, "usage": usage_revenue("gpt-4o")}


def posting(entry_type: str, amount_mc: int, **changes: Any) -> Posting:
    values = {
        "account_id": new_id(),
        "description": "For a test",
        "actor": "tests",
        "idempotency_key": "key-1",
        "counter_account": OPEN.get(entry_type),
    }
    return Posting(entry_type=entry_type, amount_mc=amount_mc, **{**values, **changes})


def corrected(entry_type: str, amount_mc: int, **changes: Any) -> Corrected:
    values = {"counter_account": "revenue:usage:gpt-4o", "corrected_mc": 0, "expired_mc": 0}
    return Corrected(entry_type=entry_type, amount_mc=amount_mc, **{**values, **changes})


GIVE = {"grant", "purchase", "bonus"}
TAKE = {"usage", "refund", "expiry"}


@pytest.mark.parametrize("entry_type", ENTRY_TYPES)
def test_each_type_moves_a_balance_its_own_way(entry_type: str) -> None:
    """Purchases, bonuses, grants give; usage, refunds, expiries take; the others do either."""
    for amount_mc, forbidden in ((1, TAKE), (-1, GIVE), (0, set(ENTRY_TYPES))):
        if entry_type in forbidden:
            with pytest.raises(BadAmountError, match="zero"):
                checked(posting(entry_type, amount_mc))
        else:
            assert checked(posting(entry_type, amount_mc)).amount_mc == amount_mc


@pytest.mark.parametrize(
    ("entry_type", "given", "expected"),
    [
        ("grant", None, PROMOTION),
        ("bonus", None, PROMOTION),
        ("purchase", STRIPE, STRIPE),
        ("purchase", PAYMENTS, PAYMENTS),
        ("refund", None, PAYMENTS),
        ("refund", STRIPE, STRIPE),
        ("dispute", None, DISPUTES),
        ("adjustment", None, ADJUSTMENTS),
        ("expiry", None, PROMOTION),
        ("expiry", EXPIRED_REVENUE, EXPIRED_REVENUE),
        ("usage", "revenue:usage:gpt-4o", "revenue:usage:gpt-4o"),
    ],
)
def test_each_type_has_its_counter_account(
    entry_type: str, given: str | None, expected: str
) -> None:
    """G7: the other side of each entry is in the chart."""
    amount_mc = -1 if entry_type in TAKE else 1
    asked = checked(posting(entry_type, amount_mc, counter_account=given))
    assert counter_account(asked, None) == expected


@pytest.mark.parametrize("entry_type", ["refund", "adjustment"])
def test_a_correction_is_booked_against_the_account_of_what_it_corrects(entry_type: str) -> None:
    """A refund of a purchase by Stripe leaves Stripe's account."""
    asked = posting(entry_type, -1, corrects=new_id())
    assert counter_account(asked, corrected("purchase", 5, counter_account=STRIPE)) == STRIPE


@pytest.mark.parametrize(
    ("entry_type", "given"),
    [
        ("purchase", None),
        ("purchase", PROMOTION),
        ("usage", None),
        ("usage", STRIPE),
        ("refund", DISPUTES),
        ("grant", STRIPE),
        ("adjustment", "assets:mine"),
        ("expiry", ADJUSTMENTS),
    ],
)
def test_a_counter_account_that_is_not_of_the_type_is_refused(
    entry_type: str, given: str | None
) -> None:
    """The chart is in one place; no poster invents an account."""
    amount_mc = -1 if entry_type in TAKE else 1
    with pytest.raises(BadPostingError, match="counter_account"):
        checked(posting(entry_type, amount_mc, counter_account=given))


@pytest.mark.parametrize("entry_type", ENTRY_TYPES)
def test_only_what_is_given_can_expire(entry_type: str) -> None:
    """Grants, bonuses and purchases make lots; positive corrections go to the pool."""
    amount_mc = -1 if entry_type in TAKE else 1
    asked = posting(entry_type, amount_mc, expires_at=datetime(2030, 1, 1, tzinfo=UTC))
    if entry_type in GIVE:
        assert checked(asked).expires_at == asked.expires_at
    else:
        with pytest.raises(BadPostingError, match="expires_at"):
            checked(asked)


def test_a_time_without_an_offset_is_refused() -> None:
    """Nobody would know which hour is meant."""
    naive = datetime(2030, 1, 1)  # noqa: DTZ001 - that is what is refused
    with pytest.raises(BadPostingError, match="expires_at must have an offset"):
        checked(posting("grant", 1, expires_at=naive))


def test_a_time_that_means_never_is_refused() -> None:
    """The driver reads a datetime's last moment as infinity, which no lot can be compared with."""
    for never in (datetime.max.replace(tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)):
        with pytest.raises(BadPostingError, match="expires_at must be before 9999-01-01"):
            checked(posting("grant", 1, expires_at=never))


@pytest.mark.parametrize("entry_type", ["grant", "refund", "adjustment"])
def test_what_people_post_needs_a_key_and_a_description(entry_type: str) -> None:
    """Grants, adjustments and refunds: a retry must be harmless, and somebody must know why."""
    amount_mc = -1 if entry_type == "refund" else 1
    with pytest.raises(BadPostingError, match="idempotency_key is required"):
        checked(posting(entry_type, amount_mc, idempotency_key=None))
    with pytest.raises(BadTextError, match="description"):
        checked(posting(entry_type, amount_mc, description=" "))


@pytest.mark.parametrize("entry_type", ["grant", "purchase", "bonus", "usage", "expiry"])
def test_other_types_correct_nothing(entry_type: str) -> None:
    """Corrections are adjustments, refunds and disputes."""
    amount_mc = -1 if entry_type in TAKE else 1
    with pytest.raises(BadPostingError, match="corrects cannot be given"):
        checked(posting(entry_type, amount_mc, corrects=new_id()))


def test_what_is_corrected_is_named_by_an_id() -> None:
    """In any spelling that stands for the same id."""
    entry_id = new_id()
    assert checked(posting("adjustment", 1, corrects=entry_id.upper())).corrects == entry_id
    with pytest.raises(BadPostingError, match="corrects must be the id of an entry"):
        checked(posting("adjustment", 1, corrects="7"))


@pytest.mark.parametrize("entry_type", ["refund", "dispute"])
def test_only_purchases_are_paid_back(entry_type: str) -> None:
    """Nobody has paid for a grant: an adjustment takes it back."""
    asked = posting(entry_type, -1, corrects=new_id())
    check_correction(asked, corrected("purchase", 5))
    with pytest.raises(BadPostingError, match="corrects must name a purchase"):
        check_correction(asked, corrected("grant", 5))


# What was moved, corrected since, expired since; the largest corrections down and up.
ROOM = [
    (100, 0, 0, -100, 100),
    (100, -30, 0, -70, 130),
    (100, 100, 0, -200, None),
    (100, -100, 0, None, 200),
    (100, 0, 40, -60, 100),
    (100, -30, 70, None, 130),
    (-30, 0, 0, -30, 30),
    (-30, 30, 0, -60, None),
    # The truth of a call came late, and was 100: it can all be given back.
    (-30, -70, 0, None, 100),
]


@pytest.mark.parametrize(("amount_mc", "corrected_mc", "expired_mc", "lowest", "highest"), ROOM)
def test_corrections_undo_an_entry_or_double_it_and_no_more(
    amount_mc: int, corrected_mc: int, expired_mc: int, lowest: int | None, highest: int | None
) -> None:
    """The amounts of all corrections of one entry may not exceed it."""
    of = corrected("grant", amount_mc, corrected_mc=corrected_mc, expired_mc=expired_mc)
    for limit_mc, step in ((lowest, -1), (highest, 1)):
        if limit_mc is not None:
            check_correction(posting("adjustment", limit_mc, corrects=new_id()), of)
        beyond = posting("adjustment", (limit_mc or 0) + step, corrects=new_id())
        with pytest.raises(BadAmountError, match="left to"):
            check_correction(beyond, of)
