"""The arithmetic of closing a month."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ledger.chart import ADJUSTMENTS, EXPIRED_REVENUE, PROMOTION, STRIPE, usage_revenue
from ledger.closing import AccountMonth, Check, Close, Movement, close_month
from ledger.months import Month

NOVEMBER = Month(2026, 11)
MODELS = ("gpt-4o", "gpt-4o-mini")
KINDS = (
    ("purchase", STRIPE, False),
    ("bonus", PROMOTION, False),
    ("grant", PROMOTION, False),
    ("refund", STRIPE, False),
    ("adjustment", ADJUSTMENTS, False),
    ("adjustment", usage_revenue("gpt-4o"), False),
    ("adjustment", usage_revenue("gpt-4o"), True),
    ("expiry", PROMOTION, False),
    ("expiry", EXPIRED_REVENUE, False),
    *(("usage", usage_revenue(model), True) for model in MODELS),
)


def movement(entry_type: str, counter: str, amount_mc: int, *, metered: bool = False) -> Movement:
    return Movement(
        entry_type=entry_type,
        counter_account=counter,
        is_metered=metered or entry_type == "usage",
        amount_mc=amount_mc,
        entries=1,
    )


def account(opening_mc: int, moved_mc: int, name: str = "a", **changes: int) -> AccountMonth:
    closing_mc = opening_mc + moved_mc
    values: dict[str, Any] = {
        "opening_mc": opening_mc,
        "moved_mc": moved_mc,
        "closing_mc": closing_mc,
        "balance_mc": closing_mc,
    }
    return AccountMonth(account_id=name, **{**values, **changes})


def close(
    accounts: Sequence[AccountMonth], movements: Sequence[Movement], posted: dict[str, int]
) -> Close:
    return close_month(NOVEMBER, accounts, movements, posted)


def wrong(closed: Close) -> list[Check]:
    return [check for check in closed.checks if not check.ties]


def test_a_month_is_opened_moved_and_closed() -> None:
    """Each type in its line, usage by model, revenue less what was corrected."""
    closed = close(
        [account(1_000, 8_500, "a"), account(0, -300, "b")],
        [
            movement("purchase", STRIPE, 10_000),
            movement("usage", usage_revenue("gpt-4o"), -1_500),
            movement("usage", usage_revenue("gpt-4o-mini"), -300),
            movement("adjustment", usage_revenue("gpt-4o"), 200),
            movement("expiry", EXPIRED_REVENUE, -200),
        ],
        {"gpt-4o": 1_500, "gpt-4o-mini": 300},
    )
    assert (closed.opening_mc, closed.closing_mc) == (1_000, 9_200)
    assert closed.totals["purchase"].amount_mc == 10_000
    assert {model: one.amount_mc for model, one in closed.usage.items()} == {
        "gpt-4o": -1_500,
        "gpt-4o-mini": -300,
    }
    assert closed.revenue_mc == {
        EXPIRED_REVENUE: 200,
        usage_revenue("gpt-4o"): 1_300,
        usage_revenue("gpt-4o-mini"): 300,
    }
    assert closed.earned_mc == 1_800
    assert closed.ties


def test_what_customers_owe_is_not_taken_off_what_they_are_owed() -> None:
    """A balance below zero stands apart."""
    closed = close([account(500, 0, "a"), account(-200, 0, "b")], [], {})
    assert (closed.owed_to_customers_mc, closed.owed_by_customers_mc) == (500, 200)
    assert closed.closing_mc == 300


def test_differences_that_cancel_out_are_found_in_each_account() -> None:
    """One account too high and another as much too low do not tie."""
    off = [account(0, 100, "a", closing_mc=90), account(0, 100, "b", closing_mc=110)]
    closed = close(off, [movement("grant", PROMOTION, 200)], {})
    assert not closed.ties
    assert {check.about for check in wrong(closed)} == {"a", "b"}


def test_a_changed_balance_names_the_account() -> None:
    """The account's own balance is held against its entries."""
    closed = close([account(0, 100, "a", balance_mc=101)], [movement("grant", PROMOTION, 100)], {})
    assert [(check.about, check.expected_mc, check.actual_mc) for check in wrong(closed)] == [
        ("", 100, 101),
        ("a", 100, 101),
    ]


def test_usage_without_its_entries_names_the_model() -> None:
    """Usage rows and usage entries are the same credits."""
    closed = close(
        [account(0, -100)],
        [movement("usage", usage_revenue("gpt-4o"), -100)],
        {"gpt-4o": 100, "gpt-4o-mini": 7},
    )
    assert [(check.about, check.expected_mc, check.actual_mc) for check in wrong(closed)] == [
        ("gpt-4o-mini", 7, 0)
    ]


def test_what_the_writer_corrects_is_usage_and_what_people_correct_is_not() -> None:
    """A late truth is in the usage rows; a goodwill refund of a call is in none."""
    closed = close(
        [account(0, -80)],
        [
            movement("usage", usage_revenue("gpt-4o"), -100),
            movement("adjustment", usage_revenue("gpt-4o"), 15, metered=True),
            movement("adjustment", usage_revenue("gpt-4o"), 5),
        ],
        {"gpt-4o": 85},
    )
    assert closed.ties
    assert closed.earned_mc == 80


amounts = st.integers(-(10**12), 10**12)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(KINDS), amounts), max_size=40),
    st.lists(amounts, min_size=4, max_size=4),
)
def test_whatever_moves_a_month_of_true_books_ties_and_adds_up(
    moves: list[tuple[int, tuple[str, str, bool], int]], openings: list[int]
) -> None:
    """Opening, all lines and closing add up; what is owed each way is the closing balance."""
    accounts = [
        account(opening, sum(mc for whose, _, mc in moves if whose == place), str(place))
        for place, opening in enumerate(openings)
    ]
    movements = [
        movement(entry_type, counter, mc, metered=metered)
        for _, (entry_type, counter, metered), mc in moves
    ]
    posted: dict[str, int] = {}
    for one in movements:
        if one.is_metered:
            model = one.counter_account.rsplit(":", 1)[1]
            posted[model] = posted.get(model, 0) - one.amount_mc
    closed = close(accounts, movements, posted)
    assert closed.ties
    lines = [*closed.totals.values(), *closed.usage.values()]
    assert closed.opening_mc + sum(line.amount_mc for line in lines) == closed.closing_mc
    assert closed.owed_to_customers_mc - closed.owed_by_customers_mc == closed.closing_mc
    revenue_mc = sum(mc for _, (_, counter, _), mc in moves if counter.startswith("revenue:"))
    assert closed.earned_mc == -revenue_mc


@given(st.integers(1, 10**9), st.sampled_from(["closing_mc", "moved_mc", "balance_mc"]))
def test_no_single_difference_goes_unseen(off_mc: int, field: str) -> None:
    """Whichever source is wrong, the month does not tie."""
    values = {"closing_mc": 900, "moved_mc": -100, "balance_mc": 900}
    values[field] += off_mc
    one = AccountMonth(account_id="a", opening_mc=1_000, **values)
    closed = close([one], [movement("usage", usage_revenue("gpt-4o"), -100)], {"gpt-4o": 100})
    assert not closed.ties
