"""What is due of a purchase: in whatever order it comes, the end is the same and exact."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.dues import (
    Amounts,
    DisputeFact,
    Facts,
    RefundFact,
    Sale,
    amounts_due,
    still_due,
)

STARTER = Sale(price_cents=999, base_mc=9_990_000, bonus_mc=0)
PROFESSIONAL = Sale(price_cents=4_999, base_mc=49_990_000, bonus_mc=2_499_000)


def paid(sale: Sale, paid_cents: int | None = None, charged_cents: int | None = None) -> Sale:
    """The sale, paid with its price or with what is given."""
    paid_cents = sale.price_cents if paid_cents is None else paid_cents
    charged_cents = paid_cents if charged_cents is None else charged_cents
    return msgspec.structs.replace(sale, paid_cents=paid_cents, charged_cents=charged_cents)


def refunded(*cents: int) -> Facts:
    return Facts(refunds=tuple(RefundFact(amount_cents=one, is_failed=False) for one in cents))


def failed(cents: int, *, by_charge: int = 0) -> Facts:
    refund = RefundFact(amount_cents=cents, is_failed=True)
    return Facts(refunds=(refund,), refunded_cents=by_charge)


def disputed(withdrawn: int, reinstated: int = 0) -> Facts:
    fact = DisputeFact(withdrawn_cents=withdrawn, reinstated_cents=reinstated)
    return Facts(disputes=(fact,))


def test_nothing_is_due_of_what_is_not_known_to_be_paid() -> None:
    """G11: a refund that comes before its payment waits for it."""
    assert amounts_due(STARTER, refunded(999)) == Amounts()


@pytest.mark.parametrize(
    ("sale", "facts", "expected"),
    [
        (paid(STARTER), Facts(), (9_990_000, 0, 0, 0, 0)),
        (paid(PROFESSIONAL), Facts(), (49_990_000, 2_499_000, 0, 0, 0)),
        # A promotion code of 10 dollars: its part is a bonus.
        (paid(PROFESSIONAL, 3_999), Facts(), (39_990_000, 12_499_000, 0, 0, 0)),
        # Nothing was left to pay.
        (paid(PROFESSIONAL, 0), Facts(), (0, 52_489_000, 0, 0, 0)),
        # A fifth of taxes on top buys nothing; half of all paid back is half of the credits.
        (paid(STARTER, 999, 1_199), Facts(), (9_990_000, 0, 0, 0, 0)),
        (paid(STARTER, 1_000, 1_200), refunded(600), (9_990_000, 0, 4_995_000, 0, 0)),
        (paid(PROFESSIONAL), refunded(4_999), (49_990_000, 2_499_000, 49_990_000, 2_499_000, 0)),
        (paid(PROFESSIONAL), refunded(9_999), (49_990_000, 2_499_000, 49_990_000, 2_499_000, 0)),
        # 1000 of 4999 cents: 499,900.0 mc of the bonus would be 20 %; it is 499,899.9…, down.
        (paid(PROFESSIONAL), refunded(1_000), (49_990_000, 2_499_000, 10_000_000, 499_899, 0)),
        (paid(STARTER), failed(999), (9_990_000, 0, 0, 0, 0)),
        (paid(STARTER), failed(999, by_charge=999), (9_990_000, 0, 0, 0, 0)),
        (paid(STARTER), Facts(refunded_cents=999), (9_990_000, 0, 9_990_000, 0, 0)),
        (paid(STARTER), disputed(999), (9_990_000, 0, 0, 0, 9_990_000)),
        (paid(STARTER), disputed(999, 999), (9_990_000, 0, 0, 0, 0)),
        (paid(STARTER), disputed(0, 999), (9_990_000, 0, 0, 0, 0)),
        (paid(STARTER), disputed(2_000), (9_990_000, 0, 0, 0, 9_990_000)),
        (paid(PROFESSIONAL), disputed(4_999), (49_990_000, 2_499_000, 0, 0, 52_489_000)),
    ],
)
def test_what_is_due(sale: Sale, facts: Facts, expected: tuple[int, ...]) -> None:
    """Base, bonus, refunds of both, disputes: by hand."""
    due = amounts_due(sale, facts)
    assert msgspec.structs.astuple(due) == expected


def test_refund_and_dispute_together_take_what_was_given_and_no_more() -> None:
    """A bank that takes what was refunded already takes no credits for it."""
    both = msgspec.structs.replace(refunded(4_000), disputes=disputed(4_999).disputes)
    due = amounts_due(paid(PROFESSIONAL), both)
    assert due.base_refund_mc + due.bonus_refund_mc == 40_000_000 + 1_999_599
    assert due.balance_mc == 0


def test_a_refund_and_a_dispute_of_the_rest_leave_nothing() -> None:
    """Money: rounded once on what both have taken of the payment, not once for each."""
    both = msgspec.structs.replace(refunded(1_250), disputes=disputed(3_749).disputes)
    due = amounts_due(paid(PROFESSIONAL), both)
    assert due.base_refund_mc + due.bonus_refund_mc == 12_500_000 + 624_874
    assert (due.dispute_mc, due.balance_mc) == (39_364_126, 0)


cents = st.integers(0, 12_000)
refunds = st.lists(
    st.builds(RefundFact, amount_cents=cents, is_failed=st.booleans()), max_size=4
).map(tuple)
disputes = st.lists(
    st.builds(DisputeFact, withdrawn_cents=cents, reinstated_cents=cents), max_size=3
).map(tuple)
facts = st.builds(Facts, refunded_cents=cents, refunds=refunds, disputes=disputes)


@st.composite
def sales(draw: st.DrawFn) -> Sale:
    price_cents = draw(st.integers(50, 9_999))
    tax_cents = draw(st.integers(0, 2_000))
    paid_cents = draw(st.integers(0, price_cents))
    return Sale(
        price_cents=price_cents,
        base_mc=price_cents * draw(st.integers(1, 20_000)),
        bonus_mc=draw(st.integers(0, 10_000_000)),
        paid_cents=paid_cents,
        charged_cents=paid_cents + tax_cents,
    )


@given(sales(), facts)
def test_what_is_taken_is_never_more_than_what_was_given(sale: Sale, known: Facts) -> None:
    """Money: each amount is there, none is negative, the package as a whole is given."""
    due = amounts_due(sale, known)
    assert min(msgspec.structs.astuple(due)) >= 0
    assert due.base_mc + due.bonus_mc == sale.base_mc + sale.bonus_mc
    assert due.base_refund_mc <= due.base_mc
    assert due.bonus_refund_mc <= due.bonus_mc
    assert 0 <= due.balance_mc <= sale.base_mc + sale.bonus_mc


@given(sales(), st.lists(st.integers(1, 4_000), min_size=1, max_size=6))
def test_many_refunds_round_as_one(sale: Sale, parts: Sequence[int]) -> None:
    """Money: rounded once on the sum, however many parts it came in; the rest is exact."""
    assert amounts_due(sale, refunded(*parts)) == amounts_due(sale, refunded(sum(parts)))
    charged_cents = sale.charged_cents or 0
    due = amounts_due(sale, refunded(charged_cents))
    if charged_cents:
        assert due.balance_mc == 0
        part = amounts_due(sale, refunded(min(sum(parts), charged_cents)))
        exact = part.base_mc * min(sum(parts), charged_cents)
        assert 0 <= exact - part.base_refund_mc * charged_cents < charged_cents


@given(sales(), facts, st.integers(1, 2_000))
def test_more_refunded_never_gives_credits(sale: Sale, known: Facts, more: int) -> None:
    """Money: another refund takes, or changes nothing."""
    further = (*known.refunds, RefundFact(amount_cents=more, is_failed=False))
    after = amounts_due(sale, msgspec.structs.replace(known, refunds=further))
    assert after.balance_mc <= amounts_due(sale, known).balance_mc


class Told(msgspec.Struct, frozen=True):
    """One thing that an event tells, in the way in which facts are kept: they only grow."""

    kind: str
    number: int
    cents: int
    is_final: bool


told = st.builds(
    Told,
    kind=st.sampled_from(["paid", "charge", "refund", "withdrawn", "reinstated"]),
    number=st.integers(0, 2),
    cents=st.integers(1, 5_000),
    is_final=st.booleans(),
)


class Known:
    """What is kept of a payment, and what the ledger has been told to post."""

    def __init__(self, sale: Sale) -> None:
        self.sale = sale
        self.is_paid = False
        self.by_charge = 0
        self.refunds: dict[int, bool] = {}
        self.disputes: dict[int, list[int]] = {}
        self.posted = Amounts()

    def hear(self, one: Told) -> None:
        if one.kind == "paid":
            self.is_paid = True
        elif one.kind == "charge":
            self.by_charge = max(self.by_charge, one.cents)
        elif one.kind == "refund":
            self.refunds[one.number] = self.refunds.get(one.number, False) or one.is_final
        else:
            moved = self.disputes.setdefault(one.number, [0, 0])
            index = 0 if one.kind == "withdrawn" else 1
            moved[index] = max(moved[index], one.cents)
        self.post()

    def post(self) -> None:
        known = Facts(
            refunded_cents=self.by_charge,
            refunds=tuple(
                RefundFact(amount_cents=700 * (number + 1), is_failed=is_failed)
                for number, is_failed in self.refunds.items()
            ),
            disputes=tuple(
                DisputeFact(withdrawn_cents=taken, reinstated_cents=given_back)
                for taken, given_back in self.disputes.values()
            ),
        )
        sale = self.sale
        if not self.is_paid:
            sale = msgspec.structs.replace(sale, paid_cents=None, charged_cents=None)
        due = amounts_due(sale, known)
        changes = still_due(due, self.posted)
        posted = msgspec.structs.asdict(self.posted)
        self.posted = Amounts(**{name: posted[name] + changes.get(name, 0) for name in posted})


@given(sales(), st.lists(told, max_size=10), st.data())
def test_g11_any_order_and_any_repetition_end_in_the_same_postings(
    sale: Sale, things: list[Told], data: st.DataObject
) -> None:
    """G11: however often, late or in whatever order."""
    again = data.draw(st.lists(st.sampled_from(things), max_size=5)) if things else []
    shuffled = data.draw(st.permutations([*things, *again]))
    one, other = Known(sale), Known(sale)
    for thing in things:
        one.hear(thing)
    for thing in shuffled:
        other.hear(thing)
    assert one.posted == other.posted
    assert still_due(one.posted, other.posted) == {}
